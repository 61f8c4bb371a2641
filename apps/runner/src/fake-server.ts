// A server for tests of the runner: register, connect, claim and report over real HTTP, with faults
// where the test asks for them.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  bytesOfBlock,
  type ClaimedJob,
  type ClaimRequest,
  type ConnectRequest,
  decodeLogBlock,
  type HeldJob,
  type JobOutcome,
  type JobReport,
  type LogLine,
  PACKED_REPORT_TYPE,
  type PackedReport,
  PROTOCOL_VERSION,
  partPackedReport,
  type RegisterRequest,
  type RenewLeasesRequest,
  type ReportRequest,
  unpackReport,
} from '@rivet/protocol';

/**
 * What happens to a request: an answer of its own, a cut before or after it had its effect, or a
 * delay.
 */
export type Fault =
  | {
      readonly status: number;
      readonly code: string;
      readonly detail?: string;
      readonly retryAfterSeconds?: number;
    }
  | 'cut-before'
  | 'cut-after'
  | { readonly delayMs: number };

export type CallName = 'register' | 'connect' | 'token' | 'claim' | 'report' | 'reports' | 'leases';

/** Good for one runner. */
export const REGISTRATION_TOKEN = `rvg_${'r'.repeat(43)}`;

export interface Call {
  readonly name: CallName;
  readonly body: unknown;
  /** Of `performance.now()`. */
  readonly at: number;
}

/** What the server knows of a job. */
export interface FakeJob {
  claimed: ClaimedJob;
  readonly lines: LogLine[];
  readonly outcomes: JobOutcome[];
  readonly outputs: Record<string, unknown>;
  readonly stages: string[];
  /** What was reported as the summary, each time. */
  readonly summaries: string[];
  cancel: boolean;
  lost: boolean;
  lastSeq: number;
}

export class FakeServer {
  readonly calls: Call[] = [];
  /** What must never happen: a sequence number with two contents, a gap, an unknown session. */
  readonly violations: string[] = [];
  /** The version of the protocol that it says it speaks; undefined: it does not say. */
  protocol: number | undefined = PROTOCOL_VERSION;
  /** Decides the fault of each call; `count` is how many of its kind came before. */
  fault: (call: Call, count: number) => Fault | undefined = () => undefined;
  leaseSeconds = 30;
  readonly #jobs = new Map<string, FakeJob>();
  readonly #queue: FakeJob[] = [];
  readonly #answers = new Map<string, ClaimedJob[]>();
  readonly #bodies = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  readonly #http: Server;
  /** Of the runner: the one it uses, and the one it has offered. */
  readonly tokens: { current?: string; next?: string } = {};
  /** Registrations that took a use of the token. */
  registrations = 0;
  /** Whether the next claims are answered with the wish for another token. */
  wantsChange = false;
  revoked = false;
  /** Grows with each thing that waiting polls are answered for. */
  news = 0;
  #session = 0;

