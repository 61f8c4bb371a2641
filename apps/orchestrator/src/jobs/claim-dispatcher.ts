// Answers waiting polls with jobs: all runners with the same tags and pipelines are served by one
// statement.
import { type Logger, RivetError, uuidv7 } from '@rivet/base';
import {
  type ClaimedRow,
  type ClaimSlot,
  type Database,
  listRevokedRunners,
  readClaimedJobs,
} from '@rivet/store';
import { start, undoClaim } from './transitions.ts';

export interface ClaimPoll {
  readonly runnerId: string;
  readonly requestId: string;
  readonly capacity: number;
  /** What the runner's tags fulfil, sorted. */
  readonly fulfils: readonly string[];
  /** Patterns of the names of the pipelines that it may run, sorted. */
  readonly pipelines: readonly string[];
  readonly waitMs: number;
  /** Aborts when the runner is gone. */
  readonly signal: AbortSignal;
}

export interface ClaimDispatcherOptions {
  readonly database: Database;
  readonly leaseSeconds: number;
  readonly logger: Logger;
  /** A claim was undone: others may take its jobs. */
  readonly onUndone: () => void;
}

/** Jobs of one statement at most. */
const SLOTS_MAX = 500;
/** The slow poll: for jobs whose notification was lost or whose `run_after` has come. */
const SWEEP_MS = 1000;
/** Polls of one runner that wait here. */
const POLLS_MAX = 4;
/** How soon a poll that waits is ended when its runner was revoked. */
const REVOKED_MS = 2000;

interface Waiter {
  readonly poll: ClaimPoll;
  /** Whether it has its answer. */
  settled: boolean;
  /** Whether a statement that serves it is still to end: what it gives must not be thrown away. */
  served: 'not yet' | 'now' | 'before';
  /** Whether its time is up. */
  due: boolean;
  readonly settle: (rows: ClaimedRow[]) => void;
  readonly fail: (error: unknown) => void;
}

/** Polls with the same tags and pipelines. One statement at a time serves them. */
interface Group {
  readonly waiters: Set<Waiter>;
  /** The rounds under way. */
  sweeping: Promise<void> | undefined;
  again: boolean;
}

/** An attempt that a claim has started. */
export type ClaimedAttempt = Pick<ClaimedRow, 'job_id' | 'attempt'>;

/** Holds the polls of the runners that wait here. */
export class ClaimDispatcher {
  readonly #options: ClaimDispatcherOptions;
  readonly #groups = new Map<string, Group>();
  readonly #undoing = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #revokedTimer: NodeJS.Timeout | undefined;
  #refusing: Promise<void> | undefined;
  #closed = false;

  constructor(options: ClaimDispatcherOptions) {
    this.#options = options;
  }

