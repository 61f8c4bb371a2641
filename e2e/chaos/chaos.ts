// One run of chaos: the system under load, the schedule of a seed, quiet, and the verdict.
import { createRandom, describeThrown, sleep } from '@rivet/base';
import { createPipeline } from '../jobs.ts';
import { type Drain, drainFaults, openJobs, runUndisturbed, untilEnded } from './drain.ts';
import { eventually } from './eventually.ts';
import { leftNetworks, removeNetworks, type Usage, usageFaults } from './leaks.ts';
import { startLoad } from './load.ts';
import { PIPELINE } from './pipeline.ts';
import { describeStrikes, planStrikes, type Strike } from './schedule.ts';
import { type ChaosSystem, startSystem } from './system.ts';
import { type Verdict, verifyJobs } from './verify.ts';

export interface ChaosReport extends Verdict {
  readonly seed: number;
  readonly strikes: number;
  readonly jobs: number;
  /** Undefined when the run did not come so far. */
  readonly drain: Drain | undefined;
  /** Of the programs in the end. */
  readonly usage: readonly Usage[];
  /** Networks of containers that killed starts left, and that were removed in the end. */
  readonly networks: number;
  /** How to see it again; for a failure. */
  readonly schedule: string;
}

/** After the last fault, in milliseconds. */
const DRAIN_MS = 300_000;
/** Shorter runs do not measure how soon the jobs end undisturbed: it takes its time. */
const MEASURED_MINUTES_MIN = 1;

/**
 * Runs the schedule of `seed` for `minutes` minutes.
 * @param say is told once in a while how far it is
 */
export async function runChaos(
  seed: number,
  minutes: number,
  say: (text: string) => void,
): Promise<ChaosReport> {
  const strikes = planStrikes(seed, minutes);
  const before = await leftNetworks();
  const system = await startSystem();
  const faults: string[] = [];
  let verdict: Verdict = { faults: [], ends: {}, lostAttempts: 0 };
  let jobs = 0;
  let drain: Drain | undefined;
  let usage: readonly Usage[] = [];
  try {
    const ref = await eventually(() => createPipeline(system.observer, PIPELINE));
    const load = startLoad(system.client, ref, seed);
    faults.push(...(await strikeAll(system, strikes, say)));
    await system.mend();
    const quietAt = performance.now();
    const stopped = load.stop();
    const open = await openJobs(system.observer, load.jobs);
    say(`quiet; ${open.length} jobs are open`);
    await untilEnded(system.observer, open, DRAIN_MS);
    const ms = performance.now() - quietAt;
    await stopped;
    // Those too whose launch was acknowledged only now.
    await untilEnded(system.observer, load.jobs, DRAIN_MS);
    jobs = load.jobs.length;
    verdict = await verifyJobs(system.observer, load.jobs);
    const undisturbedMs =
      minutes < MEASURED_MINUTES_MIN
        ? undefined
        : await runUndisturbed(system.observer, ref, open, DRAIN_MS);
    drain = { jobs: open.length, ms, undisturbedMs };
    faults.push(...drainFaults(drain));
    faults.push(...(await system.violations()));
    usage = await system.usage();
    faults.push(...usage.flatMap(usageFaults));
  } catch (error) {
    faults.push(describeThrown(error));
    for (const { lastWords } of [...system.orchestrators, ...system.runners]) {
      if (lastWords !== '') say(lastWords);
    }
  }
  faults.push(...verdict.faults, ...(await system.stop()));
  const left = await removeNetworks(before);
  faults.push(...left.faults);
  const networks = left.removed;
  const schedule = describeStrikes(strikes);
  const numbers = { seed, strikes: strikes.length, jobs, drain, usage, networks };
  return { ...verdict, ...numbers, faults, schedule };
}

/** Resolves when the last is over, with what could not be done. */
async function strikeAll(
  system: ChaosSystem,
  strikes: readonly Strike[],
  say: (text: string) => void,
): Promise<string[]> {
  const faults: string[] = [];
  const begun = performance.now();
  const running = new Set<Promise<void>>();
  for (const [index, { atMs, fault, seed }] of strikes.entries()) {
    await sleep(Math.max(0, begun + atMs - performance.now()));
    const striking = fault
      .strike(system, createRandom(seed))
      .catch((error: unknown) => {
        faults.push(`"${fault.name}" could not be done: ${describeThrown(error)}`);
      })
      .finally(() => running.delete(striking));
    running.add(striking);
    if ((index + 1) % 100 === 0) say(`${index + 1} of ${strikes.length} faults`);
  }
  await Promise.all(running);
  return faults;
}
