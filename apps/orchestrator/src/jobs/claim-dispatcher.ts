// Answers waiting polls with jobs: all runners with the same tags and pipelines are served by one
// statement.
import { type Logger, RivetError } from '@rivet/base';
import {
  type ClaimedRow,
  type Database,
  listClaimable,
  QueueSearch,
  readClaimedJobs,
} from '@rivet/store';
import type { RunnerTerms, WaitingPolls } from '../runners/known-runners.ts';
import { ClaimGroup } from './claim-group.ts';
import { type Claimant, type ClaimPoll, Waiter } from './claim-poll.ts';
import { start, undoClaim } from './transitions.ts';

export interface ClaimDispatcherOptions {
  readonly database: Database;
  readonly leaseSeconds: number;
  /** Whether it is woken when something may be claimable, so that it need not look before. */
  readonly woken: boolean;
  readonly logger: Logger;
  /** A claim was undone: others may take its jobs. */
  readonly onUndone: () => void;
}

/** The slow poll: for jobs whose notification was lost or whose `run_after` has come. */
const SWEEP_MS = 1000;
/** How long it is believed that there was nothing to claim, unless it is woken. */
const EMPTY_MS = 2 * SWEEP_MS;
/** Polls of one runner that wait here. */
const POLLS_MAX = 4;
/** A runner comes back sooner; where it polls at another orchestrator, nobody comes. */
const NEWS_MS = 5000;
/** More are not served before it is known which of them have something to be served with. */
const SERVED_UNASKED_MAX = 8;

/** An attempt that a claim has started. */
export type ClaimedAttempt = Pick<ClaimedRow, 'job_id' | 'attempt'>;

/** Holds the polls of the runners that wait here. */
export class ClaimDispatcher implements WaitingPolls {
  readonly #options: ClaimDispatcherOptions;
  readonly #groups = new Map<string, ClaimGroup>();
  readonly #search = new QueueSearch(() => this.wake());
  /** In the order in which they came. */
  readonly #byRunner = new Map<string, readonly Waiter[]>();
  readonly #undoing = new Set<Promise<void>>();
  /** Runners with news that had no poll here, and since when. */
  readonly #news = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #closed = false;

  constructor(options: ClaimDispatcherOptions) {
    this.#options = options;
  }

