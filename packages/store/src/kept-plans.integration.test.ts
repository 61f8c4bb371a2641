// What statements read whose plans were made while their tables had next to nothing.
import { createHash, randomUUID } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClaimJobsRequest, claimJobs } from './claim-jobs.ts';
import { createDatabase, type Database } from './database.ts';
import { holdAttempts } from './held-attempts.ts';
import { findKnownRunner, listChangedRunners, runnerMarks, touchRunners } from './known-runners.ts';
import type { PlainReport } from './plain-reports.ts';
import { renewLeases } from './renewed-leases.ts';
import { finishAttempts, lockReportedAttempts } from './reported-attempts.ts';
import { type LinesReport, storeReportedLines } from './reported-lines.ts';
import { once, type Queryable } from './statement.ts';
import { JOB_ID, jobId, LEASE, PIPELINE, RUNNER } from './testing/known-ids.ts';

const RUNNERS = 500;
const GONE = 2000;
const RUNNING = 500;
/** Of rows that a statement is about there are two: one that runs, and one that waits. */
const ROWS_MAX = 20;

const testDatabase = useTestDatabase();
let database: Database;

const run = (text: string) => database.query(once('', text));

const report: PlainReport = {
  ...{ jobId: jobId(GONE + 1), attempt: 1, runnerId: RUNNER, leaseId: LEASE, seq: 1 },
  end: { state: 'succeeded', reason: null, message: null, code: null },
};
const lines: LinesReport = {
  ...report,
  chunk: { firstLine: 1, lineCount: 1, bytes: Buffer.from('x') },
  ...{ logBytes: 1, latestMs: 0 },
};
const held = { jobId: report.jobId, attempt: 1, leaseIds: [LEASE] };
const LIMITS = { leaseSeconds: 30, logBytesMax: 1000, aheadMsMax: 1000 };
const request: ClaimJobsRequest = {
  slots: [{ runnerId: RUNNER, requestId: randomUUID(), leaseId: randomUUID() }],
  fulfils: [],
  pipelines: ['p*'],
  leaseSeconds: 30,
  marks: [{ priority: 0, from: jobId(0) }],
  reports: { reports: [report], onStored: () => undefined },
};

/** What they are called, a table in which they find something, and their use. */
const statements: [string, string, (db: Queryable) => Promise<unknown>][] = [
  ['a claim that stores a report', 'running_attempts', (db) => claimJobs(db, request)],
  ['locking what was reported of', 'running_attempts', (db) => lockReportedAttempts(db, [report])],
  ['renewing a lease', 'running_attempts', (db) => renewLeases(db, [report], 30)],
  ['holding an attempt anew', 'running_attempts', (db) => holdAttempts(db, RUNNER, [held], 30)],
  ['storing reported lines', 'running_attempts', (db) => storeReportedLines(db, [lines], LIMITS)],
  [
    'finding who has a token',
    'runners',
    (db) => findKnownRunner(db, createHash('sha256').update('r2').digest(), 60),
  ],
  ['noting that a runner is there', 'runners', (db) => touchRunners(db, [RUNNER])],
  [
    'asking which runners have changed',
    'runners',
    (db) => listChangedRunners(db, runnerMarks([{ id: RUNNER, mark: '1' }])),
  ],
  [
    'ending an attempt',
    'running_attempts',
    (db) =>
      finishAttempts(db, [
        {
          ...report,
          logLines: 0,
          logBytes: 0,
          state: 'succeeded',
          reason: null,
          message: null,
          code: null,
        },
      ]),
  ],
];

