// A whole installation for a test: a database of its own, orchestrators, runners, and the check
// that nothing is left.
import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Client, createClient, createPinnedFetch } from '@rivet/protocol';
import { createTestDatabase, type TestAuthority, type TestCertificate } from '@rivet/testing';
import { fastPathsOff } from './fast-paths.ts';
import { type Program, startProgram } from './program.ts';

const run = promisify(execFile);

/** The image that the set-up makes on every machine. */
export const BASE_IMAGE = 'localhost/rivet/base:latest';

interface Orchestrator extends Program {
  readonly url: string;
  readonly port: number;
  readonly client: Client;
}

interface Runner extends Program {
  readonly stateDirectory: string;
}

export interface Installation {
  readonly directory: string;
  /** What further orchestrators need to share its database. */
  readonly databaseEnv: Readonly<Record<string, string>>;
  readonly orchestrators: Orchestrator[];
  readonly runners: Runner[];
  /** The API key of the administrator. */
  readonly token: string;
  /** Talks to the first orchestrator, for the administrator. */
  readonly client: Client;
  startOrchestrator(port?: number, root?: string): Promise<Orchestrator>;
  startRunner(name: string, options?: RunnerOptions): Promise<Runner>;
  /** Stops everything; returns what was left behind that should not be. */
  stop(): Promise<string[]>;
}

interface RunnerOptions {
  readonly url?: string;
  readonly capacity?: number;
  readonly stateDirectory?: string;
  /** Of the installation whose program it is; this repository when absent. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface InstallationOptions {
  readonly orchestrators?: number;
  readonly runners?: number;
  readonly capacity?: number;
  /** Of the orchestrators. */
  readonly orchestratorEnv?: Readonly<Record<string, string>>;
  /** Makes the orchestrators speak TLS; clients and runners pin its authority. */
  readonly tls?: { readonly authority: TestAuthority; readonly certificate: TestCertificate };
  /** Of the runners. */
  readonly runnerEnv?: Readonly<Record<string, string>>;
  /** Whether programs may take their fast paths; yes when absent, unless `FAST_PATHS` is `off`. */
  readonly fastPaths?: boolean;
}

