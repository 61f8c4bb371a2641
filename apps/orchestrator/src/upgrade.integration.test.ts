// An installation with data of every kind is updated to partitions: nothing of it is lost, what ran
// goes on, what waited is run, and what the foreign keys refused is still refused.
import { SecretText, uuidv7 } from '@rivet/base';
import type { Client, JobOutcome, LogLine } from '@rivet/protocol';
import {
  createFromTemplate,
  type Database,
  dropDatabase,
  migrate,
  violatedConstraint,
} from '@rivet/store';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { PASSWORD, signIn } from './auth/test-people.ts';
import type { Orchestrator } from './compose.ts';
import { before, installEarlier } from './fixtures/earlier-installation.ts';
import {
  clientFor,
  FakeRunner,
  logLine,
  openTestDatabase,
  startTestOrchestrator,
} from './test-orchestrator.ts';

type Row = Readonly<Record<string, unknown>>;
type Rows = Readonly<Record<string, readonly Row[]>>;

const PARTITIONED = [
  'jobs',
  'job_attempts',
  'job_stages',
  'job_outputs',
  'job_logs',
  'job_secret_inputs',
];
/** What the update takes away on purpose: the attempts that run have it elsewhere. */
const dropped: Readonly<Record<string, readonly string[]>> = {
  job_attempts: ['request_id', 'lease_until'],
  schema_compatibility: ['needs_migration'],
};

const { jobs } = before;
const DAY_MS = 86_400_000;
/** Jobs from clocks that were ahead: by less than a month, and by more. */
const ahead = { little: uuidv7(Date.now() + 10 * DAY_MS), far: uuidv7(Date.now() + 400 * DAY_MS) };
const name = `upgraded_${process.pid}_${Date.now()}`;
const { adminUrl } = inject('rivetDatabase');
let database: Database;
let orchestrator: Orchestrator;
let client: Client;
let rowsBefore: Rows;
let rowsAfter: Rows;
/** In which partitions the jobs of clocks that were ahead lie after the update. */
let placesAfter: Readonly<Record<keyof typeof ahead, readonly string[]>>;

beforeAll(async () => {
  const url = await createFromTemplate(adminUrl, name, 'template0');
  database = openTestDatabase(url);
  await installEarlier(database);
  await addJobsOfWrongClocks();
  rowsBefore = await readTables();
  await migrate(database);
  rowsAfter = await readTables();
  placesAfter = { little: await placesOf(ahead.little), far: await placesOf(ahead.far) };
  const text = new SecretText(before.master_key);
  const started = await startTestOrchestrator(url, {
    leaseSeconds: 600,
    masterKey: { kind: 'value', setting: 'RIVET_MASTER_KEY', text },
  });
  orchestrator = started.orchestrator;
  client = clientFor(orchestrator.url, before.api_key);
});

afterAll(async () => {
  await orchestrator?.stop();
  await database?.close();
  await dropDatabase(adminUrl, name);
});

const run = <R extends object = Row>(text: string, values: unknown[] = []): Promise<R[]> =>
  database.query<R>({ name: '', text, repeatable: false }, values);

/** Copies of a job that clocks of other times have launched. */
async function addJobsOfWrongClocks(): Promise<void> {
  for (const table of PARTITIONED) {
    const key = table === 'jobs' ? 'id' : 'job_id';
    for (const id of Object.values(ahead)) {
      await run(`INSERT INTO ${table} SELECT (json_populate_record(NULL::${table},
        (to_jsonb(t) || '{"${key}": "${id}"}')::json)).* FROM ${table} t
        WHERE ${key} = '${jobs.succeeded}'`);
    }
  }
  // They run now, and nothing ends by itself before the test that lets it.
  await run(`UPDATE job_attempts SET started_at = now(), lease_until = now() + interval '1 hour'
    WHERE ended_at IS NULL`);
}

