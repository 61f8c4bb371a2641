// The audit log in a real database: rows come with their change, are chained once, and whoever
// touches them is found.
import { createSecretKey, randomBytes } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import type { AuditVerification } from '@rivet/protocol';
import { type Database, listAuditRows } from '@rivet/store';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chainAuditLog } from '../duties/chain-audit-log.ts';
import { createMetrics } from '../metrics.ts';
import { openTestDatabase } from '../test-orchestrator.ts';
import { createAuditKeys } from './audit-keys.ts';
import { createAuditLog } from './audit-log.ts';
import { createOrigin } from './begin-audit-log.ts';
import { verifyPart } from './verify-part.ts';

const secret = createSecretKey(randomBytes(32));
const keys = createAuditKeys(() => secret);
const audit = createAuditLog(keys);
let testDatabase: TestDatabase;
let database: Database;

beforeEach(async () => {
  testDatabase = await createTestDatabase();
  database = openTestDatabase(testDatabase.url);
  await createOrigin(database, keys);
});

afterEach(async () => {
  await database.close();
  await testDatabase.drop();
});

const record = (name: string, details = {}) =>
  database.transaction(
    (tx) =>
      audit.record(tx, undefined, {
        action: 'pipeline.delete',
        object: { kind: 'pipeline', id: `id of ${name}`, name },
        details,
      }),
    { repeatable: false },
  );

const chain = () => chainAuditLog({ database, keys, logger: silentLogger }).run();

async function recordAndChain(names: readonly string[]): Promise<void> {
  for (const name of names) await record(name);
  await chain();
}

/** Runs statements as somebody who may do everything, past the triggers. */
async function tamper(...statements: string[]): Promise<void> {
  await sql('ALTER TABLE audit_log DISABLE TRIGGER USER', ...statements);
}

async function sql(...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = await database.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

async function verify(head?: string): Promise<AuditVerification> {
  const part = await verifyPart(database, keys, { head });
  expect(part.next_cursor).toBeNull();
  return part;
}

const findings = async (head?: string) =>
  (await verify(head)).findings.map(({ kind, position }) => `${kind} ${position}`);

const names = Array.from({ length: 8 }, (_, index) => `p${index + 1}`);

describe('a row', () => {
  test('is there exactly if its transaction is', async () => {
    const failed = database.transaction(
      async (tx) => {
        const object = { kind: 'pipeline', id: '1', name: 'p' };
        await audit.record(tx, undefined, { action: 'pipeline.create', object });
        throw new Error('after the record');
      },
      { repeatable: false },
    );
    await expect(failed).rejects.toThrow('after the record');
    expect(await sql('SELECT id FROM audit_log')).toEqual([]);
  });

  test('keeps texts that a database or a terminal has trouble with', async () => {
    await record('a\0b\ud800c\u202E', { list: ['\0', 'x'.repeat(1000)], n: 1, gone: undefined });
    await record(`${'x'.repeat(298)}😀😀`);
    await chain();
    expect(await findings()).toEqual([]);
    const [row] = await sql('SELECT object_name, details FROM audit_log ORDER BY position LIMIT 1');
    expect(row).toMatchObject({ object_name: 'a\uFFFDb\uFFFDc\u202E', details: { n: 1 } });
  });

  test.each([
    "UPDATE audit_log SET actor_name = 'somebody'",
    "UPDATE audit_log SET at = now() WHERE action = 'pipeline.delete'",
    'UPDATE audit_log SET position = NULL, link = NULL',
    'UPDATE audit_log SET position = position + 100',
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
  ])('cannot be touched by: %s', async (statement) => {
    await recordAndChain(['p']);
    await expect(sql(statement)).rejects.toThrow('the audit log is append-only');
    expect(await findings()).toEqual([]);
  });

  test('cannot be changed together with its place', async () => {
    await record('p');
    const forged = "UPDATE audit_log SET position = 1, link = mac, actor_name = 'somebody'";
    await expect(sql(forged)).rejects.toThrow('the audit log is append-only');
  });
});

describe('the chain', () => {
  test('takes every row once, whoever chains at the same time', async () => {
    const writers = Array.from({ length: 60 }, (_, index) => record(`p${index}`));
    const chainers = Array.from({ length: 6 }, () => chain());
    await Promise.all([...writers, ...chainers]);
    await chain();
    const [row] = await sql('SELECT count(*)::int AS n, max(position)::int AS top FROM audit_log');
    expect(row).toEqual({ n: 60, top: 60 });
    expect(await verify()).toMatchObject({ checked: 60, findings: [], waiting: 0 });
  });

  test('has rows that are not chained yet, which are checked too', async () => {
    await recordAndChain(['p1']);
    await record('p2');
    expect(await verify()).toMatchObject({ checked: 1, findings: [], waiting: 1 });
    await tamper("UPDATE audit_log SET actor_name = 'x' WHERE position IS NULL");
    expect(await findings()).toEqual(['changed null']);
  });

  test('goes on over a restart', async () => {
    for (const name of names) await recordAndChain([name]);
    expect(await verify()).toMatchObject({ checked: 8, findings: [] });
  });

  test('is verified in parts, each from where the one before has ended', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, index) => record(`p${index}`)));
    await chain();
    await tamper("UPDATE audit_log SET actor_name = 'x' WHERE position IN (10, 11, 20)");
    const parts: AuditVerification[] = [];
    for (let cursor: string | undefined; ; cursor = parts.at(-1)?.next_cursor ?? undefined) {
      parts.push(await verifyPart(database, keys, { cursor, rows: 10 }));
      if (parts.at(-1)?.next_cursor === null) break;
    }
    expect(parts.map(({ checked }) => checked)).toEqual([10, 10, 5]);
    expect(parts.map((part) => part.findings.map(({ position }) => position))).toEqual([
      [10],
      [11, 20],
      [],
    ]);
    const { head } = parts.at(-1) ?? {};
    expect(head).toMatch(/^25:[0-9a-f]{64}$/);
  });
});

