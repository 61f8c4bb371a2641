// Polls of runners that may have the same jobs: one statement at a time serves them, and the next
// one is under way before the answers of the last are written.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isRivetError, type Logger } from '@rivet/base';
import type { BroughtReports, ClaimedRow, ClaimRequest, ClaimSlot } from '@rivet/store';
import type { RunnerTerms } from '../runners/known-runners.ts';
import { joinBrought, makeSlots, type Waiter, type WaitingPlace } from './claim-poll.ts';

export interface ClaimGroupOptions {
  readonly terms: RunnerTerms;
  readonly leaseSeconds: number;
  readonly logger: Logger;
  /** Runs the statement. */
  readonly claim: (request: ClaimRequest) => Promise<ClaimedRow[]>;
  /** Whether nothing more is to be claimed. */
  readonly closed: () => boolean;
  /** Undoes what was claimed for runners that went away meanwhile. */
  readonly undo: (rows: readonly ClaimedRow[]) => Promise<void>;
  /** A poll has its answer; told before its claimant is. */
  readonly left: (waiter: Waiter) => void;
  /** No statement is under way any more. */
  readonly rested: () => void;
}

/** Polls that a first statement serves: as many as that gives jobs to, the next serves twice. */
const FEW = 32;
const MANY = 512;
/** No fewer than these are left to the statement after the next. */
const HALVED_MIN = 8;

/** A statement, and whom it serves. */
interface Round {
  readonly begunAtMs: number;
  readonly slots: readonly ClaimSlot[];
  readonly served: readonly Waiter[];
  /** Those that waited as well. */
  readonly leftOut: readonly Waiter[];
  readonly outcome: Promise<Outcome>;
}

type Outcome = { readonly rows: readonly ClaimedRow[] } | { readonly error: unknown };

export class ClaimGroup implements WaitingPlace {
  /** When there was nothing for it, by the clock of this process. */
  emptyAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: ClaimGroupOptions;
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  /** The rounds under way. */
  #sweeping: Promise<void> | undefined;
  #again = false;
  #most = FEW;
  /** Polls of the last round: they come again while the next one is under way. */
  #servedLast = 0;

  constructor(options: ClaimGroupOptions) {
    this.#options = options;
  }

  get terms(): RunnerTerms {
    return this.#options.terms;
  }

  get waiters(): ReadonlySet<Waiter> {
    return this.#waiters;
  }

  /** Resolves when it rests; undefined when it does. */
  get sweeping(): Promise<void> | undefined {
    return this.#sweeping;
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    this.#options.left(waiter);
  }

  /** Serves those that wait; what arrives meanwhile is served by another round. */
  sweep(): void {
    this.#again = true;
    if (this.#sweeping !== undefined || this.#waiters.size === 0) return;
    this.#sweeping = this.#sweep().finally(() => {
      this.#sweeping = undefined;
      this.#servedLast = 0;
      this.#options.rested();
    });
  }

  async #sweep(): Promise<void> {
    // Polls that arrive in the same turn are answered by the same statement.
    await nextTurn();
    let round = this.#begin();
    while (round !== undefined) {
      const outcome = await round.outcome;
      let next: Round | undefined;
      if (fillsAll(round, outcome)) {
        // It may have left more behind.
        this.#again = true;
        this.#most = Math.min(MANY, 2 * this.#most);
        next = this.#begin();
        // The statement is sent at the end of this turn: the database works while answers are
        // written.
        if (next !== undefined) await nextTurn();
      }
      this.#end(round, outcome);
      if (next === undefined) {
        await nextTurn();
        next = this.#begin();
      }
      round = next;
    }
  }

  /** Sends the next statement; undefined when there is no reason to. */
  #begin(): Round | undefined {
    if (!this.#again || this.#options.closed()) return undefined;
    this.#again = false;
    const hungry: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.served === 'now') continue;
      if (waiter.poll.capacity > 0) hungry.push(waiter);
      else waiter.look();
    }
    if (hungry.length === 0) return undefined;
    // Half of those that come and go, so that the one half is served while the other comes back;
    // and never thousands for a single job.
    const half = Math.max(HALVED_MIN, Math.ceil((hungry.length + this.#servedLast) / 2));
    const count = Math.min(half, this.#most);
    const [served, leftOut] = [hungry.slice(0, count), hungry.slice(count)];
    this.#servedLast = served.length;
    const slots = makeSlots(served.map(({ poll }) => poll));
    const reports = joinBrought(
      served.filter((waiter) => waiter.served === 'not yet').map(({ poll }) => poll),
    );
    for (const waiter of served) waiter.served = 'now';
    const outcome = this.#claim(slots, reports).then(
      (rows) => ({ rows }),
      (error: unknown) => ({ error }),
    );
    return { begunAtMs: performance.now(), slots, served, leftOut, outcome };
  }

  /** One report that the database does not take keeps nobody from getting a job. */
  async #claim(
    slots: readonly ClaimSlot[],
    reports: BroughtReports | undefined,
  ): Promise<ClaimedRow[]> {
    const { claim, leaseSeconds, logger } = this.#options;
    const { fulfils, pipelines } = this.terms;
    const request = { slots, fulfils, pipelines, leaseSeconds };
    if (reports === undefined) return claim(request);
    try {
      return await claim({ ...request, reports });
    } catch (error) {
      // The database is away, for reports as for claims.
      if (isRivetError(error)) throw error;
      logger.debug({ err: error }, 'reports could not be stored with a claim');
      return claim(request);
    }
  }

  #end(round: Round, outcome: Outcome): void {
    if ('error' in outcome) {
      this.#most = FEW;
      for (const waiter of [...round.served, ...round.leftOut]) waiter.fail(outcome.error);
      return;
    }
    this.#give(round, outcome.rows);
    if (fillsAll(round, outcome)) return;
    this.#most = FEW;
    for (const waiter of round.leftOut) {
      // There is nothing for those either; but what they bring is still to be stored.
      if (waiter.poll.brought === undefined) waiter.look();
      else if (!waiter.settled) this.#again = true;
    }
    if (!this.#again) this.emptyAtMs = round.begunAtMs;
  }

  #give({ slots, served }: Round, rows: readonly ClaimedRow[]): void {
    // Not by the request alone: its id is what the runner says, and another may say the same.
    const runners = new Map(slots.map(({ leaseId, runnerId }) => [leaseId, runnerId]));
    const keyOf = (runnerId = '', requestId: string): string => `${runnerId} ${requestId}`;
    const byRequest = Map.groupBy(rows, (row) =>
      keyOf(runners.get(row.lease_id), row.request_id.toLowerCase()),
    );
    const unwanted: ClaimedRow[] = [];
    for (const waiter of served) {
      const { runnerId, requestId } = waiter.poll;
      const mine = byRequest.get(keyOf(runnerId, requestId.toLowerCase())) ?? [];
      // Its runner went away while the statement ran: nobody would get these.
      if (waiter.settled) unwanted.push(...mine);
      else if (mine.length > 0 || this.#options.closed()) waiter.settle(mine);
      else waiter.look();
    }
    if (unwanted.length > 0) void this.#options.undo(unwanted);
  }
}

function fillsAll({ slots }: Round, outcome: Outcome): boolean {
  return 'rows' in outcome && outcome.rows.length === slots.length;
}