  /**
   * Gives the claimant up to `capacity` jobs as soon as there are some; none after `waitMs`, or
   * when it closes.
   */
  claim(poll: ClaimPoll, claimant: Claimant): void {
    if (poll.repeat) void this.#claimAgain(poll, claimant);
    else if (this.#closed || claimant.gone) claimant.given([]);
    else this.#wait(poll, claimant);
  }

  /** Something may be claimable: looks at once. */
  wake(): void {
    for (const group of this.#groups.values()) group.emptyAtMs = Number.NEGATIVE_INFINITY;
    if (this.#groups.size > SERVED_UNASKED_MAX) this.#look();
    else for (const group of this.#groups.values()) group.sweep();
  }

  waitingRunners(): Iterable<string> {
    return this.#byRunner.keys();
  }

  refuse(runnerIds: ReadonlySet<string>): void {
    // A statement that serves one gives it nothing any more.
    for (const waiter of this.#waitersOf(runnerIds)) {
      waiter.fail(RivetError.of('RIVET_AUTH_INVALID', {}));
    }
  }

  release(runnerIds: ReadonlySet<string>): void {
    for (const waiter of this.#waitersOf(runnerIds)) waiter.end();
  }

  /**
   * Answers the polls of runners that have news, or the next one of theirs: they report of their
   * jobs then, and the answers say what there is.
   */
  news(runnerIds: readonly string[]): void {
    const now = performance.now();
    for (const [id, atMs] of this.#news) if (now - atMs > NEWS_MS) this.#news.delete(id);
    for (const id of runnerIds) if (!this.#byRunner.has(id)) this.#news.set(id, now);
    this.release(new Set(runnerIds));
  }

  /** Undoes a claim whose answer could not be written. Never throws: the lease runs out anyway. */
  undo(attempts: readonly ClaimedAttempt[]): Promise<void> {
    const undoing = this.#undo(attempts).finally(() => this.#undoing.delete(undoing));
    this.#undoing.add(undoing);
    return undoing;
  }

  /**
   * Answers the polls with no jobs, and later ones too; those that a statement serves at this
   * moment still get what it gives.
   */
  stopServing(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { waiters } of this.#groups.values()) {
      for (const waiter of waiters) if (waiter.served !== 'now') waiter.settle([]);
    }
  }

  /** Resolves when no statement of it is under way any more; to be called after `stopServing`. */
  async close(): Promise<void> {
    await this.#looking;
    await Promise.all([...this.#groups.values()].map(({ sweeping }) => sweeping));
    await Promise.all(this.#undoing);
  }

  /** The claimant asks again: it may have jobs already, of an answer that did not reach it. */
  async #claimAgain(poll: ClaimPoll, claimant: Claimant): Promise<void> {
    try {
      const earlier = await this.#givenBefore(poll);
      if (earlier.length > 0 || this.#closed || claimant.gone) return claimant.given(earlier);
      const { promise, resolve, reject } = Promise.withResolvers<ClaimedRow[]>();
      const again: Claimant = {
        get gone() {
          return claimant.gone;
        },
        set waiter(waiter: Waiter | undefined) {
          claimant.waiter = waiter;
        },
        given: resolve,
        failed: reject,
      };
      this.#wait(poll, again);
      const rows = await promise;
      // An earlier poll of the same request may have been answered meanwhile, by another
      // orchestrator and into a connection that nobody reads any more.
      const settled = rows.length > 0 || claimant.gone;
      claimant.given(settled ? rows : await this.#givenBefore(poll));
    } catch (error) {
      claimant.failed(error);
    }
  }

  #givenBefore({ requestId, runnerId }: ClaimPoll): Promise<ClaimedRow[]> {
    const { database, leaseSeconds } = this.#options;
    return readClaimedJobs(database, { requestId, runnerId, leaseSeconds });
  }

  async #undo(attempts: readonly ClaimedAttempt[]): Promise<void> {
    const { database, leaseSeconds, logger, onUndone } = this.#options;
    try {
      if ((await undoClaim(database, attempts, leaseSeconds)) > 0) onUndone();
    } catch (error) {
      const jobs = attempts.map(({ job_id }) => job_id);
      logger.warn({ err: error, jobs }, 'a claim could not be undone');
    }
  }

  #wait(poll: ClaimPoll, claimant: Claimant): void {
    const group = this.#groupOf(poll.terms);
    this.#timer ??= setInterval(() => this.#look(), SWEEP_MS);
    const { runnerId } = poll;
    const before = this.#byRunner.get(runnerId) ?? [];
    const waiter = new Waiter(poll, claimant, group);
    group.add(waiter);
    this.#byRunner.set(runnerId, [...before, waiter]);
    // Its runner has asked again: nobody reads the answer of the poll before. A runner that asks
    // many times at once gets no more room than for a few.
    for (const [index, other] of before.entries()) {
      const again = other.poll.requestId === poll.requestId;
      if (again || before.length - index >= POLLS_MAX) other.settle([]);
    }
    // Where there was nothing a moment ago, and nobody has said otherwise since, it is looked again
    // within a second. A poll that does not wait so long must be looked for now.
    if (this.#news.delete(runnerId)) waiter.end();
    const empty = performance.now() - group.emptyAtMs < EMPTY_MS && poll.waitMs > EMPTY_MS;
    if (empty && this.#options.woken) waiter.served = 'before';
    else group.sweep();
  }

  #groupOf(terms: RunnerTerms): ClaimGroup {
    const known = this.#groups.get(terms.key);
    if (known !== undefined) return known;
    const { database, leaseSeconds, logger } = this.#options;
    const group = new ClaimGroup({
      ...{ terms, leaseSeconds, logger },
      claim: (request) => start(this.#search, database, request),
      closed: () => this.#closed,
      undo: (rows) => this.undo(rows),
      left: (waiter) => {
        this.#forgetEmpty(group);
        this.#left(waiter);
      },
      rested: () => this.#forgetEmpty(group),
    });
    this.#groups.set(terms.key, group);
    return group;
  }

  #left(waiter: Waiter): void {
    const { runnerId } = waiter.poll;
    const others = (this.#byRunner.get(runnerId) ?? []).filter((other) => other !== waiter);
    if (others.length === 0) this.#byRunner.delete(runnerId);
    else this.#byRunner.set(runnerId, others);
  }

  #forgetEmpty(group: ClaimGroup): void {
    if (group.waiters.size === 0 && group.sweeping === undefined) {
      this.#groups.delete(group.terms.key);
    }
  }

  #waitersOf(runnerIds: ReadonlySet<string>): Waiter[] {
    return [...runnerIds].flatMap((id) => [...(this.#byRunner.get(id) ?? [])]);
  }

  /** Serves those groups for which there is something: one statement for all that wait. */
  #look(): void {
    this.#lookAgain = true;
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = undefined;
    });
  }

  async #lookAll(): Promise<void> {
    while (this.#lookAgain && this.#groups.size > 0 && !this.#closed) {
      this.#lookAgain = false;
      const groups = [...this.#groups.values()];
      const begunAtMs = performance.now();
      try {
        const terms = groups.map((group) => group.terms);
        const claimable = new Set(await listClaimable(this.#options.database, terms));
        for (const [place, group] of groups.entries()) {
          if (claimable.has(place)) group.sweep();
          else if (!this.#lookAgain && group.sweeping === undefined) group.emptyAtMs = begunAtMs;
        }
      } catch (error) {
        // Those that wait go on waiting: the database comes back, or their time is up.
        this.#options.logger.debug({ err: error }, 'it could not be asked what can be claimed');
      }
    }
  }
}