/** Starts an installation; runners are spread over the orchestrators. */
export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const database = await createTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'rivet-e2e-'));
  const { tls, fastPaths = process.env.FAST_PATHS !== 'off' } = options;
  const databaseEnv = { DATABASE_URL: database.url, ...masterKeySetting() };
  const { api_key: token } = await bootstrap(databaseEnv);
  const orchestrators: Orchestrator[] = [];
  const runners: Runner[] = [];
  const first = (): Orchestrator => {
    const [orchestrator] = orchestrators;
    if (orchestrator === undefined) throw new Error('no orchestrator was started');
    return orchestrator;
  };

  const installation: Installation = {
    directory,
    databaseEnv,
    orchestrators,
    runners,
    token,
    get client() {
      return first().client;
    },
    async startOrchestrator(wanted, root) {
      const port = wanted ?? (await freePort());
      const env = {
        ...databaseEnv,
        RIVET_LISTEN: `127.0.0.1:${port}`,
        ...(tls !== undefined && {
          RIVET_TLS_CERT: tls.certificate.certFile,
          RIVET_TLS_KEY: tls.certificate.keyFile,
        }),
        ...(!fastPaths && fastPathsOff.orchestrator),
        ...options.orchestratorEnv,
      };
      const source = 'apps/orchestrator/src/main.ts';
      const program = startProgram(`orchestrator ${port}`, source, env, root);
      await program.announced('listening');
      const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
      const fetch = tls && createPinnedFetch(tls.authority.pem, 'test');
      const client = createClient({ url, token, ...(fetch !== undefined && { fetch }) });
      const orchestrator = { ...program, port, url, client };
      orchestrators.push(orchestrator);
      return orchestrator;
    },
    async startRunner(name, given = {}) {
      const stateDirectory = given.stateDirectory ?? join(directory, name);
      const registration = await first().client.createRegistrationToken({
        body: { tag_keys: ['*'] },
      });
      const env = {
        RIVET_URL: given.url ?? first().url,
        RIVET_RUNNER_NAME: name,
        RIVET_RUNNER_CAPACITY: String(given.capacity ?? options.capacity ?? 2),
        RIVET_STATE_DIRECTORY: stateDirectory,
        RIVET_RUNNER_TOKEN: registration.token,
        ...(tls !== undefined && { RIVET_CA_FILE: tls.authority.caFile }),
        RIVET_DEFAULT_IMAGE: BASE_IMAGE,
        RIVET_KILL_GRACE: '1s',
        RIVET_CANCEL_GRACE: '5s',
        // What else is on the disk of this machine is no business of a test.
        RIVET_DISK_MIN: '0',
        ...(!fastPaths && fastPathsOff.runner),
        ...options.runnerEnv,
        ...given.env,
      };
      const program = startProgram(`runner ${name}`, 'apps/runner/src/main.ts', env, given.root);
      await program.announced('online');
      const runner = { ...program, stateDirectory };
      runners.push(runner);
      return runner;
    },
    async stop() {
      const problems: string[] = [];
      for (const program of [...runners, ...orchestrators]) {
        const end = await program.stop();
        if (end !== 0 && end !== 'SIGKILL') {
          problems.push(`${program.name} ended with ${end}:\n${program.stderr().slice(-2000)}`);
        }
      }
      for (const path of new Set(runners.map((runner) => runner.stateDirectory))) {
        problems.push(...(await leftoversOf(path)));
      }
      await rm(directory, { recursive: true, force: true });
      await database.drop();
      return problems;
    },
  };

  try {
    for (let n = 0; n < (options.orchestrators ?? 1); n += 1)
      await installation.startOrchestrator();
    for (let n = 0; n < (options.runners ?? 1); n += 1) {
      const url = orchestrators[n % orchestrators.length]?.url;
      await installation.startRunner(`runner-${n + 1}`, url === undefined ? {} : { url });
    }
    return installation;
  } catch (error) {
    await installation.stop();
    throw error;
  }
}

/** The setting of a new master key. */
export function masterKeySetting(): { readonly RIVET_MASTER_KEY: string } {
  return { RIVET_MASTER_KEY: randomBytes(32).toString('base64') };
}

interface Prepared {
  readonly api_key: string;
}

/** Runs the program "bootstrap" to its end: the schema, an administrator, an API key. */
export async function bootstrap(env: Readonly<Record<string, string>>): Promise<Prepared> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const program = 'apps/orchestrator/src/bootstrap.ts';
  const { stdout } = await run(process.execPath, [program], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
  });
  return JSON.parse(stdout) as Prepared;
}

/** Containers and directories of a runner that has stopped. */
export async function leftoversOf(stateDirectory: string): Promise<string[]> {
  const owner = (await readFile(join(stateDirectory, 'owner'), 'utf8')).trim();
  const directories: string[] = [];
  for (const parent of ['jobs', 'warm']) {
    const names = await readdir(join(stateDirectory, parent));
    directories.push(...names.map((name) => join(stateDirectory, parent, name)));
  }
  const containers = await containersOf(owner);
  return [
    ...directories.map((path) => `the directory ${path} was left`),
    ...containers.map((name) => `the container ${name} was left`),
  ];
}

/** Names of the containers of the runner with this owner id, running or not. */
export async function containersOf(owner: string): Promise<string[]> {
  const { stdout } = await run('podman', [
    ...['ps', '--all', '--format', '{{.Names}}'],
    ...['--filter', `label=dev.rivet.owner=${owner}`],
  ]);
  return stdout.split('\n').filter((name) => name !== '');
}

/**
 * A port of 127.0.0.1 that nobody listened on a moment ago. Below those that the kernel gives to
 * outgoing connections: a program that is away for a moment finds it free when it comes back.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
