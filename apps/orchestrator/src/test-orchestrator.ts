// For tests: orchestrators in this process, pipelines without Lua, and runners that only talk.
import { randomBytes, randomUUID } from 'node:crypto';
import { SecretText, silentLogger, uuidv7 } from '@rivet/base';
import {
  type ClaimedJob,
  type ClaimResponse,
  type Client,
  type ConnectRequest,
  type ConnectResponse,
  createClient,
  type JobOutcome,
  type JobReport,
  type LogLine,
  type PipelineDefinition,
  type ReportRequest,
  type ReportResponse,
  type Role,
  type RunnerTag,
  type StageDefinition,
} from '@rivet/protocol';
import {
  createDatabase,
  type Database,
  insertApiKey,
  insertPipeline,
  insertPipelineVersion,
  insertUser,
} from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll } from 'vitest';
import { makeToken } from './auth/token.ts';
import { createOrchestrator, type Orchestrator } from './compose.ts';
import type { Config } from './config.ts';
import type { MasterKeySource } from './sealing/load-master-key.ts';
import { createSecretSources } from './secrets/providers/secret-source.ts';

/** The same for all of a test file: several orchestrators share a database. */
export const testMasterKey = {
  kind: 'value',
  setting: 'RIVET_MASTER_KEY',
  text: new SecretText(randomBytes(32).toString('base64')),
} as const satisfies MasterKeySource;

export interface TestOrchestrator {
  readonly orchestrator: Orchestrator;
  /** Speaks for an administrator. */
  readonly client: Client;
  /** The API key of that administrator. */
  readonly token: string;
}

/** An orchestrator for the tests of a file, with a database of its own. */
export interface UsedOrchestrator extends TestOrchestrator {
  readonly url: string;
  readonly databaseUrl: string;
  /** A connection of the test's own. */
  readonly database: Database;
}

/** For the top of a test file: an orchestrator is there from `beforeAll` to `afterAll`. */
export function useTestOrchestrator(changes: Partial<Config> = {}): UsedOrchestrator {
  const testDatabase = useTestDatabase();
  let database: Database | undefined;
  let server: TestOrchestrator | undefined;
  beforeAll(async () => {
    database = openTestDatabase(testDatabase.url);
    server = await startTestOrchestrator(testDatabase.url, changes);
  });
  afterAll(async () => {
    await server?.orchestrator.stop();
    await database?.close();
  });
  const there = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the orchestrator is there from beforeAll on');
    return part;
  };
  return {
    get orchestrator() {
      return there(server).orchestrator;
    },
    get client() {
      return there(server).client;
    },
    get token() {
      return there(server).token;
    },
    get url() {
      return there(server).orchestrator.url;
    },
    get databaseUrl() {
      return testDatabase.url;
    },
    get database() {
      return there(database);
    },
  };
}

/** Starts an orchestrator on a free port; the caller stops it. */
export async function startTestOrchestrator(
  databaseUrl: string,
  changes: Partial<Config> = {},
): Promise<TestOrchestrator> {
  const config: Config = {
    databaseUrl,
    databaseConnectionsMax: 10,
    preparedStatements: true,
    partitionPeriod: 'week',
    reservedConnections: 2,
    batching: true,
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    migrate: true,
    leaseSeconds: 30,
    timeoutGraceMs: 300_000,
    attemptTimeMsMax: 86_400_000,
    logBytesMax: 512 * 1024 ** 2,
    pollMsMax: 20_000,
    notifications: true,
    runnerCache: true,
    leanHeap: false,
    bundled: true,
    streamsPerUser: 1000,
    masterKey: testMasterKey,
    secretSources: createSecretSources([]),
    ...changes,
  };
  const orchestrator = await createOrchestrator(config, silentLogger);
  await orchestrator.start();
  const database = openTestDatabase(databaseUrl);
  const { token } = await seedPerson(database, 'admin').finally(() => database.close());
  return { orchestrator, token, client: clientFor(orchestrator.url, token) };
}

const addresses = new WeakMap<Client, string>();

/** A client whose address a `FakeRunner` can ask for. */
export function clientFor(url: string, token: string, triesMax = 3): Client {
  const client = createClient({ url, token, triesMax });
  addresses.set(client, url);
  return client;
}

function addressOf(client: Client): string {
  const url = addresses.get(client);
  if (url === undefined) throw new Error('make the client with clientFor');
  return url;
}

export interface SeededPerson {
  readonly userId: string;
  readonly name: string;
  /** An API key that may whatever the person may. */
  readonly token: string;
}

/** Makes a user with an API key. */
export async function seedPerson(
  database: Database,
  role: Role,
  name = `${role}-${randomUUID()}`,
): Promise<SeededPerson> {
  const userId = uuidv7();
  const { token, hash, shown } = makeToken('apiKey');
  await insertUser(database, { id: userId, name, role, passwordHash: null });
  await insertApiKey(database, {
    id: uuidv7(),
    userId,
    name: 'test',
    hash,
    prefix: shown,
    permissions: null,
    pipelines: null,
    expiresAt: null,
  });
  return { userId, name, token: token.reveal() };
}

/** A connection of the test's own. */
export function openTestDatabase(url: string): Database {
  return createDatabase({ url, applicationName: 'test', logger: silentLogger });
}

