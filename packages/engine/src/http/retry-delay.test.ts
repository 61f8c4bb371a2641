// Retry-After in its two forms, and the limits of waiting.
import { describe, expect, it } from 'vitest';
import { parseRetryAfter, retryDelay } from './retry-delay.ts';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);
const rule = { max: 3, on: [], delayMs: 1000, delayMsMax: 10_000 };

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5000],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thursday, 01-Jan-26 12:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026-01-01', undefined],
    ['99999999999', undefined],
    ['', undefined],
  ])('%j is %s ms', (text, expected) => {
    expect(parseRetryAfter(text, NOW)).toBe(expected);
  });
});

describe('the wait before the next try', () => {
  it('is what the server asks for, as long as that is not too much', () => {
    expect(retryDelay(rule, 1, '10', NOW)).toBe(10_000);
    expect(retryDelay(rule, 1, '11', NOW)).toBeUndefined();
  });

  it('is a random part of a time that doubles up to its limit', () => {
    for (const [failed, most] of [
      [1, 1000],
      [2, 2000],
      [3, 4000],
      [9, 10_000],
    ] as const) {
      const waits = Array.from(
        { length: 50 },
        () => retryDelay(rule, failed, undefined, NOW) ?? -1,
      );
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...waits)).toBeLessThanOrEqual(most);
      expect(new Set(waits).size).toBeGreaterThan(10);
    }
  });
});