  private constructor() {
    this.#http = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        this.violations.push(`the fake server failed: ${String(error)}`);
        response.destroy();
      });
    });
  }

  static async start(): Promise<FakeServer> {
    const server = new FakeServer();
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
  }

  /** Queues a job. */
  launch(number: number): FakeJob {
    const suffix = String(number).padStart(12, '0');
    const job: FakeJob = {
      claimed: {
        id: `00000000-0000-7000-8000-${suffix}`,
        attempt: 1,
        lease_id: `lease-${number}`,
        lease_seconds: this.leaseSeconds,
        pipeline: 'p',
        version: 1,
        bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': '' } },
        definition: { stages: [] } as unknown as ClaimedJob['definition'],
        inputs: {},
        launched_by: 'test',
        event: 'manual',
        created_at: '2026-01-01T00:00:00.000Z',
      },
      lines: [],
      outcomes: [],
      outputs: {},
      summaries: [],
      stages: [],
      cancel: false,
      lost: false,
      lastSeq: 0,
    };
    this.#jobs.set(job.claimed.id, job);
    this.#queue.push(job);
    for (const wake of [...this.#waiting]) wake();
    return job;
  }

  /** Cancels a job, and answers the polls that wait. */
  cancel(job: FakeJob): void {
    job.cancel = true;
    this.news += 1;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Another process connects with the token of the runner. */
  replaceSession(): void {
    this.#session += 1;
  }

  count(name: CallName): number {
    return this.calls.filter((call) => call.name === name).length;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = readBody(Buffer.concat(chunks), request.headers['content-type']);
    const path = request.url ?? '';
    const name = path.split('/').at(-1) as CallName;
    const call: Call = { name, body, at: performance.now() };
    const fault = this.fault(call, this.count(name));
    this.calls.push(call);
    if (fault === 'cut-before') return void request.socket.destroy();
    if (typeof fault === 'object' && 'status' in fault) return refuse(response, fault);
    if (typeof fault === 'object') await new Promise((done) => setTimeout(done, fault.delayMs));
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const allowed = name === 'register' ? token === REGISTRATION_TOKEN : this.#knows(token);
    const answer = allowed
      ? await this.#answer(name, path, body, response)
      : { status: 401, code: 'RIVET_AUTH_INVALID' };
    if (fault === 'cut-after') return void request.socket.destroy();
    if ('code' in answer) return refuse(response, answer);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  }

  #answer(
    name: CallName,
    path: string,
    body: unknown,
    response: ServerResponse,
  ): Promise<object> | object {
    if (name === 'register') return this.#register(body as RegisterRequest);
    if (name === 'token') {
      const { token_sha256: hash } = body as { token_sha256: string };
      if (this.tokens.current !== hash) this.tokens.next = hash;
      return {};
    }
    if (name === 'connect') {
      this.#session += 1;
      const session = String(this.#session);
      const runner = { runner_id: 'runner-1', name: 'test-runner', tags: [], pipelines: ['*'] };
      const { protocol } = this;
      return {
        ...runner,
        session,
        protocol,
        held: this.#hold((body as ConnectRequest).held ?? []),
      };
    }
    if (name === 'claim') return this.#claim(body as ClaimRequest, response);
    if (name === 'reports') {
      const { reports } = body as { reports: JobReport[] };
      return { results: reports.map((report) => this.#reportBeside(report)) };
    }
    if (name === 'leases') return this.#renewLeases(body as RenewLeasesRequest);
    return this.#report(path.split('/').at(-2) ?? '', body as ReportRequest);
  }

  #renewLeases({ leases }: RenewLeasesRequest): object {
    const results = leases.map(({ job_id, lease_id }) => {
      const job = this.#jobs.get(job_id);
      const isHeld = job?.claimed.lease_id === lease_id && !job.lost && job.outcomes.length === 0;
      if (!isHeld) return { job_id, problem: problemOf(409, 'RIVET_LEASE_LOST') };
      return { job_id, lease_seconds: this.leaseSeconds, cancel: job.cancel };
    });
    return { results };
  }

  #hold(held: NonNullable<ConnectRequest['held']>): HeldJob[] {
    return held.flatMap(({ job_id: id, lease_ids: leaseIds }) => {
      const job = this.#jobs.get(id);
      if (job === undefined || job.lost || job.outcomes.length > 0) return [];
      if (!leaseIds.includes(job.claimed.lease_id)) return [];
      job.claimed = { ...job.claimed, lease_id: leaseIds.at(-1) ?? '' };
      return { job: job.claimed, last_seq: job.lastSeq, log_lines: job.lines.length };
    });
  }

  #reportBeside({ job_id, ...report }: JobReport): object {
    const answer = this.#report(job_id, report);
    if (!('code' in answer)) return { job_id, ...answer };
    const { status, code } = answer as { status: number; code: string };
    return { job_id, problem: problemOf(status, code) };
  }

  #knows(token: string): boolean {
    const hash = createHash('sha256').update(token).digest('hex');
    const { current, next } = this.tokens;
    if (this.revoked || (hash !== current && hash !== next)) return false;
    if (hash === next) {
      this.tokens.current = hash;
      delete this.tokens.next;
      this.wantsChange = false;
    }
    return true;
  }

  #register({ token_sha256: hash }: RegisterRequest): object {
    if (this.revoked) return { status: 409, code: 'RIVET_RUNNER_REVOKED' };
    if (this.tokens.current === hash) return { runner_id: 'runner-1' };
    if (this.registrations > 0) return { status: 401, code: 'RIVET_AUTH_INVALID' };
    this.registrations += 1;
    this.tokens.current = hash;
    return { runner_id: 'runner-1' };
  }

  async #claim(body: ClaimRequest, response: ServerResponse): Promise<object> {
    if (body.session !== String(this.#session)) {
      return { status: 409, code: 'RIVET_RUNNER_UNKNOWN' };
    }
    const results = body.reports?.map((report) => this.#reportBeside(report));
    const reported = results && { reports: results };
    const known = this.#answers.get(body.request_id);
    if (known !== undefined) return { jobs: known, ...reported };
    const deadline = performance.now() + body.wait_ms;
    const { news } = this;
    const isEmpty = (): boolean => this.#queue.length === 0 || body.full === true;
    while (isEmpty() && news === this.news && performance.now() < deadline && !response.destroyed) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, deadline - performance.now());
        response.once('close', wake);
        this.#waiting.add(wake);
      });
    }
    if (response.destroyed || body.draining === true || body.full === true)
      return { jobs: [], ...reported };
    const jobs = this.#queue.splice(0, body.capacity).map((job) => job.claimed);
    this.#answers.set(body.request_id, jobs);
    return { jobs, ...reported, ...(this.wantsChange && { change_token: true }) };
  }

  #report(id: string, body: ReportRequest): object {
    const job = this.#jobs.get(id);
    if (job === undefined) return { status: 404, code: 'RIVET_JOB_NOT_FOUND' };
    if (job.lost || job.claimed.lease_id !== body.lease_id) {
      return { status: 409, code: 'RIVET_LEASE_LOST' };
    }
    const key = `${id} ${body.seq}`;
    const text = JSON.stringify(body);
    const before = this.#bodies.get(key);
    if (before !== undefined && before !== text) {
      this.violations.push(`sequence ${body.seq} of ${id} came with two contents`);
    }
    if (before === undefined) this.#store(job, body);
    this.#bodies.set(key, text);
    return { lease_seconds: this.leaseSeconds, cancel: job.cancel };
  }

  #store(job: FakeJob, body: ReportRequest): void {
    if (body.seq !== job.lastSeq + 1) this.violations.push(`sequence ${body.seq} is a gap`);
    if (job.outcomes.length > 0) this.violations.push('a report came after the outcome');
    job.lastSeq = body.seq;
    const blocks = (body.log_blocks ?? []).flatMap(({ first_line: first, data }) =>
      decodeLogBlock(first, bytesOfBlock({ data })),
    );
    for (const line of [...body.logs, ...blocks]) {
      if (line.n !== job.lines.length + 1) this.violations.push(`line ${line.n} is out of order`);
      job.lines.push(line);
    }
    for (const change of body.stages) job.stages.push(`${change.stage}:${change.state}`);
    Object.assign(job.outputs, body.outputs);
    if (body.summary !== undefined) job.summaries.push(body.summary);
    if (body.outcome !== undefined) job.outcomes.push(body.outcome);
  }
}

/** What was sent, whichever of the two ways it came. */
function readBody(bytes: Buffer, contentType: string | undefined): unknown {
  if (contentType !== PACKED_REPORT_TYPE) return JSON.parse(bytes.toString('utf8'));
  const { json, blocks } = partPackedReport(bytes);
  return unpackReport(JSON.parse(json.toString('utf8')) as PackedReport, blocks);
}

function refuse(response: ServerResponse, answer: object): void {
  const { status, code, detail, retryAfterSeconds } = answer as {
    status: number;
    code: string;
    detail?: string;
    retryAfterSeconds?: number;
  };
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(problemOf(status, code, detail)));
}

function problemOf(status: number, code: string, detail = `refused: ${code}`): object {
  return { type: 'about:blank', title: code, status, detail, code };
}
