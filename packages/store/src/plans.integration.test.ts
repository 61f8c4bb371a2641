// What PostgreSQL does for the statements that must stay fast however long the history grows.
import { silentLogger } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimJobs } from './claim-jobs.ts';
import { createDatabase, type Database } from './database.ts';
import { listExpiredAttempts } from './job-attempts.ts';
import { readLog } from './job-logs.ts';
import { findJobs, listJobs } from './jobs.ts';
import { findRunnerByToken } from './runner-tokens.ts';
import { once, type Queryable, type Statement } from './statement.ts';
import { listWaitingPipelines } from './waiting-pipelines.ts';

const HISTORY = 100_000;
const QUEUED = 2000;
const LOGGED = '01900000-0000-7000-8000-000000000001';
/** Blocks of 8 KB that a statement may touch; the history alone has thousands. */
const BLOCKS_MAX = 300;

const testDatabase = useTestDatabase();
let database: Database;

const run = (text: string) => database.query(once('', text));

beforeAll(async () => {
  database = createDatabase({
    url: testDatabase.url,
    applicationName: 'test',
    logger: silentLogger,
    statementTimeoutMs: 60_000,
  });
  await run(`INSERT INTO pipelines (id, name, description, version)
    VALUES ('00000000-0000-7000-8000-000000000001', 'p', '', 1)`);
  await run(`INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`);
  await run(`INSERT INTO runners (id, name, session, token_hash, tags, capacity, version)
    VALUES ('00000000-0000-7000-8000-000000000002', 'r', gen_random_uuid(), sha256('r'), '[]', 1,
      '')`);
  await run(`INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority, state, attempt, runner_id, started_at, finished_at)
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, p.id, 1, 'p', '{}', '',
      '[]', 'api', 0, CASE WHEN n % 10 = 0 THEN 'canceled' ELSE 'succeeded' END, 1, r.id, now(), now()
    FROM pipelines p, runners r, generate_series(1, ${HISTORY}) n`);
  await run(`INSERT INTO job_attempts (job_id, attempt, runner_id, lease_id, last_seq, log_lines,
      log_bytes, started_at, ended_at, result)
    SELECT id, 1, runner_id, gen_random_uuid(), 1, 0, 0, now(), now(), state FROM jobs`);
  await run(`INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
    SELECT '${LOGGED}', 1, n, 1, '' FROM generate_series(1, 50000) n`);
  // Half of them for a runner that is not there.
  await run(`INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
      event, priority)
    SELECT ('01900001-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, p.id, 1, 'p', '{}', '',
      '[]', 'api', 0 FROM pipelines p, generate_series(1, ${QUEUED}) n`);
  await run(`INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
    SELECT id, 0, 'p', CASE WHEN id < '01900001-0000-7000-8000-000000000400'
      THEN ARRAY['["gpu","yes"]'] ELSE ARRAY[]::text[] END FROM jobs WHERE state = 'queued'`);
});

afterAll(() => database.close());

/** The statement that `use` runs, with its values. */
async function capture(use: (db: Queryable) => Promise<unknown>): Promise<[Statement, unknown[]]> {
  let captured: [Statement, unknown[]] | undefined;
  await use({
    query: async (statement, values = []) => {
      captured = [statement, [...values]];
      return [];
    },
  });
  if (captured === undefined) throw new Error('no statement was run');
  return captured;
}

let prepared = 0;

/** Blocks that the statement touches, and its plan as text. */
async function explain(
  use: (db: Queryable) => Promise<unknown>,
  mode: string,
): Promise<{ blocks: number; plan: string }> {
  const [{ text }, values] = await capture(use);
  prepared += 1;
  const name = `plan_${prepared}`;
  let plan = '';
  const undone = new Error('undone');
  const explaining = database.transaction(
    async (tx) => {
      await tx.query(once('', `SET LOCAL plan_cache_mode = ${mode}`));
      await tx.query(once('', `PREPARE ${name} AS ${text}`));
      const call = `${name} (${values.map(literal).join(', ')})`;
      const rows = await tx.query<{ 'QUERY PLAN': string }>(
        once('', `EXPLAIN (ANALYZE, BUFFERS) EXECUTE ${call}`),
      );
      plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      throw undone;
    },
    { repeatable: false },
  );
  await explaining.catch((error: unknown) => {
    if (error !== undone) throw error;
  });
  const [, hit = '0', , read = '0'] = /Buffers: shared hit=(\d+)( read=(\d+))?/.exec(plan) ?? [];
  return { blocks: Number(hit) + Number(read), plan };
}

