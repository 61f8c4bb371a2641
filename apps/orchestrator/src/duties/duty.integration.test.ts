// Duties over real connections: few of them, and a holder of a lock that dies or stands still.
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, silentLogger } from '@rivet/base';
import { createDatabase, type Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterEach, expect, test } from 'vitest';
import { createDuties } from './duty.ts';

const testDatabase = useTestDatabase();
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

function open(connectionsMax: number): Database {
  const options = { url: testDatabase.url, applicationName: 'duties', logger: silentLogger };
  const database = createDatabase({ ...options, connectionsMax });
  cleanups.push(() => database.close());
  return database;
}

test('many duties at once do not wait for the connections of each other', async () => {
  const database = open(2);
  const failures: object[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields) => failures.push(fields) };
  const runs = Array.from({ length: 6 }, () => 0);
  const work = { name: 'work', text: 'SELECT pg_sleep(0.005)', repeatable: true };
  const duties = runs.map((_, n) => ({
    name: `duty-${n}`,
    everyMs: 2,
    async run() {
      // All that are allowed to begin have begun before one of them asks for a connection.
      await delay(10);
      await database.query(work);
      runs[n] = (runs[n] ?? 0) + 1;
    },
  }));
  const service = createDuties(database, duties, logger);
  await service.start();
  cleanups.push(() => service.stop());
  await expect.poll(() => Math.min(...runs), { timeout: 60_000 }).toBeGreaterThan(4);
  expect(failures).toEqual([]);
});
