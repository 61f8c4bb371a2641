// The lock of a duty goes to another process when its holder dies or stands still, and not before.
import { silentLogger } from '@rivet/base';
import { startProgram, type TestProgram, useTestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type Database } from './database.ts';
import { withDutyLock } from './duty-lock.ts';
import { repeatable } from './statement.ts';

const testDatabase = useTestDatabase();
let database: Database;
let holder: TestProgram | undefined;

beforeEach(() => {
  const { url } = testDatabase;
  database = createDatabase({ url, applicationName: 'test', logger: silentLogger });
});

afterEach(async () => {
  holder?.signal('SIGCONT');
  await holder?.stop();
  await database.close();
});

async function startHolder(silenceMs?: number): Promise<TestProgram> {
  holder = startProgram(new URL('fixtures/duty-holder.ts', import.meta.url), {
    DATABASE_URL: testDatabase.url,
    ...(silenceMs !== undefined && { SILENCE_MS: String(silenceMs) }),
  });
  await holder.event('holds');
  return holder;
}

const mine = () => withDutyLock(database, 'sweep', async () => undefined);

const heldConnection = repeatable(
  'held',
  `SELECT pid, state_change::text AS at, query FROM pg_stat_activity
   WHERE datname = current_database() AND application_name = 'duty-holder'
     AND state = 'idle in transaction'`,
);

test('a holder that is killed gives its lock away at once', async () => {
  const killed = await startHolder();
  expect(await mine()).toBe(false);
  killed.signal('SIGKILL');
  await expect.poll(mine, { timeout: 30_000 }).toBe(true);
});

test('a holder that stands still loses its lock, and does the work again when it goes on', async () => {
  const stopped = await startHolder(2000);
  stopped.signal('SIGSTOP');
  await expect.poll(mine, { timeout: 60_000 }).toBe(true);
  stopped.signal('SIGCONT');
  stopped.signal('SIGUSR2');
  const { ran, runs } = await stopped.event('over');
  expect(ran).toBe(true);
  expect(runs).toBeGreaterThan(1);
  expect(await stopped.ended).toMatchObject({ code: 0, stderr: '' });
});

test('a holder that works for long keeps its lock by saying that it is there', async () => {
  const working = await startHolder(6000);
  const seen = new Set<string>();
  const heard = async () => {
    const rows = await database.query<{ at: string; query: string }>(heldConnection);
    for (const { at, query } of rows) if (query === 'SELECT 1') seen.add(at);
    return seen.size;
  };
  // Three times, a quarter of the allowed silence from each other.
  await expect.poll(heard, { timeout: 60_000 }).toBe(3);
  expect(await mine()).toBe(false);
  working.signal('SIGUSR2');
  expect(await working.event('over')).toMatchObject({ ran: true, runs: 1 });
});
