// Backoff: grows, is capped, and is spread over the whole range.
import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

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
