// All who wait for a turn go on in it, on timers of the test.
import { Wakeup } from '@rivet/base';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SharedTurn } from './shared-turn.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

it('comes when the first who waits wants it, for all', async () => {
  const turn = new SharedTurn();
  const wokenAt: number[] = [];
  const wait = (ms: number) =>
    turn.wait(new Wakeup(), ms).then(() => wokenAt.push(performance.now()));
  const start = performance.now();
  const waits = [wait(20)];
  await vi.advanceTimersByTimeAsync(5);
  waits.push(wait(25), wait(1));
  await vi.advanceTimersByTimeAsync(14);
  expect(wokenAt).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  await Promise.all(waits);
  expect(wokenAt).toEqual([start + 20, start + 20, start + 20]);
});

it('comes again for those who wait for the next one in the middle of it', async () => {
  const turn = new SharedTurn();
  const turns = [0, 0, 0];
  const goOn = async (sleeper: Wakeup, index: number): Promise<void> => {
    for (let count = 1; count <= 10; count += 1) {
      await turn.wait(sleeper, 20);
      turns[index] = count;
    }
  };
  const all = Promise.all(turns.map((_, index) => goOn(new Wakeup(), index)));
  for (let count = 1; count <= 10; count += 1) {
    await vi.advanceTimersByTimeAsync(20);
    expect(turns).toEqual([count, count, count]);
  }
  await all;
});

it('does not come when nobody waits any more, and comes anew for the next', async () => {
  const turn = new SharedTurn();
  const early = new Wakeup();
  const waiting = turn.wait(early, 20);
  early.notify();
  await waiting;
  expect(vi.getTimerCount()).toBe(0);
  const next = turn.wait(early, 20);
  await vi.advanceTimersByTimeAsync(20);
  await next;
  expect(vi.getTimerCount()).toBe(0);
});