describe('whoever writes to the database is found when', () => {
  test.each([
    [
      'a row was changed',
      "UPDATE audit_log SET actor_name = 'eve' WHERE position = 3",
      'changed 3',
    ],
    [
      'a time was changed',
      "UPDATE audit_log SET at = at - interval '1 day' WHERE position = 3",
      'moved 3',
    ],
    [
      'details were changed',
      `UPDATE audit_log SET details = '{"a":1}' WHERE position = 3`,
      'changed 3',
    ],
    ['a row was removed', 'DELETE FROM audit_log WHERE position = 4', 'missing 4'],
    ['rows were removed at the end', 'DELETE FROM audit_log WHERE position > 6', 'missing 7'],
    ['all rows were removed', 'DELETE FROM audit_log', 'missing 1'],
    ['the head was removed', 'DELETE FROM audit_head', 'head null'],
    ['the head was set back', 'UPDATE audit_head SET position = 5', 'head null'],
    [
      'the log was emptied, and its head',
      'DELETE FROM audit_log; DELETE FROM audit_head',
      'head null',
    ],
    [
      'rows were cut off at the end, and the head was made to fit',
      `WITH cut AS (DELETE FROM audit_log WHERE position > 5)
       UPDATE audit_head SET position = 5, link = (SELECT link FROM audit_log WHERE position = 5)`,
      'head null',
    ],
  ])('%s', async (_, statement, expected) => {
    await recordAndChain(names);
    await tamper(statement);
    expect(await findings()).toEqual([expected]);
  });

  test('a row was removed and the places after it closed up', async () => {
    await recordAndChain(names);
    await tamper('DELETE FROM audit_log WHERE position = 4');
    await sql(
      'ALTER TABLE audit_log DROP CONSTRAINT audit_log_position_key',
      'UPDATE audit_log SET position = position - 1 WHERE position > 4',
    );
    expect((await findings())[0]).toBe('moved 4');
  });

  test('two rows changed places', async () => {
    await recordAndChain(names);
    await tamper(
      'ALTER TABLE audit_log DROP CONSTRAINT audit_log_position_key',
      'UPDATE audit_log SET position = 7 - position WHERE position IN (2, 5)',
    );
    expect((await findings())[0]).toBe('moved 2');
  });

  test.each([
    ['at the place of another', 2],
    ['before the first', 0],
    ['far before the first', -9_000_000_000_000_000_000n],
  ])('a row was put in %s', async (_, position) => {
    await recordAndChain(names);
    await tamper(
      'ALTER TABLE audit_log DROP CONSTRAINT audit_log_position_key, DROP CONSTRAINT audit_log_position_check',
      `INSERT INTO audit_log SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff', at, actor_kind, actor_id,
         'eve', via_kind, via_id, action, object_kind, object_id, object_name, address, request_id,
         details, mac, ${position}, link
       FROM audit_log WHERE position = 2`,
    );
    expect(await findings()).toEqual([`changed ${Number(position)}`]);
    // Also where the parts meet.
    const found: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const part = await verifyPart(database, keys, { cursor, rows: 1 });
      found.push(...part.findings.map(({ kind }) => kind));
      if (part.next_cursor === null) break;
      cursor = part.next_cursor;
    }
    expect(found).toEqual(['changed']);
  });

  test('a row was put in', async () => {
    await recordAndChain(names);
    await tamper(
      `INSERT INTO audit_log SELECT gen_random_uuid(), at, actor_kind, actor_id, 'eve', via_kind,
         via_id, action, object_kind, object_id, object_name, address, request_id, details, mac
       FROM audit_log WHERE position = 2`,
    );
    expect(await findings()).toEqual(['changed null']);
    // Chained like any other, it is found where it stands.
    await chain();
    expect(await findings()).toEqual(['changed 9']);
  });

  test('the end was cut off and an old head put back, with the end kept elsewhere', async () => {
    await recordAndChain(names.slice(0, 5));
    const [old] = await sql('SELECT position, link, mac FROM audit_head');
    await recordAndChain(names.slice(5));
    const { head } = await verify();
    await tamper('DELETE FROM audit_log WHERE position > 5');
    const client = await database.connect();
    const values = [old?.position, old?.link, old?.mac];
    await client.query('UPDATE audit_head SET position = $1, link = $2, mac = $3', values);
    await client.end();
    expect(await findings()).toEqual([]);
    expect(await findings(head ?? '')).toEqual(['missing 6']);
    // What is recorded from then on does not close the gap.
    await recordAndChain(['other', 'rows', 'instead']);
    expect(await findings(head ?? '')).toEqual(['head null']);
  });
});

