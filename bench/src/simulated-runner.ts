// Runners that do nothing but speak: they register, claim and report over HTTP like real ones.
import { createHash, randomBytes } from 'node:crypto';
import { uuidv7 } from '@rivet/base';
import {
  type ClaimedJob,
  type ClaimRequest,
  type ClaimResponse,
  type Client,
  type ConnectResponse,
  createClient,
  PACKED_REPORT_TYPE,
  packReport,
  type ReportRequest,
  type ReportResponse,
} from '@rivet/protocol';
import { type JsonAnswer, KeepAliveConnection } from './keep-alive-connection.ts';

/** How many register with one token, and at the same time. */
const USES_MAX = 1000;
const AT_ONCE = 16;
const VERSION = 'bench';

/** What is needed to speak for a runner, also in another process. */
export interface RunnerIdentity {
  readonly name: string;
  readonly token: string;
}

export interface RegisterOptions {
  /** Speaks for an administrator. */
  readonly client: Client;
  readonly url: string;
  readonly count: number;
  /** Names are this, a dash and a number. */
  readonly namePrefix?: string;
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
  /** Jobs at once that the server believes it has room for; 1 when absent. */
  readonly capacity?: number;
}

/** Registers runners; each has a token of its own. */
export async function registerRunners(options: RegisterOptions): Promise<RunnerIdentity[]> {
  const { client, url, count, namePrefix = 'bench', tags = [], capacity = 1 } = options;
  const identities: RunnerIdentity[] = [];
  for (let from = 0; from < count; from += USES_MAX) {
    const uses = Math.min(USES_MAX, count - from);
    const { token } = await client.createRegistrationToken({
      body: { uses_max: uses, tags: [...tags] },
    });
    const registering = createClient({ url, token });
    const numbers = Array.from({ length: uses }, (_, index) => from + index).values();
    const registerNext = async (): Promise<void> => {
      for (const number of numbers) {
        const identity = {
          name: `${namePrefix}-${number}`,
          token: `rvr_${randomBytes(32).toString('base64url')}`,
        };
        const token_sha256 = createHash('sha256').update(identity.token).digest('hex');
        await registering.registerRunner({
          body: { name: identity.name, token_sha256, tags: [], capacity, version: VERSION },
        });
        identities.push(identity);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, registerNext));
  }
  return identities;
}

export interface SimulatedRunnerOptions extends RunnerIdentity {
  readonly url: string;
  readonly capacity?: number;
  readonly localAddress?: string;
}

/** One runner; its connections are kept, and there are as many as it has calls under way. */
export class SimulatedRunner {
  readonly name: string;
  readonly #options: SimulatedRunnerOptions;
  readonly #connections: KeepAliveConnection[] = [];
  #connected: ConnectResponse | undefined;

  constructor(options: SimulatedRunnerOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The id that the server knows it by. @throws before `connect` */
  get id(): string {
    if (this.#connected === undefined) throw new Error(`${this.name} has not connected`);
    return this.#connected.runner_id;
  }

  /** Says that it is there, which every runner does first. */
  async connect(): Promise<void> {
    const { capacity = 1 } = this.#options;
    const body = { tags: [], capacity, version: VERSION };
    this.#connected = (await this.#post('/api/runner/connect', body)) as ConnectResponse;
  }

  /** Asks for jobs; waits for one up to `wait_ms`, which is 0 when absent. */
  async claim(body: Partial<ClaimRequest> = {}): Promise<ClaimResponse> {
    const request: ClaimRequest = {
      session: this.#connected?.session ?? '',
      request_id: uuidv7(),
      repeat: false,
      capacity: 1,
      wait_ms: 0,
      ...body,
    };
    return (await this.#post('/api/runner/claim', request)) as ClaimResponse;
  }

  /** Reports about a job that it has claimed; `seq` counts from 1. */
  async report(
    job: ClaimedJob,
    seq: number,
    content: Partial<ReportRequest> = {},
  ): Promise<ReportResponse> {
    const path = `/api/runner/jobs/${job.id}/report`;
    const report = reportOf(job, seq, content);
    if (report.log_blocks === undefined) return (await this.#post(path, report)) as ReportResponse;
    const { token } = this.#options;
    const pieces = packReport(report);
    const answer = await this.#connection().send(path, token, PACKED_REPORT_TYPE, pieces);
    return resultOf(path, answer) as ReportResponse;
  }

  /** Any other call of a runner. @throws when the server refuses it */
  call(path: string, body: object): Promise<unknown> {
    return this.#post(path, body);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  async #post(path: string, body: object): Promise<unknown> {
    return resultOf(path, await this.#connection().post(path, this.#options.token, body));
  }

  #connection(): KeepAliveConnection {
    const free = this.#connections.find((connection) => connection.usable);
    if (free !== undefined) return free;
    const made = new KeepAliveConnection(this.#options);
    this.#connections.push(made);
    return made;
  }
}

function resultOf(path: string, { status, body }: JsonAnswer): unknown {
  if (status < 300) return body;
  throw new Error(`${path} was answered ${status}: ${JSON.stringify(body)}`);
}

/** A report with nothing but what `content` says; renews the lease. */
export function reportOf(
  job: ClaimedJob,
  seq: number,
  content: Partial<ReportRequest> = {},
): ReportRequest {
  const { attempt, lease_id } = job;
  return { attempt, lease_id, seq, logs: [], stages: [], outputs: {}, ...content };
}
