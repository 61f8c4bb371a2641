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

/**
 * As `backoffMs` where nobody has asked to wait; otherwise at least as long as was asked, and more
 * by that much, so that all who were told the same do not return together either.
 * @param askedMs 0: nobody asked
 */
export function retryPauseMs(attempt: number, askedMs: number, options: BackoffOptions): number {
  if (askedMs <= 0) return backoffMs(attempt, options);
  return (
    askedMs + backoffMs(attempt, { ...options, baseMs: Math.max(options.baseMs, askedMs / 2) })
  );
}
