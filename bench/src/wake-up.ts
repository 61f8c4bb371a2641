// From a launch on one orchestrator to the hands of a runner that waits at another; and what it
// costs those who write that others are woken.
import { setTimeout as pause } from 'node:timers/promises';
import { type CommitTimes, commitTimeSettings, openCommitTimes } from './commit-times.ts';
import { type BenchOrchestrator, type Installation, withInstallation } from './installation.ts';
import { KeepAliveConnection } from './keep-alive-connection.ts';
import { type Benchmark, oursAtMost, type Row, ratioAtLeast, ratioAtMost, row } from './measure.ts';
import { plainPipeline } from './plain-pipeline.ts';
import { startProgram } from './program.ts';
import { registerRunners, reportOf, SimulatedRunner } from './simulated-runner.ts';

/** In each round: enough of them for a p99. */
const WAKE_UPS = 10;
const DEAD_WAKE_UPS = 15;
/** Until a poll surely waits. */
const WAITING_MS = 30;
const WAIT_MS = 25_000;
/** Of one measurement: half a second and more, so that one pause decides nothing. */
const LAUNCHES = 600;
const LAUNCHES_AT_ONCE = 16;

export const wakeUpBenchmark: Benchmark = {
  name: 'wake-up',
  about: 'launched on one orchestrator → in the hands of a runner that waits at another',
  async run(rounds) {
    const alive = { orchestrators: 2, databaseSettings: commitTimeSettings };
    const woken = await withInstallation(alive, (installation) =>
      measureWakeUps(installation, rounds),
    );
    // Its own: whoever has worked before is not beside one that has just started.
    const writes = await withInstallation({ orchestrators: 2 }, (installation) =>
      measureWrites(installation, rounds),
    );
    const orchestratorSettings = { RIVET_NOTIFICATIONS: 'off' };
    const dead = await withInstallation({ orchestrators: 2, orchestratorSettings }, measureDead);
    return [...woken, writes, dead];
  },
};

/** All in milliseconds. */
interface WakeUp {
  /** From sending the launch, which is checked before it is committed. */
  readonly sinceSent: number;
  /** From its commit, by PostgreSQL: where it begins to be one. */
  readonly sinceCommitted: number;
}

async function measureWakeUps(installation: Installation, rounds: number): Promise<Row[]> {
  const { launch, runner } = await waitingRunner(installation);
  const commits = await openCommitTimes(installation.databaseUrl);
  const prototype = await openPrototype(installation.databaseUrl, commits);
  const sent: number[] = [];
  const committed: number[] = [];
  const peer: number[] = [];
  try {
    for (let round = -1; round < rounds; round += 1) {
      for (let n = 0; n < WAKE_UPS; n += 1) {
        const wakeUp = await wakeRunner(launch, runner, commits);
        const bare = await prototype.wakeUp();
        if (round < 0) continue;
        sent.push(wakeUp.sinceSent);
        committed.push(wakeUp.sinceCommitted);
        peer.push(bare);
      }
    }
  } finally {
    await runner.close();
    await prototype.close();
    await commits.close();
  }
  const against = 'INSERT and NOTIFY → LISTEN → a held request';
  const name = 'launch committed → runner at another orchestrator';
  const launched = { name, unit: 'ms', ours: committed } as const;
  return [
    row({ ...launched, against, peer, target: ratioAtMost(3) }),
    row({ ...launched, figure: 'p99', target: oursAtMost(25) }),
    row({ name: 'launch sent → runner at another orchestrator', unit: 'ms', ours: sent }),
  ];
}

async function measureDead(installation: Installation): Promise<Row> {
  const { launch, runner } = await waitingRunner(installation);
  const ours: number[] = [];
  try {
    for (let n = 0; n < DEAD_WAKE_UPS; n += 1) {
      ours.push((await wakeRunner(launch, runner)).sinceSent);
      // Wherever in the interval of the slow poll it falls.
      await pause((n * 997) % 1000);
    }
  } finally {
    await runner.close();
  }
  const name = 'launch sent → runner at another, notifications dead';
  return row({ name, unit: 'ms', ours, figure: 'p99', target: oursAtMost(1100) });
}

interface Waiting {
  readonly launch: () => Promise<void>;
  readonly runner: SimulatedRunner;
}

