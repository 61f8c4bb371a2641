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
  /** What the first statement that serves it may store as well. */
  readonly brought?: BroughtReports | undefined;
}

/** Whoever waits for what a poll is answered; thousands do, so this is no promise. */
export interface Claimant {
  /** It does not listen any more: nobody would get what it is given. */
  readonly gone: boolean;
  /** What waits for it; to be settled when it goes. */
  waiter: Waiter | undefined;
  /** One of these two is called, once. */
  given(rows: ClaimedRow[]): void;
  failed(error: unknown): void;
}

/** Where polls wait. */
export interface WaitingPlace {
  /** A poll has its answer; told before its claimant is. */
  leave(waiter: Waiter): void;
}

/** A poll that waits for its answer. */
export class Waiter {
  readonly poll: ClaimPoll;
  /** Whether it has its answer. */
  settled = false;
  /** Whether a statement that serves it is still to end: what it gives must not be thrown away. */
  served: 'not yet' | 'now' | 'before' = 'not yet';
  /** Whether its time is up. */
  due: boolean;
  readonly #claimant: Claimant;
  readonly #place: WaitingPlace;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(poll: ClaimPoll, claimant: Claimant, place: WaitingPlace) {
    this.poll = poll;
    this.#claimant = claimant;
    this.#place = place;
    // One that does not wait is answered by the first look, which needs no timer.
    this.due = poll.waitMs <= 0;
    this.#timer = this.due ? undefined : setTimeout(endWaiter, poll.waitMs, this);
    claimant.waiter = this;
  }

  settle(rows: ClaimedRow[]): void {
    if (this.settled) return;
    this.#leave();
    this.#claimant.given(rows);
  }

  fail(error: unknown): void {
    if (this.settled) return;
    this.#leave();
    this.#claimant.failed(error);
  }

  /** It was looked for it, and there was nothing. */
  look(): void {
    this.served = 'before';
    if (this.due) this.settle([]);
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
    this.#claimant.waiter = undefined;
    this.#place.leave(this);
  }
}

/** One function for all of them: a closure each would be kept for as long as they wait. */
function endWaiter(waiter: Waiter): void {
  waiter.end();
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
