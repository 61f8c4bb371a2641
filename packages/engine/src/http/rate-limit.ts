// Holds requests back that come faster than a rate: a token bucket that lasts for a second.
import { sleep } from '@rivet/base';

/** Lets requests through at a rate, in the order in which they came. */
export interface RateLimit {
  /** Waits for the turn of one request; ends early, without taking it, when `signal` aborts. */
  take(signal: AbortSignal): Promise<void>;
}

const UNLIMITED: RateLimit = { take: () => Promise.resolve() };

/**
 * @param perSecond requests in a second; undefined for no limit. As many, but at least one, may
 *   come at once after a pause.
 * @param now milliseconds of a clock that only goes on
 */
export function createRateLimit(
  perSecond: number | undefined,
  now: () => number = () => performance.now(),
): RateLimit {
  if (perSecond === undefined) return UNLIMITED;
  const intervalMs = 1000 / perSecond;
  const burst = Math.max(1, Math.floor(perSecond));
  // When the bucket would be full again: each request takes one interval of it.
  let fullAt = now();
  return {
    async take(signal) {
      const time = now();
      const base = Math.max(fullAt, time);
      const waitMs = base - time - (burst - 1) * intervalMs;
      fullAt = base + intervalMs;
      if (waitMs <= 0) return;
      await sleep(waitMs, signal);
      if (signal.aborted) fullAt -= intervalMs;
    },
  };
}
