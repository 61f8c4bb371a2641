// How soon everything comes to its end once the faults have stopped, beside the same jobs where
// there were none.
import { sleep } from '@rivet/base';
import { type Client, isFinalJobState } from '@rivet/protocol';
import { eventually } from './eventually.ts';
import type { Launched } from './load.ts';

const LOOK_MS = 200;
/** What a job may wait for that was lost in the end: its lease, and the pause before it runs again. */
const LOST_MS = 75_000;
const FACTOR = 2;

/** Times in milliseconds. */
export interface Drain {
  /** Jobs that had not ended when the faults did. */
  readonly jobs: number;
  readonly ms: number;
  /** Of the same jobs, launched together when all was quiet; undefined where it was not measured. */
  readonly undisturbedMs: number | undefined;
}

/** Those that have not ended. */
export async function openJobs(
  client: Client,
  jobs: readonly Launched[],
): Promise<readonly Launched[]> {
  const open: Launched[] = [];
  for (const job of jobs) {
    const { state } = await client.getJob({ id: job.id });
    if (!isFinalJobState(state)) open.push(job);
  }
  return open;
}

/** Waits until all have ended, at most `msMax`. */
export async function untilEnded(
  client: Client,
  jobs: readonly Launched[],
  msMax: number,
): Promise<void> {
  const until = performance.now() + msMax;
  let open = jobs;
  while (open.length > 0 && performance.now() < until) {
    open = await openJobs(client, open);
    if (open.length > 0) await sleep(LOOK_MS);
  }
}

/** Runs the same jobs together while nothing disturbs them; resolves with how long they took. */
export async function runUndisturbed(
  client: Client,
  ref: string,
  jobs: readonly Launched[],
  msMax: number,
): Promise<number> {
  const begun = performance.now();
  const again: Launched[] = [];
  for (const { numbers } of jobs) {
    const body = { inputs: { ...numbers } };
    const { id } = await eventually(() => client.launchPipeline({ ref, body }));
    again.push({ id, numbers, canceled: false });
  }
  await untilEnded(client, again, msMax);
  return performance.now() - begun;
}

/** What is above the bound of I9 in docs/operating/faults.md. */
export function drainFaults({ jobs, ms, undisturbedMs }: Drain): string[] {
  if (undisturbedMs === undefined || ms <= FACTOR * undisturbedMs + LOST_MS) return [];
  const seconds = (time: number): string => `${(time / 1000).toFixed(1)} s`;
  const beside = `${seconds(undisturbedMs)} where nothing disturbed them`;
  return [`${jobs} jobs took ${seconds(ms)} to end, and ${beside}`];
}
