// Waiting longer after each failure, with full jitter so that many clients do not return together.
// Method: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Injectable for tests; a number in [0, 1). */
  readonly random?: () => number;
}

/**
 * Milliseconds to wait before try number `attempt` (from 1): uniform in [0, min(max, base *
 * 2^(n-1))].
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round((options.random ?? Math.random)() * ceiling);
}
