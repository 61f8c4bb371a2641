// One poll of a runner that asks for jobs, and what it is answered.
import { uuidv7 } from '@rivet/base';
import type { BroughtReports, ClaimedRow, ClaimSlot, PlainReport } from '@rivet/store';
import type { RunnerTerms } from '../runners/known-runners.ts';

export interface ClaimPoll {
  readonly runnerId: string;
  readonly requestId: string;
  /** False: no request with this id was sent before, so that nothing was given for it. */
  readonly repeat: boolean;
  readonly capacity: number;
  readonly terms: RunnerTerms;
  readonly waitMs: number;
  readonly caller: Caller;
  /** What the first statement that serves it may store as well. */
  readonly brought?: BroughtReports | undefined;
}

/** Whoever waits for an answer; lighter than an AbortSignal, as thousands wait. */
export class Caller {
  #gone = false;
  #onLeave: (() => void) | undefined;

  get gone(): boolean {
    return this.#gone;
  }

  /** It does not listen any more. */
  leave(): void {
    this.#gone = true;
    this.#onLeave?.();
  }

  /** At most one listens; undefined: nobody any more. */
  listen(onLeave: (() => void) | undefined): void {
    this.#onLeave = onLeave;
  }
}

/** A poll that waits for its answer. */
export class Waiter {
  readonly poll: ClaimPoll;
  /** Whether it has its answer. */
  settled = false;
  /** Whether a statement that serves it is still to end: what it gives must not be thrown away. */
  served: 'not yet' | 'now' | 'before' = 'not yet';
  /** Whether its time is up. */
  due = false;
  readonly answer: Promise<ClaimedRow[]>;
  readonly #resolve: (rows: ClaimedRow[]) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onSettled: (waiter: Waiter) => void;
  readonly #timer: NodeJS.Timeout;

  /** @param onSettled told once, before the answer is */
  constructor(poll: ClaimPoll, onSettled: (waiter: Waiter) => void) {
    this.poll = poll;
    this.#onSettled = onSettled;
    const { promise, resolve, reject } = Promise.withResolvers<ClaimedRow[]>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.end(), poll.waitMs);
    poll.caller.listen(() => this.settle([]));
  }

  settle(rows: ClaimedRow[]): void {
    if (!this.settled) this.#leave();
    this.#resolve(rows);
  }

  fail(error: unknown): void {
    if (!this.settled) this.#leave();
    this.#reject(error);
  }

  /** Answers it with no jobs; when a statement is under way, or still to come, with what that gives. */
  end(): void {
    // Every poll looks once, also one that does not want to wait.
    this.due = true;
    if (this.served === 'before') this.settle([]);
  }

  #leave(): void {
    this.settled = true;
    clearTimeout(this.#timer);
    this.poll.caller.listen(undefined);
    this.#onSettled(this);
  }
}

/** Reports of one statement at most. */
const REPORTS_MAX = 500;

/** What the polls bring, of each job at most one; undefined when that is nothing. */
export function joinBrought(polls: readonly ClaimPoll[]): BroughtReports | undefined {
  const byJob = new Map<string, { report: PlainReport; onStored: BroughtReports['onStored'] }>();
  for (const { brought } of polls) {
    if (brought === undefined) continue;
    const { reports } = brought;
    const onStored = brought.onStored.bind(brought);
    for (const report of reports) {
      if (byJob.size >= REPORTS_MAX) break;
      if (!byJob.has(report.jobId)) byJob.set(report.jobId, { report, onStored });
    }
  }
  if (byJob.size === 0) return undefined;
  return {
    reports: [...byJob.values()].map(({ report }) => report),
    onStored: (stored) => {
      for (const one of stored) byJob.get(one.job_id)?.onStored([one]);
    },
  };
}

/** Jobs of one statement at most. */
const SLOTS_MAX = 500;

/** One slot for each runner, then a second one each: a large runner does not take all. */
export function makeSlots(polls: readonly ClaimPoll[]): ClaimSlot[] {
  const slots: ClaimSlot[] = [];
  const most = Math.max(0, ...polls.map(({ capacity }) => capacity));
  for (let round = 0; round < most && slots.length < SLOTS_MAX; round += 1) {
    for (const { capacity, runnerId, requestId } of polls) {
      const free = round < capacity && slots.length < SLOTS_MAX;
      if (free) slots.push({ runnerId, requestId, leaseId: uuidv7() });
    }
  }
  return slots;
}
