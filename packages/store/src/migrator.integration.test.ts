// Migrations: together, again, failing, and of a future version.
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, silentLogger } from '@rivet/base';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFromTemplate, dropDatabase } from './administration.ts';
import { createDatabase, type Database } from './database.ts';
import { checkSchema, migrate, migrationsDirectory } from './migrator.ts';
import { readSchemaSnapshot } from './schema-snapshot.ts';

let migrated: TestDatabase;
let empty: string;
let emptyName: string;
const opened: Database[] = [];

beforeEach(async () => {
  migrated = await createTestDatabase();
  emptyName = `empty_${process.pid}_${Date.now()}`;
  empty = await createFromTemplate(migrated.adminUrl, emptyName, 'template0');
});

afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
  await migrated.drop();
  await dropDatabase(migrated.adminUrl, emptyName);
});

function open(url: string): Database {
  const database = createDatabase({ url, applicationName: 'test', logger: silentLogger });
  opened.push(database);
  return database;
}

const HALF = `SELECT to_regclass('half')::text AS half`;

function run<Row extends object>(database: Database, text: string): Promise<Row[]> {
  return database.query<Row>({ name: '', text, repeatable: true });
}

test('the migrations make the schema of the committed snapshot', async () => {
  await expect(
    await readSchemaSnapshot(open(migrated.url)),
    'mend it with `npx vitest run --project integration packages/store --update`',
  ).toMatchFileSnapshot(join(migrationsDirectory, 'schema.sql'));
});

test('several programs may migrate the same database at the same time', async () => {
  const results = await Promise.all(Array.from({ length: 5 }, () => migrate(open(empty))));
  expect(results.filter((names) => names.length > 0)).toHaveLength(1);
  await checkSchema(open(empty));
});

test('a database without the schema says what to run', async () => {
  await expect(checkSchema(open(empty))).rejects.toMatchObject({
    code: 'RIVET_DATABASE_SCHEMA_OLDER',
    solve: expect.stringContaining('rivet migrate'),
  });
});