  /** Up to `capacity` jobs as soon as there are some; none after `waitMs`, or when it closes. */
  async claim(poll: ClaimPoll): Promise<ClaimedRow[]> {
    const earlier = await this.#givenBefore(poll);
    if (earlier.length > 0 || this.#closed || poll.signal.aborted) return earlier;
    const rows = await this.#wait(poll);
    // An earlier poll of the same request may have been answered meanwhile, by another
    // orchestrator and into a connection that nobody reads any more.
    return rows.length > 0 || poll.signal.aborted ? rows : this.#givenBefore(poll);
  }

  /** Something may be claimable: looks at once. */
  wake(): void {
    for (const [key, group] of this.#groups) this.#sweep(key, group);
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
    clearInterval(this.#revokedTimer);
    for (const { waiters } of this.#groups.values()) {
      for (const waiter of waiters) if (waiter.served !== 'now') waiter.settle([]);
    }
  }

  /** Resolves when no statement of it is under way any more; to be called after `stopServing`. */
  async close(): Promise<void> {
    await Promise.all([...this.#groups.values()].map(({ sweeping }) => sweeping));
    await Promise.all(this.#undoing);
    await this.#refusing;
  }

  /** Ends the polls of runners that were revoked meanwhile, whichever orchestrator did it. */
  async #refuseRevoked(): Promise<void> {
    const { database, logger } = this.#options;
    const waiters = [...this.#groups.values()].flatMap((group) => [...group.waiters]);
    const ids = [...new Set(waiters.map(({ poll }) => poll.runnerId))];
    if (ids.length === 0) return;
    try {
      const revoked = new Set(await listRevokedRunners(database, ids));
      for (const waiter of waiters) {
        const out = revoked.has(waiter.poll.runnerId) && !waiter.settled;
        // A statement that serves it gives it nothing any more.
        if (out) waiter.fail(RivetError.of('RIVET_AUTH_INVALID', {}));
      }
    } catch (error) {
      logger.warn({ err: error }, 'it could not be checked which waiting runners were revoked');
    }
  }

  #givenBefore({ requestId, runnerId }: ClaimPoll): Promise<ClaimedRow[]> {
    const { database, leaseSeconds } = this.#options;
    return readClaimedJobs(database, { requestId, runnerId, leaseSeconds });
  }

  async #undo(attempts: readonly ClaimedAttempt[]): Promise<void> {
    const { database, logger, onUndone } = this.#options;
    try {
      if ((await undoClaim(database, attempts)) > 0) onUndone();
    } catch (error) {
      const jobs = attempts.map(({ job_id }) => job_id);
      logger.warn({ err: error, jobs }, 'a claim could not be undone');
    }
  }

  #wait(poll: ClaimPoll): Promise<ClaimedRow[]> {
    const key = JSON.stringify([poll.fulfils, poll.pipelines]);
    const group = this.#groups.get(key) ?? {
      waiters: new Set(),
      sweeping: undefined,
      again: false,
    };
    this.#groups.set(key, group);
    this.#timer ??= setInterval(() => this.wake(), SWEEP_MS);
    this.#revokedTimer ??= setInterval(() => {
      this.#refusing ??= this.#refuseRevoked().finally(() => {
        this.#refusing = undefined;
      });
    }, REVOKED_MS);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiter.settled = true;
        clearTimeout(timer);
        poll.signal.removeEventListener('abort', giveUp);
        group.waiters.delete(waiter);
        if (group.waiters.size === 0 && group.sweeping === undefined) this.#groups.delete(key);
      };
      const waiter: Waiter = {
        poll,
        settled: false,
        served: 'not yet',
        due: false,
        settle: (rows) => {
          leave();
          resolve(rows);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const giveUp = (): void => waiter.settle([]);
      const timer = setTimeout(() => {
        // Every poll looks once, also one that does not want to wait.
        waiter.due = true;
        if (waiter.served === 'before') giveUp();
      }, poll.waitMs);
      poll.signal.addEventListener('abort', giveUp, { once: true });
      const before = this.#waitersOf(poll.runnerId);
      group.waiters.add(waiter);
      // Its runner has asked again: nobody reads the answer of the poll before. A runner that asks
      // many times at once gets no more room than for a few.
      for (const [index, other] of before.entries()) {
        const again = other.poll.requestId === poll.requestId;
        if (again || before.length - index >= POLLS_MAX) other.settle([]);
      }
      this.#sweep(key, group);
    });
  }

  #waitersOf(runnerId: string): Waiter[] {
    return [...this.#groups.values()].flatMap(({ waiters }) =>
      [...waiters].filter(({ poll }) => poll.runnerId === runnerId),
    );
  }

  /** Serves a group; what arrives meanwhile is served by another round. */
  #sweep(key: string, group: Group): void {
    group.again = true;
    if (group.sweeping !== undefined || group.waiters.size === 0) return;
    group.sweeping = this.#rounds(group).finally(() => {
      group.sweeping = undefined;
      if (group.waiters.size === 0) this.#groups.delete(key);
    });
  }

  async #rounds(group: Group): Promise<void> {
    while (group.again && group.waiters.size > 0 && !this.#closed) {
      group.again = false;
      // Polls that arrive in the same turn are answered by the same statement.
      await new Promise((resolve) => setImmediate(resolve));
      const waiters = [...group.waiters];
      try {
        const filled = await this.#serve(waiters);
        // A full statement may have left more behind.
        if (filled) group.again = true;
      } catch (error) {
        for (const waiter of waiters) waiter.fail(error);
      }
    }
  }

  async #serve(waiters: readonly Waiter[]): Promise<boolean> {
    const { database, leaseSeconds } = this.#options;
    const slots = makeSlots(waiters.map(({ poll }) => poll));
    const { fulfils = [], pipelines = [] } = waiters[0]?.poll ?? {};
    if (slots.length === 0) {
      for (const waiter of waiters) {
        waiter.served = 'before';
        if (waiter.due) waiter.settle([]);
      }
      return false;
    }
    for (const waiter of waiters) waiter.served = 'now';
    const rows = await start(database, { slots, fulfils, pipelines, leaseSeconds });
    // Not by the request alone: its id is what the runner says, and another may say the same.
    const runners = new Map(slots.map(({ leaseId, runnerId }) => [leaseId, runnerId]));
    const keyOf = (runnerId = '', requestId: string): string => `${runnerId} ${requestId}`;
    const byRequest = Map.groupBy(rows, (row) =>
      keyOf(runners.get(row.lease_id), row.request_id.toLowerCase()),
    );
    const unwanted: ClaimedRow[] = [];
    for (const waiter of waiters) {
      const { runnerId, requestId } = waiter.poll;
      const mine = byRequest.get(keyOf(runnerId, requestId.toLowerCase())) ?? [];
      waiter.served = 'before';
      // Its runner went away while the statement ran: nobody would get these.
      if (waiter.settled) unwanted.push(...mine);
      else if (mine.length > 0 || waiter.due || this.#closed) waiter.settle(mine);
    }
    if (unwanted.length > 0) await this.undo(unwanted);
    return rows.length === slots.length;
  }
}

/** One slot for each runner, then a second one each: a large runner does not take all. */
function makeSlots(polls: readonly ClaimPoll[]): ClaimSlot[] {
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
