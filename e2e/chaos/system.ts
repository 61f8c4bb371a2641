// What chaos is made in: a database server, orchestrators, runners and a client, each behind a
// proxy that can break its connections, each kept running as a service manager does it.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@rivet/protocol';
import {
  mountSmallDisk,
  type SmallDisk,
  startTcpProxy,
  type TcpProxy,
  violationsIn,
} from '@rivet/testing';
import { BASE_IMAGE, bootstrap, freePort, leftoversOf, masterKeySetting } from '../installation.ts';
import { startProgram } from '../program.ts';
import { type BreakablePodman, makeBreakablePodman } from './breakable-podman.ts';
import { startChaosDatabase } from './chaos-database.ts';
import { eventually } from './eventually.ts';
import { connectionsLeft, mountsBelow, type Usage, usageOf } from './leaks.ts';
import { type Member, startMember } from './member.ts';

const ORCHESTRATORS = 2;
const RUNNERS = 3;
const CAPACITY = 2;
/** Of the state of a runner, and below what it takes no jobs. */
const DISK_MEGABYTES = 64;
const DISK_MIN_MEGABYTES = 16;

export interface ChaosOrchestrator extends Member {
  readonly port: number;
  /** Between it and the database. */
  readonly database: TcpProxy;
}

export interface ChaosRunner extends Member {
  /** Between it and an orchestrator, as a balancer in front of them. */
  readonly server: TcpProxy;
  readonly stateDirectory: string;
  /** What it runs containers with. */
  readonly podman: BreakablePodman;
  /** Where its state lies; undefined on a machine where nobody may mount one. */
  readonly disk: SmallDisk | undefined;
}

export interface ChaosSystem {
  readonly orchestrators: readonly ChaosOrchestrator[];
  readonly runners: readonly ChaosRunner[];
  /** Talks through `front`, as people and scripts do. */
  readonly client: Client;
  readonly front: TcpProxy;
  /** Talks to an orchestrator that nothing stands before; for what is looked at afterwards. */
  readonly observer: Client;
  /** Ends the database as a crash does, and starts it again after `awayMs`. */
  crashDatabase(awayMs: number): Promise<void>;
  /** Lets a standby take the place of the database, which does not come back. */
  promoteStandby(): Promise<void>;
  /** Heals every connection; everything runs again when it resolves. */
  mend(): Promise<void>;
  /** What the programs use now. */
  usage(): Promise<readonly Usage[]>;
  /** What in the database is not as it must be, once all jobs have ended. */
  violations(): Promise<string[]>;
  /** Stops everything; returns what went wrong or was left behind. */
  stop(): Promise<string[]>;
}

