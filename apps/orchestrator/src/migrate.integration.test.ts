// The programs from which the first administrator comes: `migrate --admin`, and the set-up token.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createClient } from '@rivet/protocol';
import {
  createFromTemplate,
  dropDatabase,
  migrate as migrateTo,
  migrationsDirectory,
} from '@rivet/store';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { clientWith, PASSWORD, signIn } from './auth/test-people.ts';
import {
  FakeRunner,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
  testMasterKey,
} from './test-orchestrator.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(program: 'migrate' | 'main', args: string[], env: Record<string, string> = {}) {
  const entry = fileURLToPath(new URL(`./${program}.ts`, import.meta.url));
  return spawn(process.execPath, [entry, ...args], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: database.url,
      RIVET_MASTER_KEY: testMasterKey.text.reveal(),
      RIVET_LISTEN: '127.0.0.1:0',
      RIVET_LOG_LEVEL: 'silent',
      ...env,
    },
    stdio: 'pipe',
  });
}

async function migrate(args: string[], input: string, env = {}): Promise<Ended> {
  const child = start('migrate', args, env);
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { code, stdout, stderr };
}

test('migrate --admin makes an administrator, and gives a lost password and access back', async () => {
  const made = await migrate(['--admin', 'ada'], `${PASSWORD}\n`);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain('{"event":"administrator","name":"ada","created":true}');
  expect(made.stdout).not.toContain(PASSWORD);
  const { orchestrator, client } = await startTestOrchestrator(database.url);
  try {
    const tokens = await signIn(orchestrator.url, 'ada');
    expect(await clientWith(orchestrator.url, tokens).getMe()).toMatchObject({ role: 'admin' });
    await client.createUser({ body: { name: 'bob', role: 'admin' } });
    await client.changeUser({ ref: 'ada', body: { role: 'viewer', disabled: true } });
    const again = await migrate(['--admin', 'ada'], 'staple of the battery\r\n');
    expect(again.stdout).toContain('{"event":"administrator","name":"ada","created":false}');
    const back = await signIn(orchestrator.url, 'ada', 'staple of the battery');
    expect(await clientWith(orchestrator.url, back).getMe()).toMatchObject({ role: 'admin' });
    const { items } = await client.listAuditEntries({ query: { action: 'user.*' } });
    expect(items.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['user.create', 'user.password']),
    );
  } finally {
    await orchestrator.stop();
  }
});

test.each([
  ['a weak password', ['--admin', 'ada'], 'password1234\n', {}, 'RIVET_AUTH_PASSWORD_WEAK'],
  ['no password', ['--admin', 'ada'], '', {}, 'RIVET_AUTH_PASSWORD_WEAK'],
  ['a name with a space', ['--admin', 'Ada L'], PASSWORD, {}, 'RIVET_USER_NAME'],
  ['a password as an argument', ['--admin', 'ada', PASSWORD], '', {}, 'RIVET_USAGE'],
  ['no master key', ['--admin', 'ada'], PASSWORD, { RIVET_MASTER_KEY: '' }, 'RIVET_MASTER_KEY'],
])('%s is refused with what to do', async (_, args, input, env, code) => {
  const ended = await migrate(args, input, env);
  expect(ended.code).not.toBe(0);
  expect(ended.stderr).toContain(code);
  expect(ended.stderr).not.toMatch(/password1234|\n\s+at /);
});

test('an orchestrator without users prints a token for the first one, and with users none', async () => {
  const run = async (use: (url: string, printed: () => string) => Promise<void>) => {
    const child = start('main', []);
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
    const errors = once(child.stderr, 'end');
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const { url } = JSON.parse(line.split('\n', 1)[0] ?? '') as { url: string };
    await use(url, () => printed).finally(() => child.kill('SIGTERM'));
    await errors;
    return printed;
  };
  const first = await run(async (url, printed) => {
    await expect.poll(printed, { timeout: 30_000 }).toMatch(/works once: rvs_\S{43}\n/);
    const token = /rvs_\S+/.exec(printed())?.[0] ?? '';
    const plain = createClient({ url, triesMax: 1 });
    const tokens = await plain.setUp({ body: { token, name: 'ada', password: PASSWORD } });
    expect(await clientWith(url, tokens).getMe()).toMatchObject({ name: 'ada', role: 'admin' });
  });
  expect(first).toContain('--setup-token');
  expect(await run(async () => undefined)).not.toContain('rvs_');
});