function literal(value: unknown): string {
  if (value === null) return 'NULL';
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`;
  return Array.isArray(value) ? `'{${value.join(',')}}'` : `'${value}'`;
}

const slot = {
  runnerId: '00000000-0000-7000-8000-000000000002',
  requestId: '00000000-0000-7000-8000-000000000003',
  leaseId: '00000000-0000-7000-8000-000000000004',
};
const request = { slots: [slot], fulfils: [], pipelines: ['p*'], leaseSeconds: 30 };
const AFTER_ALL = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const page = {
  before: AFTER_ALL,
  limit: 51,
  state: undefined,
  pipeline: undefined,
  filter: undefined,
};

describe.each(['without statistics', 'with statistics'])('%s', (statistics) => {
  beforeAll(async () => {
    if (statistics === 'with statistics') await run('ANALYZE');
  });

  test.each([
    ['a claim', (db: Queryable) => claimJobs(db, request)],
    [
      'a claim of a runner that may run nothing of what waits',
      (db: Queryable) => claimJobs(db, { ...request, pipelines: ['q*'] }),
    ],
    [
      'a claim by turns',
      (db: Queryable) => {
        const first = '01900001-0000-7000-8000-000000000000';
        const turns = [{ name: 'p', first, count: 1 }];
        return claimJobs(db, { ...request, turns: { priority: 0, from: first, turns } });
      },
    ],
    [
      'a look at the pipelines that wait',
      (db: Queryable) => listWaitingPipelines(db, { fulfils: [], pipelines: ['p*'], max: 1000 }),
    ],
    [
      'a claim from marks on',
      (db: Queryable) =>
        claimJobs(db, {
          ...request,
          marks: [
            { priority: 5, from: '01900000-0000-7000-8000-000000000000' },
            { priority: 0, from: '01900001-0000-7000-8000-000000000000' },
          ],
        }),
    ],
    [
      'a claim from marks on that stores reports',
      (db: Queryable) =>
        claimJobs(db, {
          ...request,
          marks: [{ priority: 0, from: '01900001-0000-7000-8000-000000000000' }],
          reports: {
            reports: [
              {
                jobId: '01900001-0000-7000-8000-000000000001',
                attempt: 1,
                runnerId: slot.runnerId,
                leaseId: slot.leaseId,
                seq: 1,
                end: { state: 'succeeded', reason: null, message: null, code: null },
              },
            ],
            onStored: () => undefined,
          },
        }),
    ],
    [
      'a runner by its token',
      (db: Queryable) => findRunnerByToken(db, Buffer.from('00'.repeat(32), 'hex')),
    ],
    ['leases that ran out', (db: Queryable) => listExpiredAttempts(db, 100)],
    ['the newest jobs', (db: Queryable) => listJobs(db, page)],
    ['the jobs that run', (db: Queryable) => listJobs(db, { ...page, state: 'running' })],
    [
      'the jobs of a pipeline that run',
      (db: Queryable) => listJobs(db, { ...page, state: 'running', pipeline: 'q' }),
    ],
    ['the jobs of no pipeline', (db: Queryable) => listJobs(db, { ...page, pipeline: 'q' })],
    [
      'the last lines of a long log',
      (db: Queryable) => readLog(db, { jobId: LOGGED, attempt: 1, after: 49_990, chunksMax: 50 }),
    ],
    ['a job by the beginning of its id', (db: Queryable) => findJobs(db, '01900001', undefined)],
  ])('%s: found without looking at history', async (_, use) => {
    const [{ name }] = await capture(use);
    // PostgreSQL may keep one plan for all values only for what has a name.
    const modes = ['force_custom_plan', ...(name === '' ? [] : ['force_generic_plan'])];
    for (const mode of modes) {
      const { blocks, plan } = await explain(use, mode);
      // Of the partition for what fits no other it is known that it is empty.
      expect(plan).not.toMatch(/Seq Scan on jobs(?!_default)/);
      expect(blocks, `${mode}\n${plan}`).toBeLessThan(BLOCKS_MAX);
    }
  });
});
