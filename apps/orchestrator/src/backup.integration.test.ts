// A backup of an installation with data of every kind, and what a restore makes of it.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { SecretText } from '@rivet/base';
import {
  addPartition,
  createFromTemplate,
  type Database,
  dropDatabase,
  listPartitions,
  migrate,
  readAll,
  restoreAll,
} from '@rivet/store';
import { startProgram } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { PASSWORD, signIn } from './auth/test-people.ts';
import { encodeFrame, MAGIC } from './backup/frames.ts';
import { checkBackup, openBackup } from './backup/read-backup.ts';
import { writeBackup } from './backup/write-backup.ts';
import { before, installEarlier } from './fixtures/earlier-installation.ts';
import {
  clientFor,
  FakeRunner,
  logLine,
  openTestDatabase,
  reportOf,
  seedPipeline,
  startTestOrchestrator,
} from './test-orchestrator.ts';

const { adminUrl } = inject('rivetDatabase');
const masterKey = {
  kind: 'value',
  setting: 'RIVET_MASTER_KEY',
  text: new SecretText(before.master_key),
} as const;
const never = new AbortController().signal;
const names: string[] = [];
const open: Database[] = [];
let directory: string;
let source: Database;
let sourceUrl: string;
let file: string;

/** A database in which nothing is. */
async function newDatabase(): Promise<{ url: string; database: Database }> {
  const name = `backup_${process.pid}_${Date.now()}_${names.length}`;
  names.push(name);
  const url = await createFromTemplate(adminUrl, name, 'template0');
  const database = openTestDatabase(url);
  open.push(database);
  return { url, database };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-backup-'));
  ({ url: sourceUrl, database: source } = await newDatabase());
  await installEarlier(source);
  await migrate(source);
  await addPartition(source, {
    name: '20990105',
    fromMs: Date.UTC(2099, 0, 5),
    toMs: 4_072_291_200_000,
  });
  // What came later than these data.
  await run(
    source,
    `INSERT INTO concurrency_groups (name, members_max, supersedes) VALUES ('g', 1, 'none')`,
  );
  await run(
    source,
    `INSERT INTO concurrency_members (job_id, group_name, pipeline_id)
     SELECT id, 'g', pipeline_id FROM jobs WHERE id = '${before.jobs.queued_too}'`,
  );
  await run(
    source,
    `INSERT INTO concurrency_shares (group_name, pipeline_id)
     SELECT group_name, pipeline_id FROM concurrency_members`,
  );
  await run(source, `UPDATE running_attempts SET lease_until = now() + interval '1 hour'`);
  file = join(directory, 'all.backup');
  await writeBackup(source, file, never);
});

afterEach(async () => {
  // Neither a failed backup nor a good one leaves anything else.
  const others = (await readdir(directory)).filter((name) => !name.endsWith('.backup'));
  expect(others).toEqual([]);
});

afterAll(async () => {
  for (const database of open) await database.close();
  for (const name of names) await dropDatabase(adminUrl, name);
  await rm(directory, { recursive: true });
});

async function run(database: Database, text: string): Promise<Record<string, unknown>[]> {
  return database.query({ name: '', text, repeatable: false });
}

/** What a restore changes: it begins a world of its own. */
const CHANGED = `'{lease_id,request_id,lease_until,session,ended_at,end_reason,token_version}'::text[]`;

