// Every rule finds the rows that break it, and nothing in a database where all is well.
import { silentLogger } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type Database } from './database.ts';
import { once, type Queryable } from './statement.ts';
import { findViolations } from './violations.ts';

const testDatabase = useTestDatabase();
let database: Database;

const WAITING = '01900000-0000-7000-8000-00000000000a';
const RUNNING = '01900000-0000-7000-8000-00000000000b';
const ENDED = '01900000-0000-7000-8000-00000000000c';

const run = (db: Queryable, text: string): Promise<object[]> => db.query(once('', text));

beforeAll(async () => {
  database = createDatabase({
    url: testDatabase.url,
    applicationName: 'test',
    logger: silentLogger,
  });
  await run(
    database,
    `INSERT INTO pipelines (id, name, description, version)
     VALUES ('00000000-0000-7000-8000-000000000001', 'p', '', 1)`,
  );
  await run(database, `INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`);
  await run(
    database,
    `INSERT INTO runners (id, name, session, token_hash, tags, capacity, version)
     VALUES ('00000000-0000-7000-8000-000000000002', 'r', gen_random_uuid(), sha256('r'), '[]', 1,
       '')`,
  );
  await run(
    database,
    `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, event,
       priority, state, attempt, runner_id, started_at, finished_at)
     SELECT job.id::uuid, p.id, 1, 'p', '{}', '', '[]', 'api', 0, state, attempt,
       CASE WHEN attempt > 0 THEN r.id END, now(), CASE WHEN state = 'succeeded' THEN now() END
     FROM pipelines p, runners r, (VALUES ('${WAITING}', 'queued', 0), ('${RUNNING}', 'running', 2),
       ('${ENDED}', 'succeeded', 1)) AS job(id, state, attempt)`,
  );
  await run(
    database,
    `INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
     VALUES ('${WAITING}', 0, 'p', '{}')`,
  );
  await run(
    database,
    `INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id, lease_until)
     SELECT '${RUNNING}', 2, id, gen_random_uuid(), gen_random_uuid(), now() FROM runners`,
  );
  await run(
    database,
    `INSERT INTO job_attempts (job_id, attempt, runner_id, lease_id, last_seq, log_lines, log_bytes,
       started_at, ended_at, result)
     SELECT job::uuid, 1, id, gen_random_uuid(), 1, lines, 0, now(), now(), result
     FROM runners, (VALUES ('${RUNNING}', 0, 'lost'), ('${ENDED}', 5, 'succeeded'))
       AS ended(job, lines, result)`,
  );
  await run(
    database,
    `INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
     VALUES ('${ENDED}', 1, 1, 2, ''), ('${ENDED}', 1, 3, 3, '')`,
  );
  await run(
    database,
    `INSERT INTO job_stages (job_id, attempt, name, state, run)
     VALUES ('${ENDED}', 1, 'build', 'succeeded', 1), ('${RUNNING}', 2, 'build', 'running', 1)`,
  );
});

afterAll(() => database.close());

it('finds nothing where all is well', async () => {
  expect(await findViolations(database)).toEqual([]);
});

it.each([
  ['nothing in the queue', 'DELETE FROM job_queue', WAITING],
  [
    'an ended job in the queue',
    `INSERT INTO job_queue (job_id, priority, pipeline_name, needs)
     VALUES ('${ENDED}', 0, 'p', '{}')`,
    ENDED,
  ],
  ['no holder', 'DELETE FROM running_attempts', RUNNING],
  ['a holder of another attempt', 'UPDATE running_attempts SET attempt = 3', RUNNING],
  ['a missing attempt', `DELETE FROM job_attempts WHERE job_id = '${RUNNING}'`, RUNNING],
  [
    'two ends that were good',
    `UPDATE job_attempts SET result = 'succeeded' WHERE job_id = '${RUNNING}'`,
    RUNNING,
  ],
  ['a gap', `DELETE FROM job_logs WHERE first_line = 1`, ENDED],
  ['a repeat', `UPDATE job_logs SET first_line = 2 WHERE first_line = 3`, ENDED],
  [
    'fewer lines than acknowledged',
    `UPDATE job_attempts SET log_lines = 6 WHERE job_id = '${ENDED}'`,
    ENDED,
  ],
  [
    'lines of nobody',
    `INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
     VALUES ('${WAITING}', 1, 1, 1, '')`,
    WAITING,
  ],
  [
    'a stage that goes on',
    `INSERT INTO job_stages (job_id, attempt, name, state, run)
     VALUES ('${ENDED}', 1, 'test', 'running', 1)`,
    ENDED,
  ],
  [
    'a job that is in no group although it was launched into one',
    `UPDATE jobs SET concurrency_group = 'g' WHERE id = '${RUNNING}'`,
    RUNNING,
  ],
  [
    'a job that waits for a place and could be claimed',
    `WITH g AS (INSERT INTO concurrency_groups (name, members_max, supersedes)
       VALUES ('g', 1, 'none') RETURNING name)
     INSERT INTO concurrency_members (job_id, group_name, pipeline_id)
     SELECT '${WAITING}', name, gen_random_uuid() FROM g`,
    WAITING,
  ],
  [
    'a job that waits for ever',
    `UPDATE job_queue SET run_after = 'infinity' WHERE job_id = '${WAITING}'`,
    WAITING,
  ],
])('finds %s', async (_, change, job) => {
  const undo = new Error('undone');
  const seen = database.transaction(
    async (tx) => {
      await run(tx, change);
      const violations = await findViolations(tx);
      expect(violations).toEqual(expect.arrayContaining([expect.stringContaining(job)]));
      throw undo;
    },
    { repeatable: true },
  );
  await expect(seen).rejects.toBe(undo);
});
