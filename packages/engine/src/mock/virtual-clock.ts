// A clock that stands still until somebody lets it go to the next timer: for tests of pipelines.
import type { Clock } from '../clock.ts';

export interface VirtualClock extends Clock {
  /** Whether a timer waits. */
  readonly waiting: boolean;
  /** Goes to the next timer and fires it; the timers of one moment fire in the order of their start. */
  next(): void;
}

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

/**
 * @param startMs milliseconds since 1970
 * @param onTimer called after a timer was set
 */
export function createVirtualClock(startMs: number, onTimer: () => void): VirtualClock {
  const timers = new Set<Timer>();
  let nowMs = startMs;
  return {
    now: () => nowMs,
    after(ms, fire) {
      // What never comes is no moment to go to.
      if (ms === Number.POSITIVE_INFINITY) return () => {};
      const timer = { at: nowMs + Math.max(0, ms), fire };
      timers.add(timer);
      onTimer();
      return () => timers.delete(timer);
    },
    get waiting() {
      return timers.size > 0;
    },
    next() {
      let first: Timer | undefined;
      for (const timer of timers) if (first === undefined || timer.at < first.at) first = timer;
      if (first === undefined) return;
      timers.delete(first);
      nowMs = Math.max(nowMs, first.at);
      first.fire();
    },
  };
}