test('an orchestrator adds nothing to a chain that was cut off while it ran', async () => {
  const lines: string[] = [];
  const logger = {
    ...silentLogger,
    error: (_: object, message: string) => void lines.push(message),
  };
  const metrics = createMetrics();
  const shown = async () =>
    /^rivet_audit_position .*$/m.exec(
      await metrics.render({ queued: 0, runners: { fit: 0, unfit: 0 } }),
    )?.[0];
  expect(await shown()).toBeUndefined();
  const onLength = metrics.auditReaches;
  const duty = chainAuditLog({ database, keys, logger, onLength });
  for (const name of names) await record(name);
  await duty.run();
  expect(await shown()).toBe('rivet_audit_position 8');
  await tamper('DELETE FROM audit_log WHERE position > 5', 'UPDATE audit_head SET position = 5');
  await record('later');
  await duty.run();
  await duty.run();
  expect(lines).toEqual([expect.stringContaining('the end of the audit log is not what was')]);
  expect(await sql('SELECT object_name FROM audit_log WHERE position > 5')).toEqual([]);
});

test('rows are chained when some wait, and when the end of the chain is not what was', async () => {
  let length = 0;
  const onLength = (position: number) => {
    length = position;
  };
  const duty = chainAuditLog({ database, keys, logger: silentLogger, onLength });
  expect(await duty.due?.()).toBe(false);
  for (const name of names) await record(name);
  expect(await duty.due?.()).toBe(true);
  await chain();
  // By another orchestrator.
  expect(await duty.due?.()).toBe(false);
  expect(length).toBe(8);
  await tamper('UPDATE audit_head SET position = 5');
  expect(await duty.due?.()).toBe(true);
  await tamper('DELETE FROM audit_head');
  expect(await duty.due?.()).toBe(true);
});

test('an orchestrator begins no new chain where the log was emptied', async () => {
  const lines: string[] = [];
  const logger = {
    ...silentLogger,
    error: (_: object, message: string) => void lines.push(message),
  };
  await recordAndChain(names);
  await tamper('DELETE FROM audit_log', 'DELETE FROM audit_head');
  await record('later');
  await chainAuditLog({ database, keys, logger }).run();
  expect(lines).toEqual([expect.stringContaining('it is gone')]);
  expect(await verify()).toMatchObject({ checked: 0, waiting: 1 });
  expect(await findings()).toEqual(['head null']);
});

test('rows are listed newest first, by who, what, to what and when', async () => {
  await recordAndChain(names);
  const none = { actor: undefined, action: undefined, object: undefined };
  const all = { ...none, since: undefined, until: undefined };
  const newest = { at_us: '253402300800000000', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };
  const list = async (filter: object, before = newest, limit = 100) =>
    (await listAuditRows(database, { ...all, ...filter }, before, limit)).map((row) => row);
  const shown = (rows: { object_name: string }[]) => rows.map(({ object_name }) => object_name);
  expect(shown(await list({}))).toEqual([...names].reverse());
  const first = await list({}, newest, 3);
  expect(shown(await list({}, first.at(-1)))).toEqual(['p5', 'p4', 'p3', 'p2', 'p1']);
  expect(shown(await list({ object: 'p3' }))).toEqual(['p3']);
  expect(shown(await list({ object: 'id of p4', actor: 'rivet' }))).toEqual(['p4']);
  expect(await list({ actor: 'ada' })).toEqual([]);
  expect(await list({ action: 'job.%' })).toEqual([]);
  expect(await list({ action: 'pipeline.%', until: new Date(0) })).toEqual([]);
  expect(await list({ since: new Date(Date.now() - 3_600_000) })).toHaveLength(8);
});
