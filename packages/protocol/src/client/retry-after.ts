// Reads how long a server asks its callers to wait.
import type { Answer } from './fetch.ts';

/**
 * Milliseconds of a `Retry-After` header, given in seconds or as a date; undefined without a usable
 * one.
 */
export function readRetryAfter(response: Answer): number | undefined {
  const header = response.headers.get('retry-after');
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
