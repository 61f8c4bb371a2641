// What happens at 100, 1,000 and 10,000 runners: they poll a real orchestrator over HTTP, idle and
// with work.
import type { Database } from '@rivet/store';
import {
  cpuBetween,
  type DatabaseActivity,
  openActivity,
  openFilesMax,
  readActivity,
} from './database-activity.ts';
import { type Installation, withInstallation } from './installation.ts';
import { type Benchmark, oursAtMost, type Row, row } from './measure.ts';
import { plainPipeline } from './plain-pipeline.ts';
import { type ProcessUsage, processUsage } from './program.ts';
import { SimulatedFleet } from './simulated-fleet.ts';

/** `BENCH_RUNNERS` measures other sizes, such as `1000` alone. */
const SIZES = (process.env.BENCH_RUNNERS ?? '100 1000 10000').split(' ').map(Number);
/** Files that a process needs besides one for each runner. */
const OTHER_FILES = 500;
const IDLE_MS = 110_000;
/** After connecting, until each of them is known and nothing else is done, in milliseconds. */
const SETTLE_MS = 20_000;
const JOBS_A_SECOND = 20;
const JOBS = 300;
const BURST_MAX = 500;
const LAUNCHES_AT_ONCE = 16;

export const fleetBenchmark: Benchmark = {
  name: 'fleet',
  about: '100, 1,000 and 10,000 runners on one orchestrator: idle, with jobs, and a burst of them',
  run: () =>
    withInstallation({}, async (installation) => {
      await installation.createPipeline(plainPipeline);
      const database = openActivity(installation.databaseUrl);
      const fleet = new SimulatedFleet(installation);
      const rows: Row[] = [];
      const filesMax = await openFilesMax();
      try {
        for (const size of SIZES) {
          if (size + OTHER_FILES > filesMax) {
            process.stderr.write(`fleet: ${size} runners need more than ${filesMax} open files\n`);
            continue;
          }
          process.stderr.write(`fleet: ${size} runners\n`);
          rows.push(...(await measureSize(installation, fleet, database, size)));
        }
        return rows;
      } finally {
        await fleet.stop();
        await database.close();
      }
    }),
};

async function measureSize(
  installation: Installation,
  fleet: SimulatedFleet,
  database: Database,
  size: number,
): Promise<Row[]> {
  const pid = installation.orchestrators[0]?.pid ?? 0;
  const label = `${size} runners`;
  const sizeBefore = fleet.size;
  const errorsBefore = fleet.errors.length;
  const before = await processUsage(pid);
  await fleet.growTo(size);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const idle = await measureIdle(pid, database);
  const memory = (idle.residentBytes - before.residentBytes) / (size - sizeBefore) / 1024;
  const steady = await measureSteady(installation, fleet, database, pid);
  const burst = await launchMany(installation, fleet, Math.min(BURST_MAX, size / 2));
  const late = steady.late + (await fleet.waitForEnds([...burst.keys()]));
  const activity = await readActivity(database);
  const errors = fleet.errors.slice(errorsBefore);
  for (const message of new Set(errors.slice(0, 5))) process.stderr.write(`fleet: ${message}\n`);
  return [
    row({ name: `${label}, idle: processor of the orchestrator`, unit: '%', ours: [idle.cpu] }),
    row({ name: `${label}, idle: transactions`, unit: '1/s', ours: [idle.transactions] }),
    row({ name: `${label}, idle: memory of one more`, unit: 'KB', ours: [memory] }),
    row({
      name: `${label}, ${JOBS_A_SECOND} jobs a second: launch → claimed`,
      unit: 'ms',
      ours: waits(fleet, steady.launched),
    }),
    row({ name: `${label}: orchestrator for a job`, unit: 'ms', ours: [steady.cpuMs] }),
    row({ name: `${label}: database for a job`, unit: 'ms', ours: [steady.databaseMs] }),
    row({
      name: `${label}, ${burst.size} jobs at once: launch → claimed`,
      unit: 'ms',
      ours: waits(fleet, burst),
    }),
    row({ name: `${label}: database connections`, unit: 'count', ours: [activity.connections] }),
    row({
      name: `${label}: calls that failed`,
      unit: 'count',
      ours: [errors.length],
      target: oursAtMost(0),
    }),
    row({
      name: `${label}: jobs that did not end within a minute`,
      unit: 'count',
      ours: [late],
      target: oursAtMost(0),
    }),
  ];
}

