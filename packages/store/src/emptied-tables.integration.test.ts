// What statements read of tables that had nothing when they were last analyzed, while an old
// snapshot keeps all that was there.
import { randomUUID } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClaimJobsRequest, claimJobs } from './claim-jobs.ts';
import { createDatabase, type Database } from './database.ts';
import { holdAttempts } from './held-attempts.ts';
import { type PlainReport, storePlainReports } from './plain-reports.ts';
import { renewLeases } from './renewed-leases.ts';
import { advanceAttempts, finishAttempts, lockReportedAttempts } from './reported-attempts.ts';
import { type LinesReport, storeReportedLines } from './reported-lines.ts';
import { once, type Queryable } from './statement.ts';
import { JOB_ID, jobId, LEASE, PIPELINE, RUNNER } from './testing/known-ids.ts';

const GONE = 2000;
/** Of the indexes of a table, where each job is looked up by its key: the dead are GONE. */
const ENTRIES_MAX = 20;

const testDatabase = useTestDatabase();
let database: Database;
let holder: Client;

const run = (text: string) => database.query(once('', text));

/** Runs; the next one waits. */
const running = { jobId: jobId(GONE + 1), attempt: 1, runnerId: RUNNER, leaseId: LEASE, seq: 1 };
const succeeded = { state: 'succeeded' as const, reason: null, message: null, code: null };
const held = { jobId: running.jobId, attempt: 1, leaseIds: [LEASE] };
const ended: PlainReport = { ...running, end: succeeded };
const lines: LinesReport = {
  ...running,
  chunk: { firstLine: 1, lineCount: 1, bytes: Buffer.from('x') },
  ...{ logBytes: 1, latestMs: 0 },
};
const limits = { leaseSeconds: 30, logBytesMax: 1e9, aheadMsMax: 1000 };
const end = { ...running, ...succeeded, logLines: 0, logBytes: 0 };
const request: ClaimJobsRequest = {
  slots: [{ runnerId: RUNNER, requestId: randomUUID(), leaseId: randomUUID() }],
  fulfils: [],
  pipelines: ['p*'],
  leaseSeconds: 30,
  marks: [{ priority: 0, from: jobId(GONE) }],
  reports: { reports: [ended], onStored: () => undefined },
};

beforeAll(async () => {
  database = createDatabase({
    url: testDatabase.url,
    applicationName: 'test',
    logger: silentLogger,
    connectionsMax: 1,
    plannedOnce: true,
  });
  for (const table of ['running_attempts', 'job_queue']) {
    await run(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  }
  await run(`INSERT INTO pipelines (id, name, description, version)
    VALUES ('${PIPELINE}', 'p', '', 1)`);
  await run(`INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`);
  await run(`INSERT INTO runners (id, name, session, token_hash, tags, capacity, version)
    VALUES ('${RUNNER}', 'r', gen_random_uuid(), sha256('r'), '[]', 1, '')`);
  holder = await database.connect();
  await holder.query('SET idle_in_transaction_session_timeout = 0');
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await holder.query('SELECT FROM job_queue');
  await fill({ running: [1, GONE], waiting: [1, GONE] });
  await run('DELETE FROM job_queue');
  await run('DELETE FROM running_attempts');
  await run('ANALYZE job_queue, running_attempts');
  const [first, second] = [GONE + 1, GONE + 2];
  await run(`INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority, state, attempt, runner_id, started_at)
    VALUES ('${jobId(first)}', '${PIPELINE}', 1, 'p', '{}', '', '[]', 'api', 0, 'running', 1,
      '${RUNNER}', now())`);
  await run(`INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority)
    VALUES ('${jobId(second)}', '${PIPELINE}', 1, 'p', '{}', '', '[]', 'api', 0)`);
  await fill({ running: [first, first], waiting: [second, second] });
});

afterAll(async () => {
  await holder.end();
  await database.close();
});

test.each<[string, (db: Queryable) => Promise<unknown>]>([
  ['a claim that stores a report', (db) => claimJobs(db, request)],
  ['storing a report', (db) => storePlainReports(db, [running], 30)],
  ['locking what was reported of', (db) => lockReportedAttempts(db, [running])],
  ['noting what was reported', (db) => advanceAttempts(db, [end], 30)],
  ['ending an attempt', (db) => finishAttempts(db, [end])],
  ['storing lines', (db) => storeReportedLines(db, [lines], limits)],
  ['renewing a lease', (db) => renewLeases(db, [running], 30)],
  ['holding an attempt anew', (db) => holdAttempts(db, RUNNER, [held], 30)],
])('%s walks over nothing that is gone', async (_, use) => {
  const undone = new Error('undone');
  let entries: Entries | undefined;
  const measuring = database.transaction(
    async (tx) => {
      const before = await readEntries(tx);
      await use(tx);
      const after = await readEntries(tx);
      entries = { queue: after.queue - before.queue, attempts: after.attempts - before.attempts };
      throw undone;
    },
    { repeatable: false },
  );
  await expect(measuring).rejects.toBe(undone);
  expect(entries?.attempts).toBeGreaterThan(0);
  expect(entries?.attempts).toBeLessThan(ENTRIES_MAX);
  expect(entries?.queue).toBeLessThan(ENTRIES_MAX);
});

type Numbers = readonly [from: number, to: number];

async function fill(jobs: { readonly running: Numbers; readonly waiting: Numbers }): Promise<void> {
  await run(`INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id,
      lease_until)
    SELECT ${JOB_ID}, 1, '${RUNNER}', gen_random_uuid(), '${LEASE}', now() + interval '1 h'
    FROM generate_series(${jobs.running.join(', ')}) n`);
  await run(`INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
    SELECT ${JOB_ID}, 0, 'p', '{}' FROM generate_series(${jobs.waiting.join(', ')}) n`);
}

interface Entries {
  readonly queue: number;
  readonly attempts: number;
}

/** Entries of all their indexes that this session has read, dead ones too. */
async function readEntries(tx: Queryable): Promise<Entries> {
  const read = (table: string) => `(SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::int
    FROM pg_index WHERE indrelid = '${table}'::regclass)`;
  const [row] = await tx.query<Entries>(
    once('', `SELECT ${read('job_queue')} AS queue, ${read('running_attempts')} AS attempts`),
  );
  return row ?? { queue: 0, attempts: 0 };
}