async function readTables(): Promise<Rows> {
  const tables = await run<{ name: string }>(`SELECT relname AS name FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
      AND relname <> 'rivet_migrations' ORDER BY relname`);
  const read = tables.map(async ({ name }) => {
    const rows = await run<{ row: Row }>(`SELECT row_to_json(t) AS row FROM ${name} t`);
    return [name, rows.map(({ row }) => row)] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

/** The partition of each table that has rows of the job. */
async function placesOf(id: string): Promise<string[]> {
  const places: string[] = [];
  for (const table of PARTITIONED) {
    const key = table === 'jobs' ? 'id' : 'job_id';
    const text = `SELECT DISTINCT tableoid::regclass::text AS place FROM ${table} WHERE ${key} = $1`;
    places.push(...(await run<{ place: string }>(text, [id])).map(({ place }) => place));
  }
  return places;
}

async function allLines(id: string, attempt?: number): Promise<LogLine[]> {
  const query = { limit: 10_000, ...(attempt !== undefined && { attempt }) };
  return (await client.getJobLogs({ id, query })).lines;
}

const texts = (lines: readonly LogLine[]): string[] => lines.map(({ text }) => text);

test('the data that is updated has rows of every table', () => {
  expect(Object.keys(rowsBefore)).toEqual(Object.keys(before.tables).sort());
  for (const [table, rows] of Object.entries(rowsBefore)) expect(rows.length, table).not.toBe(0);
});

test('every row is there afterwards, with what it had', () => {
  for (const [table, rows] of Object.entries(rowsBefore)) {
    const ran = table === 'job_attempts' ? rows.filter((row) => row.ended_at === null) : [];
    const found = rowsAfter[table] ?? [];
    expect(found, table).toHaveLength(rows.length - ran.length);
    for (const row of rows.filter((each) => !ran.includes(each))) {
      const kept = Object.entries(row).filter(([column]) => !dropped[table]?.includes(column));
      expect(found, table).toContainEqual(expect.objectContaining(Object.fromEntries(kept)));
    }
  }
});

test('the attempts that ran lie where reports look for them, with their leases', () => {
  const ran = rowsBefore.job_attempts?.filter((row) => row.ended_at === null) ?? [];
  expect(ran.map((row) => row.job_id).sort()).toEqual(
    [jobs.running, jobs.stopping, jobs.lost].sort(),
  );
  const expected = ran.map(({ ended_at, result, reason, message, code, ...row }) => row);
  expect(rowsAfter.running_attempts).toHaveLength(expected.length);
  expect(rowsAfter.running_attempts).toEqual(expect.arrayContaining(expected));
});

test('what is from a clock that was ahead is kept, with all that belongs to it', async () => {
  const named = (partition: string): string[] => PARTITIONED.map((each) => `${each}_${partition}`);
  expect(placesAfter.little).toEqual(named('initial'));
  expect(placesAfter.far).toEqual(named('default'));
  for (const id of Object.values(ahead)) {
    expect(await client.getJob({ id })).toMatchObject({ state: 'succeeded', log_lines: 750 });
    expect(await allLines(id)).toHaveLength(750);
  }
});

test('history is read as before: states, stages, outputs, summary, and logs line by line', async () => {
  const succeeded = await client.getJob({ id: jobs.succeeded });
  expect(succeeded).toMatchObject({
    state: 'succeeded',
    inputs: { level: 'release', password: '***' },
    outputs: { size: 42, names: ['a', 'b'] },
    summary: '# Built',
    log_lines: 750,
    stages: [
      { name: 'compile', state: 'succeeded', unchecked_exits: 2 },
      { name: 'test', state: 'skipped' },
    ],
  });
  const lines = await allLines(jobs.succeeded);
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 750 }, (_, index) => index + 1));
  expect(lines[49]?.text).toBe('compiling 50');
  expect(lines[749]?.text).toBe('compiled \u{1f680} ä 750');
  expect(texts(await allLines(jobs.again, 1))).toHaveLength(4);
  expect(await client.getJob({ id: jobs.failed })).toMatchObject({
    state: 'failed',
    reason: 'stage_failed',
    message: 'stage "compile": exit 1',
  });
  for (const state of ['succeeded', 'failed', 'canceled'] as const) {
    const { items } = await client.listJobs({ query: { state } });
    const expected = rowsBefore.jobs?.filter((row) => row.state === state).map(({ id }) => id);
    expect(items.map(({ id }) => id).sort(), state).toEqual(expected?.sort());
  }
});

test('people, their passwords and the chain of the audit log are as they were', async () => {
  expect(await signIn(orchestrator.url, 'vera', PASSWORD)).toHaveProperty('access_token');
  // Those that were not chained yet are chained by the new program.
  const rows = before.tables.audit_log;
  expect(new Set(rows.map(({ position }) => position === null))).toEqual(new Set([true, false]));
  await expect
    .poll(() => client.verifyAuditLog({}), { timeout: 30_000 })
    .toMatchObject({ findings: [], findings_left_out: 0, waiting: 0 });
  const { checked } = await client.verifyAuditLog({});
  expect(checked).toBeGreaterThan(rows.length);
});

