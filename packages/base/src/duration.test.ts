// Durations: what is accepted, what is refused, how they read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DURATION_MS_MAX, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    [90, 90_000],
    [0.5, 500],
    ['90', 90_000],
    ['90s', 90_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    [' 2d ', 172_800_000],
    [0, 0],
  ])('reads %j as %i ms', (value, ms) => {
    expect(parseDuration(value)).toBe(ms);
  });

  it.each([
    '5 bananas',
    '',
    '-1s',
    '1e12',
    '90 s',
    's',
    '1.s',
    null,
    true,
    [],
    Number.NaN,
    -1,
    1e12,
  ])('refuses %j and says what is expected', (value) => {
    expect(() => parseDuration(value)).toThrow(/is not a duration; expected seconds or text/);
  });

  it('takes any whole number of milliseconds up to the longest', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: DURATION_MS_MAX }), (ms) => {
        expect(parseDuration(`${ms}ms`)).toBe(ms);
      }),
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0ms'],
    [850, '850ms'],
    [4_260, '4.2s'],
    [59_999, '59.9s'],
    [192_000, '3m12s'],
    [7_500_000, '2h05m'],
  ])('writes %i ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
