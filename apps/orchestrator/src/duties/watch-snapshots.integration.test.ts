// Who holds an old snapshot is told: sessions, prepared transactions, readers on a standby, slots.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { createDatabase, type Database, migrate } from '@rivet/store';
import {
  askDatabase,
  type DatabaseServer,
  startDatabaseServer,
  startStandby,
} from '@rivet/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../metrics.ts';
import { openTestDatabase } from '../test-orchestrator.ts';
import { watchSnapshots } from './watch-snapshots.ts';

const MINUTE_MS = 60_000;
const settings = { max_prepared_transactions: '2', fsync: 'off' };

let directory: string;
let server: DatabaseServer;
let database: Database;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-snapshots-'));
  server = await startDatabaseServer({
    dataDirectory: join(directory, 'primary'),
    logger: silentLogger,
    persistent: true,
    settings,
  });
  database = openTestDatabase(server.url);
  await migrate(database, { logger: silentLogger });
  await askDatabase(server.url, 'CREATE TABLE moved (n int)');
});

afterAll(async () => {
  await database.close();
  await server.stop();
  await server.remove();
  await rm(directory, { recursive: true, force: true });
});

/** A duty whose clock the test moves, and what it has told. */
function watch(tellAfterMs = 10 * MINUTE_MS, of = database) {
  const told: string[] = [];
  const time = { ms: 0 };
  const metrics = createMetrics();
  const duty = watchSnapshots({
    database: of,
    logger: { ...silentLogger, warn: (_: object, text: string) => void told.push(text) },
    onOldest: metrics.oldestSnapshot,
    tellAfterMs,
    clock: () => time.ms,
  });
  const look = async (afterMs = 0): Promise<readonly string[]> => {
    time.ms += afterMs;
    await duty.run();
    return told.splice(0);
  };
  const gauge = async (): Promise<number | undefined> => {
    const text = await metrics.render({ queued: 0, runners: { fit: 0, unfit: 0 } });
    const [, value] = /^rivet_database_oldest_snapshot_seconds (.*)$/m.exec(text) ?? [];
    return value === undefined ? undefined : Number(value);
  };
  return { look, gauge };
}

/** A session in the middle of a transaction; it ends when it is let go, or with the test. */
interface Holder {
  run(...texts: string[]): Promise<void>;
  /** Resolves when the database has none of it any more. */
  letGo(): Promise<void>;
}

async function hold(url: string, name: string, ...texts: string[]): Promise<Holder> {
  const own = createDatabase({ url, applicationName: name, logger: silentLogger });
  const client = await own.connect();
  const run = async (...more: string[]): Promise<void> => {
    for (const text of more) await client.query(text);
  };
  await run('SET idle_in_transaction_session_timeout = 0', ...texts);
  const there = `SELECT FROM pg_stat_activity WHERE application_name = '${name}'`;
  const end = async (): Promise<void> => {
    await client.end();
    await own.close();
    await expect.poll(() => askDatabase(url, there)).toEqual([]);
  };
  let ending: Promise<void> | undefined;
  const letGo = (): Promise<void> => {
    ending ??= end();
    return ending;
  };
  onTestFinished(letGo);
  return { run, letGo };
}

const OLD_SNAPSHOT = ['BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM jobs'];
const MOVE_ON = 'INSERT INTO moved VALUES (1)';

test('a session that holds an old snapshot is told once, again when it is another, and hourly', async () => {
  const { look, gauge } = watch();
  expect(await gauge()).toBeUndefined();
  expect(await look()).toEqual([]);
  expect(await gauge()).toBe(0);
  const { letGo } = await hold(server.url, 'report "of the year"', ...OLD_SNAPSHOT);
  await askDatabase(server.url, MOVE_ON);
  expect(await look()).toEqual([]);
  expect(await look(9 * MINUTE_MS)).toEqual([]);
  expect(await gauge()).toBeGreaterThanOrEqual(9 * 60);
  const [line = '', ...none] = await look(MINUTE_MS);
  expect(line).toMatch(
    /^the session (\d+) of "report \\"of the year\\"" \(user \w+, idle in transaction\) holds a snapshot of the database for 10\S* .*: its tables cannot be cleaned up and grow\. .*pg_terminate_backend\(\1\)$/,
  );
  expect(none).toEqual([]);
  expect(await look(59 * MINUTE_MS)).toEqual([]);
  expect(await look(MINUTE_MS)).toHaveLength(1);
  await letGo();
  expect(await look(MINUTE_MS)).toEqual([]);
  expect(await gauge()).toBe(0);

  await hold(server.url, 'another', ...OLD_SNAPSHOT);
  await look();
  expect(await look(10 * MINUTE_MS)).toEqual([expect.stringContaining('"another"')]);
});

