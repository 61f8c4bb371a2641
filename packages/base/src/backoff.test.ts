// Backoff: grows, is capped, and is spread over the whole range.
import { expect, it } from 'vitest';
import { backoffMs, retryPauseMs } from './backoff.ts';

it.each([
  [1, 100],
  [2, 200],
  [5, 1_600],
  [50, 30_000],
])('the ceiling of try %i is %i ms', (attempt, ceiling) => {
  const options = { baseMs: 100, maxMs: 30_000 };
  expect(backoffMs(attempt, { ...options, random: () => 1 })).toBe(ceiling);
  expect(backoffMs(attempt, { ...options, random: () => 0 })).toBe(0);
});

it('who was asked to wait waits that long at least, and not all equally long', () => {
  const options = { baseMs: 200, maxMs: 3000 };
  const pause = (attempt: number, askedMs: number, random: number): number =>
    retryPauseMs(attempt, askedMs, { ...options, random: () => random });
  expect(pause(1, 1000, 0)).toBe(1000);
  expect(pause(1, 1000, 1)).toBe(1500);
  expect(pause(2, 1000, 1)).toBe(2000);
  expect(pause(9, 1000, 1)).toBe(4000);
  expect(pause(1, 0, 0)).toBe(0);
  expect(pause(1, 0, 1)).toBe(200);
});
