// Leases: they end a margin early, on the runner's own clock.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Lease } from './lease.ts';

let now = 0;
const clock = (): number => now;

beforeEach(() => {
  now = 1000;
  vi.useFakeTimers();
});

afterEach(() => vi.useRealTimers());

/** Lets `ms` pass for the clock and the timers. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 100) {
    now += Math.min(100, left);
    vi.advanceTimersByTime(Math.min(100, left));
  }
}

it('expires a quarter of its length before its end', () => {
  const lease = new Lease(20, now, clock);
  pass(14_900);
  expect(lease.expired.aborted).toBe(false);
  pass(200);
  expect(lease.expired.aborted).toBe(true);
});

it('keeps at most ten seconds of margin', () => {
  const lease = new Lease(120, now, clock);
  pass(109_900);
  expect(lease.expired.aborted).toBe(false);
  pass(200);
  expect(lease.expired.aborted).toBe(true);
});

it('counts from when the request was sent that renewed it', () => {
  const lease = new Lease(20, now, clock);
  pass(10_000);
  lease.renew(20, now - 4000);
  pass(10_900);
  expect(lease.expired.aborted).toBe(false);
  pass(200);
  expect(lease.expired.aborted).toBe(true);
});

it('is not shortened by an answer that comes late', () => {
  const lease = new Lease(20, now, clock);
  lease.renew(20, now - 19_000);
  expect(lease.remainingMs).toBe(15_000);
  lease.close();
});

it('notices within a second that the machine slept, though its timers did not run', () => {
  const lease = new Lease(60, now, clock);
  now += 3_600_000;
  vi.advanceTimersByTime(1000);
  expect(lease.expired.aborted).toBe(true);
});

it('expires at once when it is over already', () => {
  expect(new Lease(10, now - 10_000, clock).expired.aborted).toBe(true);
});

it('lasts while the server says that its database is away, and no longer than it is believed', () => {
  const lease = new Lease(20, now, clock);
  for (let passed = 0; passed < 100_000; passed += 5000) {
    pass(5000);
    lease.keep(now, 60_000);
    expect(lease.expired.aborted, `after ${passed} ms`).toBe(passed + 5000 >= 75_000);
  }
});

it('is believed anew once the database has given the lease again', () => {
  const lease = new Lease(20, now, clock);
  for (const give of [false, true, false, false]) {
    for (let passed = 0; passed < 50_000; passed += 5000) {
      pass(5000);
      if (give) lease.renew(20, now);
      else lease.keep(now, 60_000);
    }
  }
  expect(lease.expired.aborted).toBe(true);
  const other = new Lease(20, now, clock);
  for (const give of [false, true, false]) {
    for (let passed = 0; passed < 50_000; passed += 5000) {
      pass(5000);
      if (give) other.renew(20, now);
      else other.keep(now, 60_000);
    }
  }
  expect(other.expired.aborted).toBe(false);
});
