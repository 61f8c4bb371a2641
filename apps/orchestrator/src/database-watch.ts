// Says soon that the database gives no answer: a statement would wait for one longer than a runner
// waits for us, and a runner that hears nothing must stop its jobs.
import { RivetError, withDeadline } from '@rivet/base';
import { type Database, databaseTime } from '@rivet/store';

/** How long after a question without an answer the next one is asked at once. */
const DOUBTED_MS = 10_000;

export interface DatabaseWatchOptions {
  readonly database: Database;
  /** Work that takes no longer is not doubted, in milliseconds. */
  readonly patienceMs: number;
  /** The database has this long to answer the simplest question, in milliseconds. */
  readonly answerMs: number;
}

export class DatabaseWatch {
  readonly #options: DatabaseWatchOptions;
  #asking: Promise<void> | undefined;
  /** When it gave no answer, by `performance.now()`; it is asked at once while that is not long ago. */
  #awayAt = Number.NEGATIVE_INFINITY;

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
  }

  /**
   * Settles as `work` does; when that takes long and the database answers nothing else either,
   * rejects, and what becomes of `work` is nobody's.
   * @throws RIVET_DATABASE_UNREACHABLE
   */
  async answered<T>(work: Promise<T>): Promise<T> {
    const { patienceMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    const silent = new Promise<never>((_, reject) => {
      const wait = (ms: number): void => {
        if (isOver) return;
        timer = setTimeout(() => void this.#ask().then(() => wait(patienceMs), reject), ms);
      };
      const isDoubted = performance.now() - this.#awayAt < DOUBTED_MS;
      wait(isDoubted ? 0 : patienceMs);
    });
    try {
      return await Promise.race([work, silent]);
    } finally {
      isOver = true;
      clearTimeout(timer);
    }
  }

  /** One question for all who wait. */
  #ask(): Promise<void> {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askOnce(): Promise<void> {
    const { database, answerMs } = this.#options;
    const asking = databaseTime(database);
    asking.catch(() => undefined);
    try {
      await withDeadline(asking, answerMs, () =>
        RivetError.of('RIVET_DATABASE_UNREACHABLE', {
          database: database.address,
          reason: `no answer within ${answerMs} ms`,
        }),
      );
      this.#awayAt = Number.NEGATIVE_INFINITY;
    } catch (error) {
      this.#awayAt = performance.now();
      throw error;
    }
  }
}
