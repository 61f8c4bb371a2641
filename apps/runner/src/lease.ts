// How long a job still belongs to this runner, measured on the runner's own clock.
import type { Clock } from './clock.ts';

/** The longest time between two looks at the clock; bounds what a suspended machine can miss. */
const CHECK_MS_MAX = 1000;
const MARGIN_MS_MAX = 10_000;

/**
 * A lease that fences: when it is not renewed, `expired` aborts a margin before the server may give
 * the job to another runner, so that the work of two attempts never overlaps.
 */
export class Lease {
  readonly #clock: Clock;
  readonly #expired = new AbortController();
  #seconds: number;
  #renewedAt: number;
  /** When the server gave it last, and did not only say that nobody can take it away. */
  #givenAt: number;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param seconds length of the lease
   * @param grantedAt time of `clock` that it counts from: when the request was sent that was
   * answered
   *   with the lease, or, after a long poll, when the answer came
   */
  constructor(seconds: number, grantedAt: number, clock: Clock) {
    this.#clock = clock;
    this.#seconds = seconds;
    this.#renewedAt = grantedAt;
    this.#givenAt = grantedAt;
    this.#watch();
  }

  /** Aborts when the lease could not be renewed in time. */
  get expired(): AbortSignal {
    return this.#expired.signal;
  }

  /** Milliseconds until `expired`; 0 when it is over. */
  get remainingMs(): number {
    const lengthMs = this.#seconds * 1000;
    const marginMs = Math.min(MARGIN_MS_MAX, lengthMs / 4);
    return Math.max(0, this.#renewedAt + lengthMs - marginMs - this.#clock());
  }

  /** Milliseconds since the request that renewed it last. */
  get silenceMs(): number {
    return this.#clock() - this.#renewedAt;
  }

  /** Length of the lease, in milliseconds. */
  get lengthMs(): number {
    return this.#seconds * 1000;
  }

  /** The server gave `seconds` more in answer to a request that was sent at `sentAt`. */
  renew(seconds: number, sentAt: number): void {
    this.#seconds = seconds;
    this.#renewedAt = Math.max(this.#renewedAt, sentAt);
    this.#givenAt = this.#renewedAt;
  }

  /**
   * In answer to a request that was sent at `sentAt` the server said that its database is away:
   * nobody can give the job to another runner, and when the database is back all leases begin anew.
   * Believed for so long at most.
   */
  keep(sentAt: number, longestMs: number): void {
    if (sentAt - this.#givenAt <= longestMs) this.#renewedAt = Math.max(this.#renewedAt, sentAt);
  }

  /** Ends the watch; `expired` stays as it is. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #watch(): void {
    const remainingMs = this.remainingMs;
    if (remainingMs <= 0) {
      this.#expired.abort();
      return;
    }
    this.#timer = setTimeout(() => this.#watch(), Math.min(remainingMs, CHECK_MS_MAX));
    this.#timer.unref();
  }
}