beforeAll(async () => {
  database = createDatabase({
    url: testDatabase.url,
    applicationName: 'test',
    logger: silentLogger,
    connectionsMax: 1,
    plannedOnce: true,
  });
  // It would have the plans made anew, a minute later.
  for (const table of ['running_attempts', 'runners', 'job_queue']) {
    await run(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  }
  await run(`INSERT INTO pipelines (id, name, description, version)
    VALUES ('${PIPELINE}', 'p', '', 1)`);
  await run(`INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`);
  for (const [, , use] of statements) await use(database);
  await run(`INSERT INTO runners (id, name, session, token_hash, tags, capacity, version)
    SELECT CASE n WHEN 1 THEN '${RUNNER}' ELSE gen_random_uuid() END, 'r' || n, gen_random_uuid(),
      sha256(('r' || n)::bytea), '[]', 1, '' FROM generate_series(1, ${RUNNERS}) n`);
  const attempts = (from: number, to: number) =>
    run(`INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id, lease_until)
      SELECT ${JOB_ID}, 1, '${RUNNER}', gen_random_uuid(), '${LEASE}', now() + interval '1 h'
      FROM generate_series(${from}, ${to}) n`);
  await attempts(1, GONE);
  await run('DELETE FROM running_attempts');
  await attempts(GONE + 1, GONE + RUNNING);
  await run(`INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority, state, attempt, runner_id, started_at)
    SELECT job_id, '${PIPELINE}', 1, 'p', '{}', '', '[]', 'api', 0, 'running', 1, runner_id, now()
    FROM running_attempts`);
  await run(`INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority)
    SELECT ${JOB_ID}, '${PIPELINE}', 1, 'p', '{}', '', '[]', 'api', 0
    FROM generate_series(${GONE + RUNNING + 1}, ${GONE + 2 * RUNNING}) n`);
  await run(`INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
    SELECT id, 0, 'p', '{}' FROM jobs WHERE state = 'queued'`);
});

afterAll(() => database.close());

test.each(statements)(
  '%s looks rows up by their keys, however many there are by now',
  async (_, table, use) => {
    const undone = new Error('undone');
    let read: Record<string, number> = {};
    const measuring = database.transaction(
      async (tx) => {
        const before = await readRows(tx);
        await use(tx);
        const after = await readRows(tx);
        read = Object.fromEntries(
          [...after].map(([name, rows]) => [name, rows - (before.get(name) ?? 0)]),
        );
        throw undone;
      },
      { repeatable: false },
    );
    await expect(measuring).rejects.toBe(undone);
    expect(read[table]).toBeGreaterThan(0);
    for (const [name, rows] of Object.entries(read)) expect(rows, name).toBeLessThan(ROWS_MAX);
  },
);

test('renewing many leases compares none of them with all the others', async () => {
  const numbers = Array.from({ length: RUNNING }, (_, n) => GONE + 1 + n);
  const ids = numbers.map(jobId);
  const { attempt, runnerId, leaseId } = report;
  const leases = ids.map((id) => ({ jobId: id, attempt, runnerId, leaseId }));
  expect(await renewLeases(database, leases, 30)).toHaveLength(RUNNING);
  const array = (values: readonly unknown[]): string => `'{${values.join(',')}}'`;
  const arrays = [ids, ids.map(() => attempt), ids.map(() => runnerId), ids.map(() => leaseId)];
  const bounds = [ids[0], ids.at(-1)].map((id) => `'${id}'`);
  // Prepared under its name in the only session.
  const [explained] = await database.query<{ 'QUERY PLAN': unknown }>(
    once(
      '',
      `EXPLAIN (ANALYZE, FORMAT JSON)
       EXECUTE renew_leases(${[...arrays.map(array), ...bounds, 30].join(', ')})`,
    ),
  );
  const removed = JSON.stringify(explained).matchAll(/"Rows Removed by Join Filter":(\d+)/g);
  const compared = [...removed].reduce((sum, [, rows]) => sum + Number(rows), 0);
  expect(compared).toBeLessThan(ROWS_MAX * RUNNING);
});

/** Rows that this session has read of each table: the scan of a whole one counts as 1000. */
async function readRows(tx: Queryable): Promise<Map<string, number>> {
  const rows = await tx.query<{ name: string; rows: number }>(
    once(
      '',
      `SELECT relname AS name, (1000 * seq_scan + idx_tup_fetch)::int AS rows
      FROM pg_stat_xact_user_tables
      WHERE relname IN ('running_attempts', 'runners', 'job_queue', 'jobs_initial')`,
    ),
  );
  return new Map(rows.map(({ name, rows: read }) => [name, read]));
}
