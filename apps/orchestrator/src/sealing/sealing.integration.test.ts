// Sealing with a real database: the first start, the wrong key, and two orchestrators at once.
import { randomBytes } from 'node:crypto';
import { SecretText, silentLogger } from '@rivet/base';
import { type Database, migrate, sealedTables } from '@rivet/store';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestDatabase } from '../test-orchestrator.ts';
import type { MasterKeySource } from './load-master-key.ts';
import { createSealing } from './sealing.ts';

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  database = openTestDatabase(test.url);
  await migrate(database);
});
afterAll(async () => {
  await database.close();
  await test.drop();
});

function newKey(): MasterKeySource {
  const text = new SecretText(randomBytes(32).toString('base64'));
  return { kind: 'value', setting: 'RIVET_MASTER_KEY', text };
}

let firstStarts = 0;

function sealing(current: MasterKeySource | undefined, other?: MasterKeySource) {
  const onFirstStart = async () => {
    firstStarts += 1;
  };
  return createSealing({ database, current, other, onFirstStart, logger: silentLogger });
}

const first = newKey();
const second = newKey();

it('does not start without a master key', async () => {
  await expect(sealing(undefined).start()).rejects.toMatchObject({
    code: 'RIVET_MASTER_KEY_MISSING',
  });
});

it('makes one root for the installation, also when several start for the first time', async () => {
  const all = Array.from({ length: 5 }, () => sealing(first));
  await Promise.all(all.map((service) => service.start()));
  const keys = all.map(({ sealer }) => sealer.mac('test').export().toString('hex'));
  expect(new Set(keys).size).toBe(1);
  expect(firstStarts).toBe(1);
});

it('does not start with a key that the database does not know', async () => {
  await expect(sealing(second).start()).rejects.toMatchObject({
    code: 'RIVET_MASTER_KEY_WRONG',
    message: expect.stringMatching(
      /^the master key [0-9a-f]{16} is not the one of this database, which is [0-9a-f]{16}$/,
    ),
  });
});

it('starts with the key that is to come, and with the one before, and derives the same', async () => {
  const [one, two] = [sealing(first, second), sealing(second, first)];
  await Promise.all([one.start(), two.start()]);
  expect(one.sealer.mac('audit').equals(two.sealer.mac('audit'))).toBe(true);
  const sealed = two.sealer.seal(Buffer.from('value'), ['a']);
  expect(one.sealer.open(sealed, ['a']).toString()).toBe('value');
});

it('says that it is used too early', () => {
  expect(() => sealing(first).sealer.keyId).toThrow('the sealer is used before its start');
});

it('knows every table with sealed values', async () => {
  const rows = await database.query<{ name: string }>({
    name: 'tables_with_sealed_values',
    text: `SELECT relname AS name FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
           WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
             AND NOT relispartition AND attname = 'wrapped_key' ORDER BY 1`,
    repeatable: true,
  });
  expect(rows.map(({ name }) => name)).toEqual([...sealedTables].sort());
});

it('tells of values at its start whose master key was taken away too soon', async () => {
  const lines: string[] = [];
  const warn = (_: object, message: string) => void lines.push(message);
  const logger = { ...silentLogger, warn };
  const onFirstStart = async () => {};
  const start = (other?: MasterKeySource) =>
    createSealing({ database, current: first, other, onFirstStart, logger }).start();
  const run = (name: string, text: string) => database.query({ name, text, repeatable: true });
  await start(second);
  expect(lines).toEqual([]);
  await run(
    'put_secret_of_another_key',
    `INSERT INTO secrets (id, scope, name, provider, version, created_by, updated_by)
     VALUES (gen_random_uuid(), '', 'LEFT', 'database', 1, '', '')`,
  );
  await run(
    'put_version_of_another_key',
    `INSERT INTO secret_versions
       (secret_id, version, master_key_id, wrapped_key, box, created_by)
     SELECT id, 1, 'another key', '', '', '' FROM secrets WHERE name = 'LEFT'`,
  );
  await start(second);
  expect(lines).toEqual([
    expect.stringContaining('1 values are sealed with the master key another key'),
  ]);
});

it('makes no second root when the first is gone: an emptied audit log could begin anew', async () => {
  const run = (name: string, text: string) => database.query({ name, text, repeatable: true });
  await run(
    'put_secret',
    `INSERT INTO secrets (id, scope, name, provider, version, created_by, updated_by)
     VALUES (gen_random_uuid(), '', 'N', 'database', 1, '', '')`,
  );
  await run(
    'put_version',
    `INSERT INTO secret_versions
       (secret_id, version, master_key_id, wrapped_key, box, created_by)
     SELECT id, 1, 'k', '', '', '' FROM secrets WHERE name = 'N'`,
  );
  await run(
    'forget_root',
    'UPDATE installation SET master_key_id = NULL, wrapped_key = NULL, box = NULL',
  );
  for (const key of [first, second]) {
    await expect(sealing(key).start()).rejects.toMatchObject({
      code: 'RIVET_SECRET_SEAL_BROKEN',
      message: expect.stringContaining('it is gone from the table "installation"'),
    });
  }
  expect(firstStarts).toBe(1);
});