/** Starts the system. */
export async function startSystem(): Promise<ChaosSystem> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-chaos-'));
  // Servers run as other users, who must get through.
  await chmod(directory, 0o711);
  const proxies: TcpProxy[] = [];
  const orchestrators: ChaosOrchestrator[] = [];
  const runners: ChaosRunner[] = [];
  const database = await startChaosDatabase(directory);
  const proxyTo = async (port: number): Promise<TcpProxy> => {
    const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port } });
    proxies.push(proxy);
    return proxy;
  };
  const stop = async (): Promise<string[]> => {
    for (const proxy of proxies) proxy.mend();
    const problems: string[] = [];
    for (const member of [...runners, ...orchestrators]) {
      const fault = await member.stop();
      if (fault !== undefined) problems.push(fault);
    }
    for (const { stateDirectory, lastWords } of runners) {
      const left = await leftoversOf(stateDirectory);
      if (left.length > 0) problems.push(...left, lastWords);
    }
    problems.push(...(await connectionsLeft(database.url)));
    for (const proxy of proxies) await proxy.close();
    await database.remove();
    for (const { disk } of runners) await disk?.remove();
    for (const mount of await mountsBelow(directory)) problems.push(`${mount} is still mounted`);
    await rm(directory, { recursive: true, force: true });
    return problems;
  };

  try {
    const masterKey = masterKeySetting();
    const { api_key: token } = await bootstrap({ DATABASE_URL: database.url, ...masterKey });
    for (let n = 1; n <= ORCHESTRATORS; n += 1) {
      const own = await proxyTo(database.port);
      const url = new URL(database.url);
      url.port = String(own.port);
      orchestrators.push(await startOrchestrator(n, own, { DATABASE_URL: url.href, ...masterKey }));
    }
    const [first, second] = orchestrators;
    if (first === undefined || second === undefined) throw new Error('two are needed');
    const front = await proxyTo(first.port);
    const client = createClient({ url: `http://127.0.0.1:${front.port}`, token });
    const observer = createClient({ url: `http://127.0.0.1:${second.port}`, token });
    for (let n = 1; n <= RUNNERS; n += 1) {
      const server = await proxyTo(n % 2 === 0 ? first.port : second.port);
      const body = { tag_keys: ['*'] };
      const registration = await eventually(() => observer.createRegistrationToken({ body }));
      runners.push(await startRunner(n, server, directory, registration.token));
    }
    await allOnline(observer);
    return {
      orchestrators,
      runners,
      client,
      front,
      observer,
      crashDatabase: (awayMs) => database.crash(awayMs),
      promoteStandby: () =>
        database.promoteStandby((port) => {
          for (const { database: link } of orchestrators) {
            link.retarget({ host: '127.0.0.1', port });
            link.cut();
          }
        }),
      async mend() {
        for (const proxy of proxies) proxy.mend();
        for (const { podman, disk } of runners) {
          await podman.mend();
          await disk?.free();
        }
        for (const member of [...orchestrators, ...runners]) {
          member.release();
          member.signal('SIGCONT');
        }
        await allReady([...orchestrators, ...runners]);
        await allOnline(observer);
      },
      usage: async () => {
        const members = [...orchestrators, ...runners];
        return await Promise.all(members.map(({ name, pid = 0 }) => usageOf(name, pid)));
      },
      violations: () => violationsIn(database.url),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startOrchestrator(
  n: number,
  database: TcpProxy,
  env: Readonly<Record<string, string>>,
): Promise<ChaosOrchestrator> {
  const name = `orchestrator-${n}`;
  const port = await freePort();
  const settings = { ...env, RIVET_LISTEN: `127.0.0.1:${port}` };
  const member = startMember(
    name,
    () => startProgram(name, 'apps/orchestrator/src/main.ts', settings),
    (program) => program.announced('listening'),
  );
  return Object.assign(member, { port, database });
}

async function startRunner(
  n: number,
  server: TcpProxy,
  directory: string,
  token: string,
): Promise<ChaosRunner> {
  const name = `runner-${n}`;
  const disk = await mountSmallDisk({ megabytes: DISK_MEGABYTES });
  const stateDirectory = join(disk?.directory ?? directory, name);
  const podman = await makeBreakablePodman(join(directory, `podman-${n}`));
  const env = {
    PATH: podman.path,
    RIVET_DISK_MIN: disk === undefined ? '0' : `${DISK_MIN_MEGABYTES}MB`,
    RIVET_URL: `http://127.0.0.1:${server.port}`,
    RIVET_RUNNER_NAME: name,
    RIVET_RUNNER_CAPACITY: String(CAPACITY),
    RIVET_RUNNER_TOKEN: token,
    RIVET_STATE_DIRECTORY: stateDirectory,
    RIVET_DEFAULT_IMAGE: BASE_IMAGE,
    RIVET_KILL_GRACE: '1s',
    RIVET_CANCEL_GRACE: '5s',
  };
  const member = startMember(
    name,
    () => startProgram(name, 'apps/runner/src/main.ts', env),
    (program) => program.announced('online'),
  );
  return Object.assign(member, { server, stateDirectory, podman, disk });
}

/** Waits until every program is up: one that was killed may seem to be online for a while. */
async function allReady(members: readonly Member[]): Promise<void> {
  await eventually(async () => {
    const away = members.filter(({ isReady }) => !isReady).map(({ name }) => name);
    if (away.length > 0) throw new Error(`${away.join(', ')} did not come up`);
  });
}

/** Waits until every runner polls again. */
async function allOnline(observer: Client): Promise<void> {
  await eventually(async () => {
    const { items } = await observer.listRunners();
    const online = items.filter(({ state }) => state === 'online').map(({ name }) => name);
    if (online.length < RUNNERS) throw new Error(`online are only ${online.join(', ')}`);
  });
}