test('a migration whose program is killed half-way has changed nothing, and the next start does it', async () => {
  const { adminUrl } = inject('rivetDatabase');
  const name = `killed_${process.pid}_${Date.now()}`;
  const url = await createFromTemplate(adminUrl, name, 'template0');
  const earlier = openTestDatabase(url);
  const ask = (text: string) => earlier.query({ name: '', text, repeatable: true });
  const SESSIONS = `SELECT wait_event_type AS waits_for FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'rivet-migrate'`;
  const DONE = `SELECT max(name) AS newest, to_regclass('running_attempts')::text AS made,
    EXISTS (SELECT FROM pg_constraint WHERE conname = 'idempotency_keys_job_id_fkey') AS dropped_not
    FROM rivet_migrations`;
  try {
    await migrateTo(earlier, { last: '0009_access' });
    const holder = await earlier.connect();
    // It has dropped constraints and made a function when it comes to this table.
    await holder.query('BEGIN; LOCK TABLE runners IN ROW EXCLUSIVE MODE');
    const child = start('migrate', [], { DATABASE_URL: url });
    const exit = once(child, 'exit');
    await expect
      .poll(() => ask(SESSIONS), { timeout: 60_000 })
      .toContainEqual({ waits_for: 'Lock' });
    child.kill('SIGKILL');
    await exit;
    await expect.poll(() => ask(SESSIONS), { timeout: 60_000 }).toEqual([]);
    await holder.query('COMMIT');
    await holder.end();
    const before = { newest: '0009_access', made: null, dropped_not: true };
    expect(await ask(DONE)).toEqual([before]);
    const again = await migrate([], '', { DATABASE_URL: url });
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('"migrations":["0010_history_partitions",');
    expect(await ask(DONE)).toMatchObject([{ made: 'running_attempts', dropped_not: false }]);
  } finally {
    await earlier.close();
    await dropDatabase(adminUrl, name);
  }
});

test('an orchestrator works on beside the schema of the next version, until one shuts it out', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-next-'));
  const next = openTestDatabase(database.url);
  const { orchestrator, client } = await startTestOrchestrator(database.url);
  try {
    await cp(migrationsDirectory, directory, { recursive: true });
    const update = async (name: string, sql: string): Promise<void> => {
      await writeFile(join(directory, `${name}.sql`), sql);
      expect(await migrateTo(next, { directory })).toEqual([name]);
    };
    await update('9001_of_next', 'ALTER TABLE runners ADD COLUMN of_next integer;');
    expect(await client.getReadiness()).toEqual({ status: 'ok' });
    const ref = await seedPipeline(next);
    const { id } = await client.launchPipeline({ ref, body: {} });
    const runner = await FakeRunner.register(client, { pipelines: [ref] });
    await runner.finish(await runner.claimOne(), { state: 'succeeded' });
    expect(await client.getJob({ id })).toMatchObject({ state: 'succeeded' });

    const without = 'UPDATE schema_compatibility SET needs_migration = 9002;';
    await update('9002_without_before', without);
    const refusal = { code: 'RIVET_DATABASE_SCHEMA_NEWER' };
    await expect(client.getReadiness()).rejects.toMatchObject(refusal);
    await expect(startTestOrchestrator(database.url)).rejects.toMatchObject({
      ...refusal,
      details: { found: '9002_without_before' },
    });
  } finally {
    await orchestrator.stop();
    await next.close();
    await rm(directory, { recursive: true });
  }
});
