// A duty that has nothing to do costs one look, and neither a lock nor a turn.
import { silentLogger } from '@rivet/base';
import type { Database, Queryable } from '@rivet/store';
import { expect, test } from 'vitest';
import { createDuties, type Duty } from './duty.ts';

/** Counts the locks that are asked for, and gives all of them. */
function fakeDatabase() {
  const asked = { locks: 0 };
  const tx = { query: async () => [{ mine: true }] } as unknown as Queryable;
  const transaction: Database['transaction'] = (work) => {
    asked.locks += 1;
    return work(tx);
  };
  return { asked, database: { transaction, connectionsMax: 2 } as unknown as Database };
}

function duty(due: Duty['due'] | undefined) {
  const counts = { looks: 0, runs: 0 };
  const made: Duty = {
    name: 'test',
    everyMs: 10,
    ...(due && {
      due: () => {
        counts.looks += 1;
        return due();
      },
    }),
    run: async () => {
      counts.runs += 1;
    },
  };
  return { counts, made };
}

test.each([
  ['has nothing to do is looked at again and again, without a lock', async () => false, false],
  ['has something to do takes the lock and its turn', async () => true, true],
  ['cannot say takes the lock and its turn', undefined, true],
])('a duty that %s', async (_, due, runs) => {
  const { asked, database } = fakeDatabase();
  const { counts, made } = duty(due);
  const service = createDuties(database, [made], silentLogger);
  await service.start();
  await expect.poll(() => (runs ? counts.runs : counts.looks)).toBeGreaterThan(2);
  await service.stop();
  expect([counts.runs > 0, asked.locks > 0]).toEqual([runs, runs]);
});

test('a look that fails is tried again', async () => {
  const { database } = fakeDatabase();
  let looks = 0;
  const { counts, made } = duty(async () => {
    looks += 1;
    if (looks === 1) throw new Error('the database is away');
    return true;
  });
  const service = createDuties(database, [made], silentLogger);
  await service.start();
  await expect.poll(() => counts.runs).toBeGreaterThan(0);
  await service.stop();
});
