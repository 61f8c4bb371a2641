// Saying that the database gives no answer: soon when it gives none, and not when it is only slow.
import type { Database } from '@rivet/store';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DatabaseWatch } from './database-watch.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** A database that answers each look at its clock as `connect` does. */
function watch(connect: () => Promise<unknown>) {
  let asked = 0;
  const database = {
    address: 'host/name',
    connect: () => {
      asked += 1;
      return connect();
    },
  } as unknown as Database;
  const watching = new DatabaseWatch({ database, patienceMs: 2000, answerMs: 1000 });
  return { watching, asked: () => asked };
}

const client = { query: async () => ({ rows: [{ ms: 1 }] }), end: async () => undefined };
const never = new Promise<never>(() => {});

it('asks nothing while work is done in time', async () => {
  const { watching, asked } = watch(() => never);
  const work = new Promise((resolve) => setTimeout(() => resolve('done'), 1900));
  const answer = watching.answered(work);
  await vi.advanceTimersByTimeAsync(1900);
  expect(await answer).toBe('done');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked()).toBe(0);
});

it('says within a moment that there is no answer, whoever waits', async () => {
  const { watching, asked } = watch(() => never);
  const ends = Promise.allSettled([watching.answered(never), watching.answered(never)]);
  await vi.advanceTimersByTimeAsync(3000);
  for (const end of await ends) {
    expect(end).toMatchObject({ reason: { code: 'RIVET_DATABASE_UNREACHABLE' } });
  }
  expect(asked()).toBe(1);
});

it('asks at once while the last question had no answer, until one has', async () => {
  let answers = false;
  const { watching, asked } = watch(async () => (answers ? client : never));
  const first = watching.answered(never).catch((error: { code: string }) => error.code);
  await vi.advanceTimersByTimeAsync(3000);
  expect(await first).toBe('RIVET_DATABASE_UNREACHABLE');
  const second = watching.answered(never).catch((error: { code: string }) => error.code);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await second).toBe('RIVET_DATABASE_UNREACHABLE');
  answers = true;
  const work = new Promise((resolve) => setTimeout(() => resolve('done'), 1900));
  const third = watching.answered(work);
  await vi.advanceTimersByTimeAsync(1900);
  expect(await third).toBe('done');
  expect(asked()).toBe(3);
});

it('says what the database said when that is refused', async () => {
  const { watching } = watch(() => Promise.reject(new Error('no room')));
  const end = watching.answered(never).catch((error: Error) => error.message);
  await vi.advanceTimersByTimeAsync(2500);
  expect(await end).toBe('no room');
});

it('waits for slow work as long as the database answers', async () => {
  const { watching, asked } = watch(async () => client);
  const work = new Promise((resolve) => setTimeout(() => resolve('done'), 11_000));
  const answer = watching.answered(work);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(await answer).toBe('done');
  expect(asked()).toBe(5);
});