async function withNewer(content: string, then: (directory: string) => Promise<void>) {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-migrations-'));
  try {
    for (const name of await readdir(migrationsDirectory)) {
      if (/^\d{4}_/.test(name)) {
        await copyFile(join(migrationsDirectory, name), join(directory, name));
      }
    }
    await writeFile(join(directory, '0999_of_the_future.sql'), content);
    await then(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('a newer schema that breaks this program is refused, and a compatible one is not', async () => {
  const database = open(migrated.url);
  await withNewer('CREATE TABLE future (id integer);', async (directory) => {
    expect(await migrate(database, { directory })).toEqual(['0999_of_the_future']);
  });
  await checkSchema(database);
  await database.query(
    {
      name: 'break',
      text: 'UPDATE schema_compatibility SET needs_migration = 999',
      repeatable: true,
    },
    [],
  );
  const refusal = { code: 'RIVET_DATABASE_SCHEMA_NEWER', details: { found: '0999_of_the_future' } };
  await expect(checkSchema(database)).rejects.toMatchObject(refusal);
  await expect(migrate(database)).rejects.toMatchObject(refusal);
});

test('a migration that fails leaves nothing of itself and is named', async () => {
  const database = open(empty);
  await withNewer('CREATE TABLE half (id integer); SELECT 1 / 0;', async (directory) => {
    await expect(migrate(database, { directory })).rejects.toMatchObject({
      code: 'RIVET_DATABASE_MIGRATION_FAILED',
      details: { name: '0999_of_the_future' },
    });
  });
  expect(await run(database, HALF)).toEqual([{ half: null }]);
  await checkSchema(database);
});

describe('a migration whose table somebody holds', () => {
  /** Keeps everybody from changing the table `runners` until it is told to let go. */
  async function hold(): Promise<() => Promise<void>> {
    const database = createDatabase({
      url: migrated.url,
      applicationName: 'somebody',
      logger: silentLogger,
    });
    opened.push(database);
    const client = await database.connect();
    await client.query('BEGIN; SELECT FROM runners LIMIT 1');
    return async () => {
      await client.query('COMMIT');
      await client.end();
    };
  }
  const content = 'ALTER TABLE runners ADD COLUMN future integer;';

  test('lets others through, says who it is, and goes on when they let go', async () => {
    const letGo = await hold();
    const told: string[] = [];
    let released: Promise<void> | undefined;
    const logger: Logger = {
      ...silentLogger,
      warn: (_, words = '') => {
        // A slow machine also says what it waits for.
        if (!words.includes(' was not given ')) return;
        told.push(words);
        if (words.includes('of "somebody" (user ')) released ??= letGo();
      },
    };
    await withNewer(content, async (directory) => {
      const ran = await migrate(open(migrated.url), { directory, logger, patienceMs: 600_000 });
      expect(ran).toEqual(['0999_of_the_future']);
    });
    await released;
    expect(told.at(-1)).toMatch(
      /^the migration 0999_of_the_future was not given its locks for .*: the session \d+ of "somebody" \(user .*, idle in transaction, in a transaction for .*\) held them; trying again$/,
    );
  });

  test('is given up after a while, with nothing of it there', async () => {
    const letGo = await hold();
    const database = open(migrated.url);
    await withNewer(content, async (directory) => {
      await expect(migrate(database, { directory, patienceMs: 1 })).rejects.toMatchObject({
        code: 'RIVET_DATABASE_MIGRATION_BLOCKED',
        details: { name: '0999_of_the_future' },
      });
      await letGo();
      expect(await migrate(database, { directory, patienceMs: 600_000 })).toHaveLength(1);
    });
  });

  test('whose session is ended in the middle has changed nothing', async () => {
    const letGo = await hold();
    const database = open(migrated.url);
    await withNewer(`CREATE TABLE half (id integer); ${content}`, async (directory) => {
      const running = migrate(database, { directory, patienceMs: 600_000 });
      const ended = expect(running).rejects.toMatchObject({
        code: 'RIVET_DATABASE_MIGRATION_FAILED',
        message: expect.stringContaining('terminating connection'),
      });
      const end = `SELECT count(pg_terminate_backend(pid))::int AS ended FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%CREATE TABLE half%'
          AND wait_event_type = 'Lock'`;
      await expect.poll(() => run(database, end), { timeout: 60_000 }).toEqual([{ ended: 1 }]);
      await ended;
      await letGo();
      expect(await run(database, HALF)).toEqual([{ half: null }]);
      expect(await migrate(database, { directory })).toEqual(['0999_of_the_future']);
      expect(await run(database, HALF)).toEqual([{ half: 'half' }]);
    });
  });
});

describe('a migration that makes an index while others write', () => {
  const indexes = (database: Database, name: string) =>
    run(
      database,
      `SELECT c.relname AS name, x.indisvalid AS valid, x.indisunique AS unique
       FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
       WHERE c.relname LIKE '%${name}' ORDER BY (c.relkind = 'I') DESC, c.relname`,
    );

  test('waits for those who have written, and lets others write meanwhile', async () => {
    const database = open(migrated.url);
    const writer = await database.connect();
    await writer.query('BEGIN; UPDATE runners SET name = name');
    const sql = '-- For names.\nCREATE INDEX CONCURRENTLY runners_future ON runners (lower(name));';
    await withNewer(sql, async (directory) => {
      const running = migrate(database, { directory, patienceMs: 1 });
      const waiting = `SELECT count(*)::int AS waiting FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%'
          AND wait_event_type = 'Lock'`;
      await expect
        .poll(() => run(database, waiting), { timeout: 60_000 })
        .toEqual([{ waiting: 1 }]);
      await run(database, 'UPDATE runners SET name = name');
      await writer.query('COMMIT');
      expect(await running).toEqual(['0999_of_the_future']);
      expect(await migrate(database, { directory })).toEqual([]);
    });
    await writer.end();
    expect(await indexes(database, 'runners_future')).toEqual([
      { name: 'runners_future', valid: true, unique: false },
    ]);
  });

  test('says whom it waits for, and does not wait for a program that waits for it', async () => {
    const database = open(migrated.url);
    const writer = await database.connect();
    await writer.query('BEGIN; UPDATE runners SET name = name');
    const sql = 'CREATE INDEX CONCURRENTLY runners_future ON runners (lower(name));';
    await withNewer(sql, async (directory) => {
      const told: string[] = [];
      const running = migrate(database, {
        directory,
        patienceMs: 1,
        logger: { ...silentLogger, warn: (_, words = '') => void told.push(words) },
      });
      await expect
        .poll(() => told, { timeout: 60_000 })
        .toEqual([
          expect.stringMatching(
            /^the migration 0999_of_the_future waits for the session \d+ of "test" \(user .*\) to end$/,
          ),
        ]);
      const { promise: waits, resolve } = Promise.withResolvers<void>();
      const logger: Logger = { ...silentLogger, info: () => resolve() };
      const other = migrate(open(migrated.url), { directory, logger });
      await waits;
      await writer.query('COMMIT');
      expect(await running).toEqual(['0999_of_the_future']);
      expect(await other).toEqual([]);
    });
    await writer.end();
  });

  test('makes it of a table and all of its partitions', async () => {
    const database = open(migrated.url);
    const sql =
      'CREATE INDEX CONCURRENTLY jobs_future ON jobs (launched_by)\n  WHERE priority > 0;';
    await withNewer(sql, async (directory) => {
      expect(await migrate(database, { directory })).toEqual(['0999_of_the_future']);
    });
    const partitions = await run<{ name: string }>(
      database,
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'jobs'::regclass`,
    );
    expect(partitions.length).toBeGreaterThan(0);
    const of = partitions.map(({ name }) => `${name}_future`).sort();
    expect(await indexes(database, '_future')).toEqual(
      ['jobs_future', ...of].map((name) => ({ name, valid: true, unique: false })),
    );
  });

  test('that broke half-way is made anew by the next start', async () => {
    const database = open(migrated.url);
    await run(database, 'CREATE TABLE twice (n integer)');
    await run(database, 'INSERT INTO twice VALUES (1), (1)');
    const sql = 'CREATE UNIQUE INDEX CONCURRENTLY twice_future ON twice (n);';
    await withNewer(sql, async (directory) => {
      await expect(migrate(database, { directory })).rejects.toMatchObject({
        code: 'RIVET_DATABASE_MIGRATION_FAILED',
        details: { name: '0999_of_the_future', reason: expect.stringContaining('twice_future') },
      });
      const found = { name: 'twice_future', unique: true };
      expect(await indexes(database, 'twice_future')).toEqual([{ ...found, valid: false }]);
      await run(database, 'DELETE FROM twice');
      expect(await migrate(database, { directory })).toEqual(['0999_of_the_future']);
      expect(await indexes(database, 'twice_future')).toEqual([{ ...found, valid: true }]);
    });
  });

  test.each([
    'CREATE INDEX CONCURRENTLY a ON runners (name); ALTER TABLE runners ADD COLUMN b integer;',
    'REINDEX TABLE CONCURRENTLY runners;',
  ])('says that it may do nothing else: %s', async (sql) => {
    const database = open(migrated.url);
    await withNewer(sql, async (directory) => {
      await expect(migrate(database, { directory })).rejects.toThrow('and nothing besides');
    });
  });
});

test('a database that cannot be reached is named without its password', async () => {
  const database = open('postgres://user:secret@127.0.0.1:1/nowhere');
  const error = await migrate(database).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'RIVET_DATABASE_UNREACHABLE',
    message: 'the database at 127.0.0.1:1/nowhere cannot be reached: connection refused',
  });
});

test.each(['', 'nonsense', 'http://127.0.0.1/x'])('%j is no database', (url) => {
  expect(() => open(url)).toThrow('expected postgres://user:password@host:port/database');
});