interface Idle {
  /** Of the orchestrator, in percent of one processor. */
  readonly cpu: number;
  /** A second. */
  readonly transactions: number;
  readonly residentBytes: number;
}

/** Means over more than two polls of each runner: they come in waves. */
async function measureIdle(pid: number, database: Database): Promise<Idle> {
  const before = await processUsage(pid);
  const activityBefore = await readActivity(database);
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const after = await processUsage(pid);
  const activity = await readActivity(database);
  const ms = performance.now() - start;
  return {
    cpu: ((after.cpuMs - before.cpuMs) / ms) * 100,
    transactions: ((activity.transactions - activityBefore.transactions) / ms) * 1000,
    residentBytes: after.residentBytes,
  };
}

interface Steady {
  /** When the launch of each job was sent, in milliseconds since the epoch. */
  readonly launched: ReadonlyMap<string, number>;
  /** Of the orchestrator for one job, from launch to end. */
  readonly cpuMs: number;
  readonly databaseMs: number;
  /** Jobs that did not end in time. */
  readonly late: number;
}

async function measureSteady(
  installation: Installation,
  fleet: SimulatedFleet,
  database: Database,
  pid: number,
): Promise<Steady> {
  const launched = new Map<string, number>();
  const before: [ProcessUsage, DatabaseActivity] = [
    await processUsage(pid),
    await readActivity(database),
  ];
  const start = performance.now();
  const launches: Promise<void>[] = [];
  for (let number = 0; number < JOBS; number += 1) {
    const dueMs = start + (number * 1000) / JOBS_A_SECOND - performance.now();
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    launches.push(launchOne(installation, fleet, launched));
  }
  await Promise.all(launches);
  const late = await fleet.waitForEnds([...launched.keys()]);
  const usage = await processUsage(pid);
  const activity = await readActivity(database);
  return {
    launched,
    late,
    cpuMs: (usage.cpuMs - before[0].cpuMs) / JOBS,
    databaseMs: cpuBetween(before[1], activity) / JOBS,
  };
}

async function launchMany(
  installation: Installation,
  fleet: SimulatedFleet,
  count: number,
): Promise<Map<string, number>> {
  const launched = new Map<string, number>();
  const numbers = Array.from({ length: count }).values();
  const launchNext = async (): Promise<void> => {
    for (const _ of numbers) await launchOne(installation, fleet, launched);
  };
  await Promise.all(Array.from({ length: LAUNCHES_AT_ONCE }, launchNext));
  return launched;
}

/** A launch that is not answered is one of the calls that failed. */
async function launchOne(
  { client }: Installation,
  fleet: SimulatedFleet,
  launched: Map<string, number>,
): Promise<void> {
  try {
    const at = performance.timeOrigin + performance.now();
    const { id } = await client.launchPipeline({ ref: 'bench', body: {} });
    launched.set(id, at);
  } catch (error) {
    fleet.errors.push(error instanceof Error ? error.message : String(error));
  }
}

/** From launch to claim, in milliseconds, of the jobs that were claimed. */
function waits(fleet: SimulatedFleet, launched: ReadonlyMap<string, number>): number[] {
  return [...launched].flatMap(([id, at]) => {
    const { claimedAt } = fleet.jobs.get(id) ?? {};
    return claimedAt === undefined ? [] : [claimedAt - at];
  });
}