/** Stores a pipeline whose definition is `changes` on an empty one, without evaluating any Lua. */
export async function seedPipeline(
  database: Database,
  changes: Partial<PipelineDefinition> = {},
): Promise<string> {
  const definition: PipelineDefinition = {
    name: `p-${randomUUID()}`,
    description: '',
    inputs: [],
    runner: [],
    plugins: [],
    secrets: [],
    env: {},
    timeout_ms: null,
    retry: null,
    policy: {},
    stages: [],
    ...changes,
  };
  const { name, description } = definition;
  await database.transaction(
    async (tx) => {
      const pipeline = await insertPipeline(tx, { id: uuidv7(), name, description });
      if (pipeline === undefined) throw new Error(`there is a pipeline ${name} already`);
      const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': '' } };
      await insertPipelineVersion(tx, pipeline.id, 1, { digest: randomUUID(), bundle, definition });
    },
    { repeatable: false },
  );
  return name;
}

export function stageDefinition(name: string): StageDefinition {
  return {
    name,
    needs: null,
    container: null,
    has_condition: false,
    timeout_ms: null,
    retry_max: 0,
    allow_failure: false,
    readonly: false,
    always: false,
  };
}

export function logLine(n: number, text = `line ${n}`): LogLine {
  return { n, t: new Date(0).toISOString(), stage: '', level: 'info', stream: 'log', text };
}

/** A report with nothing in it but what `changes` says. */
export function reportOf(job: ClaimedJob, changes: Partial<ReportRequest>): ReportRequest {
  const { attempt, lease_id } = job;
  return { attempt, lease_id, seq: 1, logs: [], stages: [], outputs: {}, ...changes };
}

interface FakeRunnerOptions {
  readonly name?: string;
  /** What its registration gives it. */
  readonly tags?: RunnerTag[];
  readonly pipelines?: string[];
  readonly capacity?: number;
}

/** A runner that claims and reports and runs nothing. */
export class FakeRunner {
  /** Speaks for the runner. */
  readonly client: Client;
  readonly id: string;
  readonly name: string;
  readonly token: string;
  /** What it was told that it still has. */
  readonly held: ConnectResponse['held'];
  readonly #session: string;

  private constructor(client: Client, token: string, connected: ConnectResponse) {
    this.client = client;
    this.token = token;
    this.held = connected.held;
    this.id = connected.runner_id;
    this.name = connected.name;
    this.#session = connected.session;
  }

  /** @param client an administrator's */
  static async register(client: Client, options: FakeRunnerOptions = {}): Promise<FakeRunner> {
    const { name = `r-${randomUUID()}`, tags = [], pipelines = ['*'], capacity = 100 } = options;
    const given = await client.createRegistrationToken({ body: { tags, pipelines } });
    const { token, hash } = makeToken('runner');
    const offer = { tags: [], capacity, version: 'test' };
    await clientFor(addressOf(client), given.token).registerRunner({
      body: { name, token_sha256: hash.toString('hex'), ...offer },
    });
    return FakeRunner.connect(addressOf(client), token.reveal(), capacity);
  }

  /** A runner that is registered already. */
  static async connect(
    url: string,
    token: string,
    capacity = 100,
    held?: ConnectRequest['held'],
  ): Promise<FakeRunner> {
    const client = clientFor(url, token);
    const body = { tags: [], capacity, version: 'test', ...(held && { held }) };
    return new FakeRunner(client, token, await client.connectRunner({ body }));
  }

  async claim(
    options: {
      capacity?: number;
      waitMs?: number;
      requestId?: string;
      signal?: AbortSignal;
      draining?: boolean;
      problem?: string;
      full?: boolean;
    } = {},
  ): Promise<ClaimedJob[]> {
    const { capacity = 1, waitMs = 0, requestId = randomUUID(), signal, ...said } = options;
    const body = {
      session: this.#session,
      request_id: requestId,
      capacity,
      wait_ms: waitMs,
      ...said,
    };
    const { jobs } = await this.client.claimJobs({ body, ...(signal && { signal }) });
    return jobs;
  }

  /** A claim that brings reports. */
  claimWith(
    reports: JobReport[],
    options: { capacity?: number; requestId?: string; repeat?: boolean } = {},
  ): Promise<ClaimResponse> {
    const { capacity = 1, requestId = randomUUID(), repeat = false } = options;
    const claim = { session: this.#session, request_id: requestId, repeat, capacity, wait_ms: 0 };
    return this.client.claimJobs({ body: { ...claim, reports } });
  }

  /** The same runner, which talks to the orchestrator of another client. */
  through(client: Client, triesMax = 3): FakeRunner {
    const { token, id, name } = this;
    const connected = { runner_id: id, name, session: this.#session, tags: [], pipelines: [] };
    return new FakeRunner(clientFor(addressOf(client), token, triesMax), token, connected);
  }

  /**
   * The same runner after a start: a new session replaces this one.
   * @param held what it says that it still has
   */
  reconnect(held?: ConnectRequest['held']): Promise<FakeRunner> {
    return FakeRunner.connect(addressOf(this.client), this.token, 100, held);
  }

  /** One claim that must give a job. */
  async claimOne(waitMs = 15_000): Promise<ClaimedJob> {
    const [job] = await this.claim({ waitMs });
    if (job === undefined) throw new Error('there was no job to claim');
    return job;
  }

  report(job: ClaimedJob, changes: Partial<ReportRequest>): Promise<ReportResponse> {
    return this.client.reportJob({ id: job.id, body: reportOf(job, changes) });
  }

  finish(job: ClaimedJob, outcome: JobOutcome, seq = 1): Promise<unknown> {
    return this.report(job, { seq, outcome });
  }
}
