// 10,000 clients that follow the log of one job at one orchestrator, beside a bare server of
// node:http that sends the same events to as many.
import { setTimeout as pause } from 'node:timers/promises';
import type { ClaimedJob } from '@rivet/protocol';
import { openFilesMax } from './database-activity.ts';
import { type Installation, withInstallation } from './installation.ts';
import { KeepAliveConnection } from './keep-alive-connection.ts';
import { type Benchmark, type Row, ratioAtMost, row, spreadOf } from './measure.ts';
import { plainPipeline } from './plain-pipeline.ts';
import { type Program, processUsage, startProgram } from './program.ts';
import { registerRunners, SimulatedRunner } from './simulated-runner.ts';

const SUBSCRIBERS = 10_000;
/** Connected and sent to before anything is measured, so that both servers are warm. */
const WARMING = 100;
/** Of one process of clients, and so of one loopback address. */
const PART = 2500;
/** Files that a process needs besides one for each subscriber. */
const OTHER_FILES = 500;
const SETTLE_MS = 5000;
/** Between two lines: until nothing of the one before is under way. */
const GAP_MS = 300;

export const streamBenchmark: Benchmark = {
  name: 'streams',
  about: `${SUBSCRIBERS} clients that follow one log, beside bare node:http`,
  async run(rounds) {
    const filesMax = await openFilesMax();
    if (SUBSCRIBERS + OTHER_FILES > filesMax) {
      throw new Error(`${SUBSCRIBERS} subscribers need more than ${filesMax} open files`);
    }
    const orchestratorSettings = { RIVET_LEASE: '1h', RIVET_STREAMS_PER_USER: '100000' };
    return withInstallation({ orchestratorSettings }, async (installation) => {
      await using stack = new AsyncDisposableStack();
      const sides = {
        ours: await openRivet(installation, stack),
        peer: await openPeer(installation, stack),
      };
      return await measure(sides, rounds, stack);
    });
  },
};

/** A server that sends events, and how it is told to send one. */
interface Side {
  readonly pid: number;
  readonly url: string;
  readonly path: string;
  readonly token: string;
  /** Sends everybody one line with this text. */
  send(text: string): Promise<void>;
}

type Sides = Readonly<Record<'ours' | 'peer', Side>>;

async function measure(
  sides: Sides,
  rounds: number,
  stack: AsyncDisposableStack,
): Promise<readonly Row[]> {
  const found = { ours: emptyFindings(), peer: emptyFindings() };
  const names = ['ours', 'peer'] as const;
  const clients = { ours: [] as Program[], peer: [] as Program[] };
  const rest = { ours: 0, peer: 0 };
  for (const name of names) {
    clients[name].push(await startClients(sides[name], WARMING, 0, stack));
    await lineToAll(sides[name], clients[name], 0);
  }
  await pause(SETTLE_MS);
  for (const name of names) rest[name] = (await processUsage(sides[name].pid)).residentBytes;
  for (const name of names) {
    for (let part = 1; part <= SUBSCRIBERS / PART; part += 1) {
      clients[name].push(await startClients(sides[name], PART, part, stack));
    }
  }
  await pause(SETTLE_MS);
  for (let line = 1; line <= rounds + 1; line += 1) {
    for (const name of line % 2 === 0 ? names : names.toReversed()) {
      const waits = await lineToAll(sides[name], clients[name], line);
      await pause(GAP_MS);
      const { residentBytes } = await processUsage(sides[name].pid);
      // The first is not counted.
      if (line === 1) continue;
      found[name].waits.push(spreadOf(waits).p99);
      found[name].kilobytes.push((residentBytes - rest[name]) / SUBSCRIBERS / 1024);
    }
  }
  return rowsOf(found);
}

/** Of each round. */
interface Findings {
  /** The p99 over all subscribers, in milliseconds. */
  readonly waits: number[];
  /** Resident memory for one subscriber. */
  readonly kilobytes: number[];
}

function emptyFindings(): Findings {
  return { waits: [], kilobytes: [] };
}

function rowsOf({ ours, peer }: Readonly<Record<'ours' | 'peer', Findings>>): Row[] {
  const label = `${SUBSCRIBERS} subscribers`;
  const against = 'bare node:http';
  return [
    row({
      ...{ name: `${label}: memory of each`, against, unit: 'KB' },
      ...{ ours: ours.kilobytes, peer: peer.kilobytes },
      target: ratioAtMost(1.3),
      note: 'resident memory of the server',
    }),
    row({
      ...{ name: `${label}: sent → p99 of them have it`, against, unit: 'ms' },
      ...{ ours: ours.waits, peer: peer.waits },
      target: ratioAtMost(1.5),
      note: 'a line reported by a runner; stored before it is sent, where the peer only sends',
    }),
  ];
}

/** Sends a line; what each subscriber waited for it, in milliseconds. */
async function lineToAll(
  side: Side,
  clients: readonly Program[],
  line: number,
): Promise<readonly number[]> {
  const arrived = Promise.all(clients.map((program) => program.announced(`line ${line}`)));
  const sentAt = performance.timeOrigin + performance.now();
  const [told] = await Promise.all([arrived, side.send(`line=${line} sent=${sentAt.toFixed(3)};`)]);
  return told.flatMap(({ waits }) => waits as number[]);
}

async function startClients(
  { url, path, token }: Side,
  count: number,
  part: number,
  stack: AsyncDisposableStack,
): Promise<Program> {
  const options = { url, path, token, count, localAddress: `127.0.0.${part + 2}` };
  const program = startProgram('bench/src/stream-clients-main.ts', {}, [JSON.stringify(options)]);
  stack.defer(() => program.stop());
  await program.announced('connected');
  return program;
}

async function openRivet(installation: Installation, stack: AsyncDisposableStack): Promise<Side> {
  const { client, orchestrators, token } = installation;
  const [orchestrator] = orchestrators;
  if (orchestrator === undefined) throw new Error('an orchestrator is needed');
  const { pid, url } = orchestrator;
  await installation.createPipeline(plainPipeline);
  const [identity] = await registerRunners({ client, url, count: 1 });
  if (identity === undefined) throw new Error('no runner was registered');
  const runner = new SimulatedRunner({ ...identity, url });
  stack.defer(() => runner.close());
  await runner.connect();
  await client.launchPipeline({ ref: 'bench', body: {} });
  const { jobs } = await runner.claim({ wait_ms: 5000 });
  const job = jobs[0] as ClaimedJob;
  const t = new Date().toISOString();
  await runner.report(job, 1, { stages: [{ stage: 'one', t, run: 1, state: 'running' }] });
  let n = 0;
  return {
    ...{ pid, url, token },
    path: `/api/jobs/${job.id}/logs/stream`,
    async send(text) {
      n += 1;
      await runner.report(job, n + 1, { logs: [lineOf(n, text)] });
    },
  };
}

async function openPeer({ token }: Installation, stack: AsyncDisposableStack): Promise<Side> {
  const program = startProgram('bench/src/stream-peer-main.ts', {});
  stack.defer(() => program.stop());
  const url = String((await program.announced('listening')).url);
  const connection = new KeepAliveConnection({ url });
  stack.defer(() => connection.close());
  let n = 0;
  return {
    ...{ pid: program.pid, url, token },
    path: '/',
    async send(text) {
      n += 1;
      await connection.post('/', token, lineOf(n, text));
    },
  };
}

function lineOf(n: number, text: string) {
  const t = new Date().toISOString();
  return { n, t, stage: 'one', level: 'info', stream: 'stdout', text } as const;
}
