// How long to wait before a request is made again.
import { backoffMs } from '@rivet/base';
import type { HttpRetries } from './http-request.ts';

/**
 * Milliseconds before the next try: what `Retry-After` says, else a random time up to a limit that
 * doubles with each try. Undefined when the server asks for more patience than `max_delay`.
 * @param failed number of tries so far, from 1
 */
export function retryDelay(
  rule: HttpRetries,
  failed: number,
  retryAfter: string | undefined,
  nowMs: number = Date.now(),
): number | undefined {
  const asked = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, nowMs);
  if (asked !== undefined) return asked <= rule.delayMsMax ? asked : undefined;
  return backoffMs(failed, { baseMs: rule.delayMs, maxMs: rule.delayMsMax });
}

/** Milliseconds of seconds or of an HTTP date; undefined for anything else. */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  // Other forms of dates than HTTP's are read differently from place to place.
  if (!/^[A-Z][a-z]{2,8},? [\d ].* GMT$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
