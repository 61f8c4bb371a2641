// A whole installation for a benchmark: a durable PostgreSQL, orchestrators and runners as real
// processes.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { startEmbeddedDatabase } from '@rivet/embedded-database';
import { type Client, createClient, type Job } from '@rivet/protocol';
import { BASE_IMAGE, runCommand } from './command.ts';
import { type Program, startProgram } from './program.ts';

const END_MS = 120_000;

export interface InstallationOptions {
  /** How many are started at once; 1 when absent. */
  readonly orchestrators?: number;
  /** Real runner processes, spread over the orchestrators; 0 when absent. */
  readonly runners?: number;
  /** Jobs at once of a real runner; 2 when absent. */
  readonly capacity?: number;
  /** Of every orchestrator. */
  readonly orchestratorSettings?: Settings;
  /** Of every real runner. */
  readonly runnerSettings?: Settings;
  /** Whether commits are on the disk before they are answered; true when absent. */
  readonly durable?: boolean;
  /** Further settings of PostgreSQL. */
  readonly databaseSettings?: Settings;
}

type Settings = Readonly<Record<string, string>>;

export interface BenchOrchestrator extends Program {
  readonly url: string;
  /** Speaks for the administrator. */
  readonly client: Client;
}

interface BenchRunner extends Program {
  readonly name: string;
  readonly stateDirectory: string;
}

export interface Installation {
  /** For what the benchmark writes; removed at the end. */
  readonly directory: string;
  readonly databaseUrl: string;
  /** The API key of the administrator. */
  readonly token: string;
  readonly orchestrators: readonly BenchOrchestrator[];
  readonly runners: readonly BenchRunner[];
  /** Speaks to the first orchestrator for the administrator. */
  readonly client: Client;
  startOrchestrator(settings?: Settings): Promise<BenchOrchestrator>;
  /** @param at the orchestrator that it polls; the first when absent */
  startRunner(settings?: Settings, at?: BenchOrchestrator): Promise<BenchRunner>;
  /** Makes a pipeline of one file; returns its name. */
  createPipeline(source: string): Promise<string>;
}

/** Starts an installation, has `use` measure it, and removes it all, also when `use` throws. */
export async function withInstallation<T>(
  options: InstallationOptions,
  use: (installation: Installation) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const database = await startEmbeddedDatabase({
    dataDirectory: join(directory, 'database'),
    logger: silentLogger,
    persistent: false,
    durable: options.durable ?? true,
    settings: options.databaseSettings ?? {},
  });
  stack.defer(() => database.stop());
  const settings = {
    DATABASE_URL: database.url,
    RIVET_MASTER_KEY: randomBytes(32).toString('base64'),
    RIVET_LOG_LEVEL: 'error',
  };
  const token = await bootstrap(settings);
  const orchestrators: BenchOrchestrator[] = [];
  const runners: BenchRunner[] = [];
  const first = (): BenchOrchestrator => {
    const [orchestrator] = orchestrators;
    if (orchestrator === undefined) throw new Error('no orchestrator was started');
    return orchestrator;
  };
  const installation: Installation = {
    directory,
    databaseUrl: database.url,
    token,
    orchestrators,
    runners,
    get client() {
      return first().client;
    },
    async startOrchestrator(own = {}) {
      const program = startProgram('apps/orchestrator/src/main.ts', {
        ...settings,
        RIVET_LISTEN: '127.0.0.1:0',
        ...options.orchestratorSettings,
        ...own,
      });
      stack.defer(() => program.stop());
      const { url } = await program.announced('listening');
      const client = createClient({ url: String(url), token });
      const orchestrator = { ...program, url: String(url), client };
      orchestrators.push(orchestrator);
      return orchestrator;
    },
    async startRunner(own = {}, at = first()) {
      const name = `bench-runner-${runners.length + 1}`;
      const stateDirectory = join(directory, name);
      const registration = await first().client.createRegistrationToken({
        body: { tag_keys: ['*'] },
      });
      const program = startProgram('apps/runner/src/main.ts', {
        RIVET_URL: at.url,
        RIVET_RUNNER_NAME: name,
        RIVET_RUNNER_CAPACITY: String(options.capacity ?? 2),
        RIVET_RUNNER_TOKEN: registration.token,
        RIVET_STATE_DIRECTORY: stateDirectory,
        RIVET_DEFAULT_IMAGE: BASE_IMAGE,
        RIVET_LOG_LEVEL: 'error',
        ...options.runnerSettings,
        ...own,
      });
      stack.defer(() => program.stop());
      await program.announced('online');
      const runner = { ...program, name, stateDirectory };
      runners.push(runner);
      return runner;
    },
    async createPipeline(source) {
      const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
      return (await first().client.createPipeline({ body: { bundle } })).name;
    },
  };
  for (let n = 0; n < (options.orchestrators ?? 1); n += 1) await installation.startOrchestrator();
  for (let n = 0; n < (options.runners ?? 0); n += 1) {
    await installation.startRunner({}, orchestrators[n % orchestrators.length]);
  }
  return await use(installation);
}

/**
 * Follows the events of a job to its end, which is told as it happens and not asked for again and
 * again. @throws after two minutes
 */
export async function waitForEnd(client: Client, id: string): Promise<Job> {
  const signal = AbortSignal.timeout(END_MS);
  for await (const event of client.streamJobEvents({ id, signal })) {
    if (event.event === 'end') return event.data;
  }
  throw new Error(`the events of job ${id} ended before the job did`);
}

/**
 * Launches a pipeline and waits for its end; gives the milliseconds between.
 * @throws when the job ends as anything but succeeded
 */
export async function runJob(client: Client, ref: string): Promise<number> {
  const start = performance.now();
  const { id } = await client.launchPipeline({ ref, body: {} });
  const job = await waitForEnd(client, id);
  const ms = performance.now() - start;
  if (job.state === 'succeeded') return ms;
  throw new Error(`job ${id} ended as ${job.state}: ${job.message ?? ''}`);
}

/** Makes the schema, an administrator and an API key, which is the result. */
async function bootstrap(settings: Settings): Promise<string> {
  const program = 'apps/orchestrator/src/bootstrap.ts';
  const prepared: unknown = JSON.parse(await runCommand(process.execPath, [program], settings));
  return (prepared as { api_key: string }).api_key;
}