/** Launches go to the first orchestrator, the runner polls the second. */
async function waitingRunner(installation: Installation): Promise<Waiting> {
  const { client, orchestrators, token, createPipeline } = installation;
  const [first, second] = orchestrators;
  if (first === undefined || second === undefined) throw new Error('two orchestrators are needed');
  await createPipeline(plainPipeline);
  const [identity] = await registerRunners({ client, url: second.url, count: 1 });
  if (identity === undefined) throw new Error('no runner was registered');
  const runner = new SimulatedRunner({ ...identity, url: second.url });
  await runner.connect();
  const connection = new KeepAliveConnection({ url: first.url });
  const launch = async (): Promise<void> => {
    const { status } = await connection.post('/api/pipelines/bench/launch', token, {});
    if (status >= 300) throw new Error(`a launch was answered ${status}`);
  };
  return { launch, runner };
}

async function wakeRunner(
  launch: () => Promise<void>,
  runner: SimulatedRunner,
  commits?: CommitTimes,
): Promise<WakeUp> {
  const claim = runner.claim({ wait_ms: WAIT_MS });
  const claimed = claim.then(({ jobs }) => ({ jobs, at: performance.now() }));
  await pause(WAITING_MS);
  const start = performance.now();
  await launch();
  const { jobs, at } = await claimed;
  const [job] = jobs;
  if (job === undefined) throw new Error('the runner was given no job');
  await runner.report(job, 1, reportOf(job, 1, { outcome: { state: 'succeeded' } }));
  const committedAt = (await commits?.ofJob(job.id)) ?? start;
  return { sinceSent: at - start, sinceCommitted: at - committedAt };
}

interface Prototype {
  wakeUp(): Promise<number>;
  close(): Promise<void>;
}

async function openPrototype(url: string, commits: CommitTimes): Promise<Prototype> {
  const program = startProgram('bench/src/wake-up-prototype-main.ts', {}, [url]);
  const announced = await program.announced('listening');
  const insert = `WITH inserted AS (
      INSERT INTO bench_launches (job_id) VALUES (gen_random_uuid()) RETURNING job_id, xmin
    )
    SELECT xmin::text AS xmin, pg_notify('bench_wake_up', '{"id":"' || job_id || '"}')
    FROM inserted`;
  const connection = new KeepAliveConnection({ url: String(announced.url) });
  return {
    async wakeUp() {
      const answer = connection.post('/', '', {}).then(() => performance.now());
      await pause(WAITING_MS);
      const committedAt = await commits.ofStatement(insert, []);
      return (await answer) - committedAt;
    },
    async close() {
      await connection.close();
      await program.stop();
    },
  };
}

/** Launches a second at an orchestrator that tells the other of each, and at one that does not. */
async function measureWrites(installation: Installation, rounds: number): Promise<Row> {
  const [telling] = installation.orchestrators;
  const silent = await installation.startOrchestrator({ RIVET_NOTIFICATIONS: 'off' });
  if (telling === undefined) throw new Error('an orchestrator is needed');
  await installation.createPipeline(plainPipeline);
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const rates = [telling, silent].map((at) => () => launchesPerSecond(installation, at));
    if (round % 2 === 0) rates.reverse();
    const [one = 0, two = 0] = [await rates[0]?.(), await rates[1]?.()];
    if (round < 0) continue;
    ours.push(round % 2 === 0 ? two : one);
    peer.push(round % 2 === 0 ? one : two);
  }
  const name = 'launches with wake-ups on';
  return row({ name, against: 'off', unit: '1/s', ours, peer, target: ratioAtLeast(0.95) });
}

async function launchesPerSecond(
  { token }: Installation,
  { url }: BenchOrchestrator,
): Promise<number> {
  const numbers = Array.from({ length: LAUNCHES }).values();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: LAUNCHES_AT_ONCE }, async () => {
      const connection = new KeepAliveConnection({ url });
      for (const _ of numbers) {
        const { status } = await connection.post('/api/pipelines/bench/launch', token, {});
        if (status >= 300) throw new Error(`a launch was answered ${status}`);
      }
      await connection.close();
    }),
  );
  return (LAUNCHES * 1000) / (performance.now() - start);
}