/** Rows of every table, and a digest of them but for what a restore changes. */
async function contentOf(database: Database): Promise<Record<string, unknown>> {
  const tables = await run(
    database,
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
     AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'rivet_migrations' ORDER BY 1`,
  );
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const kept = ['running_attempts', 'runners', 'sessions', 'users'].includes(String(name))
      ? `to_jsonb(t) - ${CHANGED}`
      : 'row_to_json(t)';
    const [row] = await run(
      database,
      `SELECT count(*)::int AS rows, md5(string_agg(md5((${kept})::text), '' ORDER BY md5((${kept})::text))) AS digest FROM ${name} t`,
    );
    content[String(name)] = row;
  }
  return content;
}

async function restore(path: string, database: Database) {
  const backup = await openBackup(path);
  try {
    return await restoreAll(database, backup);
  } finally {
    await backup.close();
  }
}

test('every row of every table is there again, and the partitions are those of before', async () => {
  const { database } = await newDatabase();
  const { rows } = await restore(file, database);
  const expected = await contentOf(source);
  expect(await contentOf(database)).toEqual(expected);
  const counts = Object.values(expected).map((row) => (row as { rows: number }).rows);
  // The table of compatibility is the migrations' own.
  expect(rows).toBe(counts.reduce((sum, count) => sum + count, 0) - 1);
  const partitions = async (of: Database) =>
    (await listPartitions(of)).map(({ name, toMs, tables }) => ({
      name,
      toMs,
      tables: tables.toSorted(),
    }));
  expect(await partitions(database)).toEqual(await partitions(source));
  expect((await partitions(database)).map(({ name }) => name)).toContain('20990105');
});

test('the data have rows of every table, so that none is forgotten', async () => {
  for (const [name, row] of Object.entries(await contentOf(source))) {
    expect((row as { rows: number }).rows, `add a row of ${name} to the test`).toBeGreaterThan(0);
  }
});

test('an orchestrator with the same master key works with it: secrets, logs, queue, audit log', async () => {
  const { url, database } = await newDatabase();
  await restore(file, database);
  const { orchestrator } = await startTestOrchestrator(url, { masterKey });
  try {
    const client = clientFor(orchestrator.url, before.api_key);
    const { lines } = await client.getJobLogs({
      id: before.jobs.succeeded,
      query: { limit: 10_000 },
    });
    expect(lines).toHaveLength(750);
    await signIn(orchestrator.url, 'vera');
    await expect
      .poll(() => client.verifyAuditLog({}), { timeout: 30_000 })
      .toMatchObject({ findings: [], findings_left_out: 0, waiting: 0 });
    const runner = await FakeRunner.connect(orchestrator.url, before.runner_token);
    expect((await runner.claimOne()).id).toBe(before.jobs.queued);
  } finally {
    await orchestrator.stop();
  }
});

test('whoever held something in the world of before is refused, and its jobs go on anew', async () => {
  const { url, database } = await newDatabase();
  const { lost } = await restore(file, database);
  const { jobs, held } = before;
  expect(lost).toEqual([jobs.running, jobs.stopping, jobs.lost].sort());
  const { orchestrator } = await startTestOrchestrator(url, { masterKey, leaseSeconds: 8 });
  try {
    const runner = clientFor(orchestrator.url, before.runner_token);
    const body = { ...reportOf(held as never, { seq: 100, logs: [logLine(1)] }) };
    await expect(runner.reportJob({ id: jobs.running, body })).rejects.toMatchObject({
      entry: { status: 409 },
    });
    const client = clientFor(orchestrator.url, before.api_key);
    await expect
      .poll(async () => (await client.getJob({ id: jobs.running })).state, { timeout: 60_000 })
      .not.toBe('running');
    const ended = await run(
      database,
      'SELECT count(*)::int AS open FROM sessions WHERE ended_at IS NULL',
    );
    expect(ended).toEqual([{ open: 0 }]);
  } finally {
    await orchestrator.stop();
  }
});

test('the file is one moment: what is written meanwhile is not in it, and nobody waits for it', async () => {
  const ref = 'made-meanwhile';
  const path = join(directory, 'moment.backup');
  const seen: string[] = [];
  await readAll(source, {
    async header() {
      await seedPipeline(source, { name: ref });
    },
    async table({ name }, rows) {
      for await (const piece of rows) if (piece.includes(ref)) seen.push(name);
    },
  });
  expect(seen).toEqual([]);
  await writeBackup(source, path, never);
  const { database } = await newDatabase();
  await restore(path, database);
  expect(await run(database, `SELECT 1 FROM pipelines WHERE name = '${ref}'`)).toHaveLength(1);
});

test('only its owner can read the file, nothing in it is a secret, and no file is replaced', async () => {
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const bytes = await readFile(file);
  const content = zstdDecompressSync(bytes.subarray(MAGIC.length)).toString('latin1');
  for (const secret of [before.master_key, before.api_key, before.runner_token, PASSWORD]) {
    expect(content).not.toContain(secret);
  }
  await expect(writeBackup(source, file, never)).rejects.toMatchObject({
    code: 'RIVET_BACKUP_EXISTS',
  });
  expect((await readFile(file)).equals(bytes)).toBe(true);
  const nowhere = join(directory, 'no', 'such', 'x.backup');
  await expect(writeBackup(source, nowhere, never)).rejects.toMatchObject({
    code: 'RIVET_BACKUP_UNREADABLE',
    message: expect.stringContaining('ENOENT'),
  });
});

test('a file that was cut, or in which a bit has changed, is refused wherever that is', async () => {
  const bytes = await readFile(file);
  const path = join(directory, 'torn.backup');
  const codes = async (content: Buffer): Promise<string> => {
    await writeFile(path, content);
    return checkBackup(path).then(
      () => 'accepted',
      ({ code }) => code,
    );
  };
  for (let at = MAGIC.length; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
    expect(await codes(bytes.subarray(0, at)), `cut at ${at}`).toBe('RIVET_BACKUP_DAMAGED');
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    expect(await codes(changed), `changed at ${at}`).toBe('RIVET_BACKUP_DAMAGED');
  }
  expect(await codes(bytes.subarray(0, bytes.length - 1))).toBe('RIVET_BACKUP_DAMAGED');
  // Node ends a file with a frame without content when its buffer was just full: so may this one.
  const empty = zstdCompressSync(Buffer.alloc(0), {
    params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 },
  });
  const sum = empty.subarray(-4);
  const first = bytes.subarray(-4).equals(sum) ? bytes.subarray(0, -empty.length) : bytes;
  const followedBy = (rest: Buffer): Promise<string> => codes(Buffer.concat([first, rest]));
  expect(await followedBy(empty)).toBe('accepted');
  for (let length = 1; length < empty.length; length += 1) {
    expect(await followedBy(empty.subarray(0, length))).toBe('RIVET_BACKUP_DAMAGED');
  }
  expect(await followedBy(Buffer.concat([empty, empty]))).toBe('RIVET_BACKUP_DAMAGED');
  expect(await followedBy(zstdCompressSync(Buffer.from('x')))).toBe('RIVET_BACKUP_DAMAGED');
  expect(await followedBy(Buffer.from('\n'))).toBe('RIVET_BACKUP_DAMAGED');
  expect(await followedBy(bytes)).toBe('RIVET_BACKUP_DAMAGED');
  expect(await codes(Buffer.from('PGDMP'))).toBe('RIVET_BACKUP_NOT_ONE');
  expect(await codes(Buffer.alloc(0))).toBe('RIVET_BACKUP_NOT_ONE');
  expect(await codes(Buffer.from('rivet backup 2\nxyz'))).toBe('RIVET_BACKUP_NOT_ONE');
});

test('whole frames that are missing, changed or exchanged are found by the sums', async () => {
  const content = zstdDecompressSync((await readFile(file)).subarray(MAGIC.length));
  const frames: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const end = at + 5 + content.readUInt32BE(at + 1);
    frames.push(content.subarray(at, end));
    at = end;
  }
  const path = join(directory, 'forged.backup');
  const check = async (forged: readonly Buffer[]): Promise<void> => {
    await writeFile(path, Buffer.concat([MAGIC, zstdCompressSync(Buffer.concat(forged))]));
    await expect(checkBackup(path)).rejects.toMatchObject({ code: 'RIVET_BACKUP_DAMAGED' });
  };
  for (let n = 0; n < frames.length; n += 1) await check(frames.toSpliced(n, 1));
  await check([...frames, frames.at(-1) ?? Buffer.alloc(0)]);
  await check([encodeFrame({ kind: 'header', content: Buffer.from('{') })]);
  await check(frames.with(1, encodeFrame({ kind: 'rows', content: Buffer.from('x\n') })));
});

test('a restore that fails leaves nothing, and the same database may be restored into again', async () => {
  const { database } = await newDatabase();
  const backup = await openBackup(file);
  const failing = restoreAll(database, {
    ...backup,
    async *tables() {
      let n = 0;
      for await (const table of backup.tables()) {
        n += 1;
        if (n === 15) throw new Error('the disk broke');
        yield table;
      }
    },
  });
  await expect(failing).rejects.toThrow('the disk broke');
  await backup.close();
  expect(await run(database, 'SELECT 1 FROM users')).toEqual([]);
  expect(await run(database, 'SELECT 1 FROM runners')).toEqual([]);
  await restore(file, database);
  expect((await run(database, 'SELECT 1 FROM users')).length).toBeGreaterThan(0);
  // What is there is never replaced.
  await expect(restore(file, database)).rejects.toMatchObject({ code: 'RIVET_RESTORE_NOT_EMPTY' });
});

test('rows that the database refuses are told as damage, and the schema of a newer version too', async () => {
  const { database } = await newDatabase();
  const backup = await openBackup(file);
  const [first] = backup.header.tables;
  const header = { ...backup.header, tables: first === undefined ? [] : [first] };
  async function* tables() {
    for (const table of header.tables) yield { table, rows: rowsOf('nonsense\n') };
  }
  const wrong = restoreAll(database, { ...backup, header, tables });
  await expect(wrong).rejects.toMatchObject({ code: 'RIVET_BACKUP_DAMAGED' });
  const migrations = [...header.migrations, '9999_from_the_future'];
  const newer = restoreAll(database, { ...backup, header: { ...header, migrations } });
  await expect(newer).rejects.toMatchObject({ code: 'RIVET_BACKUP_SCHEMA_NEWER' });
  await backup.close();
});

async function* rowsOf(text: string): AsyncGenerator<Buffer> {
  await delay(0);
  yield Buffer.from(text);
}

test('the program makes, checks and restores; TERM ends it and leaves no file', async () => {
  const entry = new URL('./backup.ts', import.meta.url);
  const path = join(directory, 'program.backup');
  const start = (verb: string, url: string) =>
    startProgram(entry, { DATABASE_URL: url }, [verb, path]);
  // Somebody keeps a table for himself: the backup waits.
  const locker = await source.connect();
  await locker.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
  const waiting = start('create', sourceUrl);
  const waits = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'rivet-backup'
    AND wait_event_type = 'Lock' AND datname = current_database()`;
  await expect.poll(() => run(source, waits), { timeout: 60_000 }).toHaveLength(1);
  waiting.signal('SIGTERM');
  expect((await waiting.ended).code).toBe(130);
  await locker.query('ROLLBACK');
  await locker.end();

  const made = start('create', sourceUrl);
  expect(await made.event('backup')).toMatchObject({ path });
  expect((await made.ended).code).toBe(0);
  const checked = start('check', 'postgres://nobody@127.0.0.1:1/nothing');
  expect(await checked.event('checked')).toMatchObject({ path });
  const { url } = await newDatabase();
  const restored = start('restore', url);
  expect(await restored.event('restored')).toMatchObject({ path });
  expect((await restored.ended).code).toBe(0);
  const again = await start('restore', url).ended;
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('is not empty');
  const missing = startProgram(entry, { DATABASE_URL: url }, ['create']);
  expect((await missing.ended).stderr).toContain('create FILE');
});
