// Migrations: together, again, failing, and of a future version.
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
    expect(await migrate(database, directory)).toEqual(['0999_of_the_future']);
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
    await expect(migrate(database, directory)).rejects.toMatchObject({
      code: 'RIVET_DATABASE_MIGRATION_FAILED',
      details: { name: '0999_of_the_future' },
    });
  });
  const found = { name: 'half', text: `SELECT to_regclass('half') AS half`, repeatable: true };
  expect(await database.query(found)).toEqual([{ half: null }]);
  await checkSchema(database);
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
