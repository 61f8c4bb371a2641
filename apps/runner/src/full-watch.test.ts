// A runner that is full hears of news, asks for nothing while it is busy, and never in a hurry.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchWhileFull } from './full-watch.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A pause that the clock of the test ends. */
const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => resolve());
  });

/** Lets time pass. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) await vi.advanceTimersByTimeAsync(Math.min(50, left));
}

function watch(answers: (asked: number, signal: AbortSignal) => Promise<unknown>) {
  const over = new AbortController();
  let [asked, news] = [0, 0];
  const ended = watchWhileFull(
    {
      wait: (signal) => {
        asked += 1;
        return answers(asked, signal);
      },
      onNews: () => {
        news += 1;
      },
      pause,
    },
    over.signal,
  );
  return { over, ended, counts: () => [asked, news] };
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('over'))));

it('asks for nothing when there is room again soon', async () => {
  const { over, ended, counts } = watch((_, signal) => untilAborted(signal));
  await pass(400);
  over.abort();
  await ended;
  expect(counts()).toEqual([0, 0]);
});

it('tells of what may have come before it was heard, and then of each answer', async () => {
  let answer: (() => void) | undefined;
  const { over, ended, counts } = watch(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answer = resolve;
    return promise;
  });
  await pass(600);
  expect(counts()).toEqual([1, 0]);
  await pass(400);
  expect(counts()).toEqual([1, 1]);
  await pass(5000);
  answer?.();
  await pass(50);
  expect(counts()).toEqual([2, 2]);
  over.abort();
  answer?.();
  await ended;
});

it('does not hurry when the server fails, and says nothing of that', async () => {
  const { over, ended, counts } = watch(() => Promise.reject(new Error('away')));
  await pass(10_000);
  const [asked, news] = counts();
  expect(asked).toBeGreaterThan(3);
  expect(asked).toBeLessThan(7);
  expect(news).toBe(0);
  over.abort();
  await ended;
});
