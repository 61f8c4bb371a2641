// Who is alone is found out by what is heard, and never assumed.
import { expect, test } from 'vitest';
import { OtherListeners } from './other-listeners.ts';

function withClock() {
  const clock = { ms: 0 };
  return { clock, others: new OtherListeners(() => clock.ms) };
}

test('as long as nobody could have been heard, others are there', () => {
  const { clock, others } = withClock();
  clock.ms = 1_000_000;
  expect(others.any).toBe(true);
  others.heard();
  expect(others.any).toBe(true);
});

test('who has listened for 30 seconds and heard nobody is alone', () => {
  const { clock, others } = withClock();
  others.connected(true);
  clock.ms = 29_999;
  expect(others.any).toBe(true);
  clock.ms = 30_000;
  expect(others.any).toBe(false);
});

test('whoever is heard is there at once, and for 30 seconds more', () => {
  const { clock, others } = withClock();
  others.connected(true);
  clock.ms = 60_000;
  others.heard();
  expect(others.any).toBe(true);
  clock.ms = 89_999;
  expect(others.any).toBe(true);
  clock.ms = 90_000;
  expect(others.any).toBe(false);
});

test('without a connection, and after one was made anew, others may be there', () => {
  const { clock, others } = withClock();
  others.connected(true);
  clock.ms = 40_000;
  others.connected(false);
  expect(others.any).toBe(true);
  others.connected(true);
  clock.ms = 69_999;
  expect(others.any).toBe(true);
  clock.ms = 70_000;
  expect(others.any).toBe(false);
});