test('an attempt that ran goes on with the lease and the numbers that its runner has', async () => {
  const runner = clientFor(orchestrator.url, before.runner_token);
  const { id, attempt, lease_id } = before.held;
  const report = (seq: number, logs: LogLine[], outcome?: JobOutcome) =>
    runner.reportJob({
      id,
      body: { attempt, lease_id, seq, logs, stages: [], outputs: {}, ...(outcome && { outcome }) },
    });
  const secrets = await runner.fetchJobSecrets({
    id,
    body: { attempt, lease_id, names: ['TOKEN'] },
  });
  expect(secrets.secrets).toEqual([{ name: 'TOKEN', value: 'hunter-two' }]);
  // It had said 1, and 10 lines.
  expect(await report(2, [logLine(11, 'after the update')])).toMatchObject({ cancel: false });
  await report(3, [], { state: 'succeeded' });
  expect(await client.getJob({ id })).toMatchObject({
    state: 'succeeded',
    attempt: 1,
    summary: 'Half',
    stages: [{ name: 'compile', state: 'canceled' }, { name: 'test' }],
  });
  const lines = await allLines(id);
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
  expect(texts(lines.slice(-2))).toEqual(['going on 10', 'after the update']);
});

test('an attempt that is to stop is told so, and one of another lease is refused', async () => {
  const runner = clientFor(orchestrator.url, before.runner_token);
  const { id, attempt, lease_id } = before.stopping;
  const empty = { attempt, seq: 1, logs: [], stages: [], outputs: {} };
  await expect(
    runner.reportJob({ id, body: { ...empty, lease_id: before.held.lease_id } }),
  ).rejects.toMatchObject({ code: 'RIVET_LEASE_LOST' });
  expect(await runner.reportJob({ id, body: { ...empty, lease_id } })).toMatchObject({
    cancel: true,
  });
  const outcome = { state: 'canceled' } as const;
  await runner.reportJob({ id, body: { ...empty, seq: 2, lease_id, outcome } });
  expect(await client.getJob({ id })).toMatchObject({ state: 'canceled' });
});

test('what waited is claimed in its order, with its sealed inputs, and a retry of old jobs too', async () => {
  const runner = await FakeRunner.connect(orchestrator.url, before.runner_token);
  const retried = await client.retryJob({ id: jobs.failed });
  const claimed = await runner.claim({ capacity: 4, waitMs: 20_000 });
  expect(claimed.map(({ id, attempt }) => [id, attempt])).toEqual([
    [jobs.queued, 1],
    [jobs.again, 2],
    [jobs.queued_too, 1],
    [retried.id, 1],
  ]);
  for (const job of [claimed[0], claimed[3]]) {
    expect(job?.inputs).toEqual({ level: 'release', password: 'sesame' });
  }
  for (const job of claimed) await runner.finish(job, { state: 'succeeded' });
  for (const { id } of claimed) {
    expect(await client.getJob({ id })).toMatchObject({ state: 'succeeded' });
  }
});

test('the key of a launch before the update still gives its job', async () => {
  const inputs = { level: 'release', password: 'sesame' };
  const again = await client.launchPipeline({
    ref: 'build',
    body: { inputs },
    idempotencyKey: 'once',
  });
  expect(again.id).toBe(jobs.succeeded);
});

test('an attempt whose runner did not come back before it began is given to another', async () => {
  await run(`UPDATE running_attempts SET lease_until = now() - interval '1 s'
    WHERE job_id = '${jobs.lost}'`);
  await expect
    .poll(() => client.getJob({ id: jobs.lost }), { timeout: 30_000 })
    .toMatchObject({ state: 'queued', attempt: 1 });
  const runner = await FakeRunner.connect(orchestrator.url, before.runner_token);
  expect(await runner.claimOne()).toMatchObject({ id: jobs.lost, attempt: 2 });
});

test.each([
  ['a runner with jobs', `DELETE FROM runners WHERE name = 'worker'`, 'runners_kept'],
  ['all runners', 'TRUNCATE runners', 'runners_kept'],
  ['a version with jobs', 'DELETE FROM pipeline_versions', 'pipeline_versions_kept'],
  ['all versions', 'TRUNCATE pipeline_versions', 'pipeline_versions_kept'],
  ['a pipeline', 'DELETE FROM pipelines', 'pipeline_versions_pipeline_id_fkey'],
])('deleting %s is refused by the database', async (_, sql, constraint) => {
  const refusal = await run(sql).catch((error: unknown) => error);
  expect(violatedConstraint(refusal), String(refusal)).toBe(constraint);
});
