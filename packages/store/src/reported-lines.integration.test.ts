// Lines of many reports in one statement: what the fence lets through, and what it leaves alone.
import { randomUUID } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createDatabase, type Database } from './database.ts';
import { type LinesReport, storeReportedLines } from './reported-lines.ts';
import { once } from './statement.ts';

const PIPELINE = '00000000-0000-7000-8000-000000000001';
const RUNNER = '00000000-0000-7000-8000-000000000002';
const LEASE = '00000000-0000-7000-8000-000000000003';
const HOUR_MS = 3_600_000;

const testDatabase = useTestDatabase();
let database: Database;
let ids: string[];

const run = <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  database.query<Row>(once('', text), values);

/** The second report of a job, with its lines 4 and 5. */
const report = (jobId: string, text: string, change: Partial<LinesReport> = {}): LinesReport => ({
  ...{ jobId, attempt: 1, runnerId: RUNNER, leaseId: LEASE, seq: 2 },
  chunk: { firstLine: 4, lineCount: 2, bytes: Buffer.from(text) },
  ...{ logBytes: 50, latestMs: Date.now() },
  ...change,
});

const store = (reports: readonly LinesReport[]) =>
  storeReportedLines(database, reports, {
    leaseSeconds: 60,
    logBytesMax: 150,
    aheadMsMax: HOUR_MS,
  });

const attempts = () =>
  run<object>(
    `SELECT job_id, last_seq, log_lines, log_bytes::int, lease_until > now() + interval '50 s' AS is_long
     FROM running_attempts WHERE job_id = ANY($1) ORDER BY job_id`,
    [ids],
  );

const chunks = () =>
  run<object>(
    `SELECT job_id, attempt, first_line, line_count, bytes FROM job_logs
     WHERE job_id = ANY($1) ORDER BY job_id`,
    [ids],
  );

beforeAll(async () => {
  database = createDatabase({
    url: testDatabase.url,
    applicationName: 'test',
    logger: silentLogger,
    plannedOnce: true,
  });
  await run(`INSERT INTO pipelines (id, name, description, version)
    VALUES ('${PIPELINE}', 'p', '', 1)`);
  await run(`INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`);
  await run(`INSERT INTO runners (id, name, session, token_hash, tags, capacity, version)
    VALUES ('${RUNNER}', 'r', gen_random_uuid(), sha256('r'), '[]', 1, '')`);
});

afterAll(() => database.close());

/** Three jobs that run, each of which has reported three lines and 100 bytes. */
beforeEach(async () => {
  ids = Array.from({ length: 3 }, () => `01900000${randomUUID().slice(8)}`).toSorted();
  await run(
    `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority, state, attempt, runner_id, started_at)
    SELECT id, '${PIPELINE}', 1, 'p', '{}', '', '[]', 'api', 0, 'running', 1, '${RUNNER}', now()
    FROM unnest($1::uuid[]) AS n(id)`,
    [ids],
  );
  await run(
    `INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id, lease_until,
      last_seq, log_lines, log_bytes)
    SELECT id, 1, '${RUNNER}', gen_random_uuid(), '${LEASE}', now() + interval '5 s', 1, 3, 100
    FROM unnest($1::uuid[]) AS n(id)`,
    [ids],
  );
});

it('stores the lines of all reports, each with its own, and renews the leases', async () => {
  await run('UPDATE jobs SET cancel_requested = true WHERE id = $1', [ids[1]]);
  const stored = await store(ids.map((id, index) => report(id, 'x'.repeat(index + 1))));
  expect(stored.toSorted((a, b) => (a.job_id < b.job_id ? -1 : 1))).toEqual(
    ids.map((job_id, index) => ({ job_id, cancel_requested: index === 1 })),
  );
  expect(await chunks()).toEqual(
    ids.map((job_id, index) => ({
      ...{ job_id, attempt: 1, first_line: 4, line_count: 2 },
      bytes: Buffer.from('x'.repeat(index + 1)),
    })),
  );
  const now = { last_seq: 2, log_lines: 5, log_bytes: 150, is_long: true };
  expect(await attempts()).toEqual(ids.map((job_id) => ({ job_id, ...now })));
});

const OTHER = '00000000-0000-7000-8000-000000000009';
const at = (firstLine: number) => ({ firstLine, lineCount: 2, bytes: Buffer.from('x') });
const left: [string, Partial<LinesReport>][] = [
  ['comes again', { seq: 1 }],
  ['comes too early', { seq: 3 }],
  ['is of another attempt', { attempt: 2 }],
  ['is of another lease', { leaseId: OTHER }],
  ['is of another runner', { runnerId: OTHER }],
  ['has lines again', { chunk: at(3) }],
  ['leaves lines out', { chunk: at(5) }],
  ['makes the log too long', { logBytes: 51 }],
  ['has lines from the future', { latestMs: Date.now() + 2 * HOUR_MS }],
];

it.each(left)('leaves a report alone that %s, and stores its neighbours', async (_, change) => {
  const reports = ids.map((id, index) => report(id, 'x', index === 1 ? change : {}));
  const stored = (await store(reports)).map(({ job_id }) => job_id);
  expect(stored.toSorted()).toEqual([ids[0], ids[2]]);
  expect(await chunks()).toMatchObject([{ job_id: ids[0] }, { job_id: ids[2] }]);
  const [, alone] = await attempts();
  const before = { last_seq: 1, log_lines: 3, log_bytes: 100, is_long: false };
  expect(alone).toEqual({ job_id: ids[1], ...before });
});

it('changes nothing the second time', async () => {
  const reports = ids.map((id) => report(id, 'x'));
  await store(reports);
  expect(await store(reports)).toEqual([]);
  expect(await chunks()).toHaveLength(3);
});
