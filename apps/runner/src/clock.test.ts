// The clock of leases: how often it is read, and what it says after a suspend.
import { expect, it, vi } from 'vitest';
import { createBootClock } from './clock.ts';

it('is read at most every five milliseconds, however often it is asked', () => {
  let now = 1000;
  const read = vi.fn(() => Math.floor(now / 10) * 10);
  const clock = createBootClock(read, () => now);
  for (let asked = 0; asked < 1000; asked += 1) {
    expect(now - clock()).toBeLessThan(15);
    now += 0.1;
  }
  expect(read.mock.calls.length).toBeLessThanOrEqual(20);
});

it('has gone on while the machine slept, as soon as a reading is old', () => {
  let now = 1000;
  let sleptMs = 0;
  const clock = createBootClock(
    () => now + sleptMs,
    () => now,
  );
  const before = clock();
  // An hour in which the cheap clock stands still.
  sleptMs = 3_600_000;
  now += 5;
  expect(clock() - before).toBe(3_600_005);
});