test('what was held before the first look counts from when the database saw it', async () => {
  await hold(server.url, 'early', ...OLD_SNAPSHOT);
  const early = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'early'
    AND state_change < clock_timestamp() - interval '50 ms'`;
  await expect.poll(() => askDatabase(server.url, early)).toHaveLength(1);
  expect(await watch(50).look()).toEqual([expect.stringContaining('"early"')]);
});

test('a session of another user is seen by what it holds, also where the rest is hidden', async () => {
  await askDatabase(server.url, `CREATE ROLE plain LOGIN PASSWORD 'plain'`);
  const url = Object.assign(new URL(server.url), { username: 'plain', password: 'plain' });
  const plain = openTestDatabase(url.href);
  onTestFinished(() => plain.close());
  await hold(server.url, 'dump', ...OLD_SNAPSHOT);
  const { look } = watch(10 * MINUTE_MS, plain);
  await look();
  const hidden = expect.stringMatching(/of "dump" \(user rivet\) holds/);
  expect(await look(10 * MINUTE_MS)).toEqual([hidden]);
});

test('a session that begins one transaction after the other holds nothing for long', async () => {
  const { run } = await hold(server.url, 'busy', ...OLD_SNAPSHOT);
  const { look, gauge } = watch();
  await look();
  await run('COMMIT', MOVE_ON, ...OLD_SNAPSHOT);
  expect(await look(10 * MINUTE_MS)).toEqual([]);
  expect(await gauge()).toBeLessThan(10 * 60);
});

test('a prepared transaction that nobody ends is told', async () => {
  const prepare = `PREPARE TRANSACTION 'p'`;
  const { letGo } = await hold(server.url, 'x', 'BEGIN', 'INSERT INTO moved VALUES (3)', prepare);
  await letGo();
  const { look } = watch();
  await look();
  const [line] = await look(10 * MINUTE_MS);
  expect(line).toMatch(/^the prepared transaction "p" \(user \w+\) .*ROLLBACK PREPARED$/);
  await askDatabase(server.url, `ROLLBACK PREPARED 'p'`);
});

test('a reader on a standby is told, and its slot where it has one', async () => {
  const standby = await startStandby({
    primary: server,
    primaryDirectory: join(directory, 'primary'),
    dataDirectory: join(directory, 'standby'),
    settings: { ...settings, hot_standby_feedback: 'on' },
  });
  try {
    const { letGo } = await hold(standby.url, 'reader', ...OLD_SNAPSHOT);
    await askDatabase(server.url, MOVE_ON);
    const { look, gauge } = watch(MINUTE_MS);
    const told = async (): Promise<string> => (await look(MINUTE_MS)).join('\n');
    await expect
      .poll(told, { timeout: 30_000 })
      .toMatch(/^a reader on the standby "standby" holds/);
    await askDatabase(server.adminUrl, `SELECT pg_create_physical_replication_slot('copy')`);
    await askDatabase(standby.adminUrl, `ALTER SYSTEM SET primary_slot_name = 'copy'`);
    await askDatabase(standby.adminUrl, 'SELECT pg_reload_conf()');
    await expect.poll(told, { timeout: 30_000 }).toMatch(/^the replication slot "copy" holds/);
    await letGo();
    await expect.poll(() => look(1).then(gauge), { timeout: 30_000 }).toBe(0);
  } finally {
    await standby.stop();
    await standby.remove();
  }
});
