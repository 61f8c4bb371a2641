// A part of a simulated fleet in a thread of its own: its runners poll, and report what they claim.
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { ClaimedJob, LogLine } from '@rivet/protocol';
import { type RunnerIdentity, SimulatedRunner } from './simulated-runner.ts';

/** What a thread is given. */
export interface FleetPart {
  readonly url: string;
  readonly identities: readonly RunnerIdentity[];
  /** How long each of its polls may wait, in milliseconds. */
  readonly waitMs: number;
  /** Between the three reports of a job, in milliseconds. */
  readonly workMs: number;
  readonly localAddress: string;
}

/** What a thread tells; times are milliseconds since the epoch. */
export type FleetEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'claimed' | 'ended'; readonly job: string; readonly at: number }
  | { readonly kind: 'error'; readonly message: string };

/** How many connect at the same time. */
const CONNECTING = 16;
const LINES = 10;
const RETRY_MS = 500;

const { url, identities, waitMs, workMs, localAddress } = workerData as FleetPart;
const runners = identities.map(
  (identity) => new SimulatedRunner({ ...identity, url, localAddress }),
);
let stopping = false;

parentPort?.once('message', () => {
  stopping = true;
  void Promise.all(runners.map((runner) => runner.close()));
});
const waiting = runners.values();
await Promise.all(Array.from({ length: CONNECTING }, connectNext));
tell({ kind: 'connected' });
await Promise.all(runners.map(live));

async function connectNext(): Promise<void> {
  for (const runner of waiting) await orTell(() => runner.connect());
}

async function live(runner: SimulatedRunner): Promise<void> {
  while (!stopping) {
    await orTell(async () => {
      const { jobs } = await runner.claim({ wait_ms: waitMs });
      const at = now();
      for (const job of jobs) {
        tell({ kind: 'claimed', job: job.id, at });
        await work(runner, job);
      }
    });
  }
}

/** As little as a real job reports: that it began, what it printed, and its end. */
async function work(runner: SimulatedRunner, job: ClaimedJob): Promise<void> {
  const t = new Date().toISOString();
  const change = { stage: 'one', t, run: 1 };
  await runner.report(job, 1, { stages: [{ ...change, state: 'running' }] });
  await pause(workMs);
  await runner.report(job, 2, {
    logs: Array.from({ length: LINES }, (_, index) => line(index, t)),
  });
  await pause(workMs);
  await runner.report(job, 3, {
    stages: [{ ...change, state: 'succeeded' }],
    outcome: { state: 'succeeded' },
  });
  tell({ kind: 'ended', job: job.id, at: now() });
}

function line(index: number, t: string): LogLine {
  const text = `line ${index} of a simulated command, about as long as lines of a build are`;
  return { n: index + 1, t, stage: 'one', level: 'info', stream: 'stdout', text };
}

/** An error is told and waited out, as a real runner does. */
async function orTell(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (stopping) return;
    tell({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
    await pause(RETRY_MS);
  }
}

function tell(event: FleetEvent): void {
  parentPort?.postMessage(event);
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
