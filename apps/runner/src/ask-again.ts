// Asks the server for something a job needs until it has answered: it may be gone for a moment, and
// its database for longer.
import { type RivetError, retryPauseMs, sleep, toRivetError } from '@rivet/base';
import type { Clock } from './clock.ts';
import { isUndecided, mayRepeat, retryAfterMs } from './server-answer.ts';
import type { CallLimits } from './server-api.ts';

const BACKOFF = { baseMs: 250, maxMs: 5000 };

export interface AskAgainOptions {
  /** Aborts when the job is no longer ours. */
  readonly fence: AbortSignal;
  /** Of one call, in milliseconds. */
  readonly callMs: number;
  /**
   * How long it is asked for, in milliseconds; anew after each answer that the database is away:
   * how long that may take is for the lease to say.
   */
  readonly askMsMax: number;
  /** Whether asking again may help. */
  readonly isPassing?: (error: RivetError) => boolean;
  readonly clock?: Clock;
}

/** @throws what it was refused with, or why there was no answer in time */
export async function askAgain<T>(
  ask: (limits: CallLimits) => Promise<T>,
  { fence, callMs, askMsMax, isPassing = mayRepeat, clock = now }: AskAgainOptions,
): Promise<T> {
  let giveUpAt = clock() + askMsMax;
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask({ timeoutMs: callMs, signal: fence });
    } catch (thrown) {
      const error = toRivetError(thrown);
      if (isUndecided(error)) giveUpAt = clock() + askMsMax;
      const pauseMs = retryPauseMs(tried, retryAfterMs(error), BACKOFF);
      if (fence.aborted || !isPassing(error) || clock() + pauseMs > giveUpAt) throw error;
      await sleep(pauseMs, fence);
      if (fence.aborted) throw error;
    }
  }
}

function now(): number {
  return performance.now();
}
