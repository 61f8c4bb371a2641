// Partitions of history: made ahead, dropped when their time is over, and never with a job that has
// not ended.
import { randomUUID } from 'node:crypto';
import { silentLogger, uuidv7 } from '@rivet/base';
import {
  type Database,
  findIdempotencyKey,
  listPartitions,
  lockJob,
  readJob,
  useIdempotencyKey,
} from '@rivet/store';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openTestDatabase } from '../test-orchestrator.ts';
import { type HistoryOptions, keepPartitions } from './partitions.ts';

const DAY_MS = 86_400_000;
let testDatabase: TestDatabase;
let database: Database;
let told: string[];

beforeEach(async () => {
  testDatabase = await createTestDatabase();
  database = openTestDatabase(testDatabase.url);
  told = [];
});

afterEach(async () => {
  await database.close();
  await testDatabase.drop();
});

const run = <Row extends object>(text: string, values: unknown[] = []) =>
  database.query<Row>({ name: '', text, repeatable: false }, values);

function keep(options: Partial<HistoryOptions> = {}): Promise<void> {
  const tell = (_: object, message: string): void => void told.push(message);
  const logger = { ...silentLogger, info: tell, warn: tell };
  const duty = keepPartitions({
    ...{ database, logger, period: 'day', retentionMs: undefined },
    ...options,
  });
  return duty.run();
}

/** A job with everything that a job may have; its id. */
async function insertJob(
  launchedMs: number,
  state: 'queued' | 'running' | 'succeeded' = 'succeeded',
): Promise<string> {
  const id = uuidv7(launchedMs);
  const runner = randomUUID();
  await run(
    `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, priority,
       event, state, attempt, runner_id, started_at, finished_at)
     VALUES ($1, $2, 1, 'p', '{}', '', '[]', 0, 'api', $3, 1, $4, now(), $5)`,
    [
      id,
      randomUUID(),
      state,
      state === 'queued' ? null : runner,
      state === 'succeeded' ? new Date() : null,
    ],
  );
  if (state === 'queued') {
    await run(`INSERT INTO job_queue (job_id, priority, needs, pipeline_name)
      VALUES ('${id}', 0, '{}', 'p')`);
  } else if (state === 'running') {
    await run(`INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id,
      lease_until) VALUES ('${id}', 1, '${runner}', '${runner}', '${runner}', now())`);
  } else {
    await run(`INSERT INTO job_attempts (job_id, attempt, runner_id, lease_id, last_seq, log_lines,
      log_bytes, started_at, ended_at, result)
      VALUES ('${id}', 1, '${runner}', '${runner}', 1, 1, 1, now(), now(), 'succeeded')`);
  }
  await run(`INSERT INTO job_stages (job_id, attempt, name, state, run)
    VALUES ('${id}', 1, 's', 'succeeded', 1)`);
  await run(`INSERT INTO job_outputs (job_id, attempt, name, value) VALUES ('${id}', 1, 'o', '1')`);
  await run(`INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
    VALUES ('${id}', 1, 1, 1, '')`);
  await run(`INSERT INTO job_secret_inputs (job_id, master_key_id, wrapped_key, box)
    VALUES ('${id}', '', '', '')`);
  await database.transaction((tx) => useIdempotencyKey(tx, { key: id, digest: '', jobId: id }), {
    repeatable: true,
  });
  return id;
}

const PARTS = [
  'jobs',
  'job_attempts',
  'job_stages',
  'job_outputs',
  'job_logs',
  'job_secret_inputs',
];

/** The tables that have a row of the job, each with its partition. */
async function placesOf(id: string): Promise<string[]> {
  const places = [];
  for (const table of PARTS) {
    const key = table === 'jobs' ? 'id' : 'job_id';
    const text = `SELECT tableoid::regclass::text AS place FROM ${table} WHERE ${key} = $1`;
    places.push(...(await run<{ place: string }>(text, [id])).map(({ place }) => place));
  }
  return places;
}

test('there are partitions for today and the days to come, and making them again changes nothing', async () => {
  await keep();
  const partitions = await listPartitions(database);
  const now = Date.now();
  for (const time of [now, now + DAY_MS, now + 2 * DAY_MS]) {
    expect(partitions.filter(({ fromMs = 0, toMs }) => fromMs <= time && time < toMs)).toEqual([
      expect.objectContaining({ tables: expect.arrayContaining(PARTS) }),
    ]);
  }
  await keep();
  expect(await listPartitions(database)).toEqual(partitions);
});

test('several orchestrators may make them at once', async () => {
  await Promise.all([keep(), keep(), keep()]);
  await keep();
  for (const { tables } of await listPartitions(database))
    expect(tables).toHaveLength(PARTS.length);
});

test('a job from a clock that is far ahead is kept, and gets a partition', async () => {
  const id = await insertJob(Date.now() + 400 * DAY_MS);
  expect(await placesOf(id)).toContain('jobs_default');
  await keep();
  expect(await readJob(database, id)).toMatchObject({ id, state: 'succeeded' });
  const places = await placesOf(id);
  expect(places).toHaveLength(PARTS.length);
  for (const place of places) expect(place).toMatch(/_\d{8}$/);
});

test('a job is found at every moment while it is moved to a partition', async () => {
  const first = Math.ceil(Date.now() / DAY_MS) * DAY_MS + 400 * DAY_MS;
  let moved = 0;
  let missed = 0;
  for (let day = 0; day < 6; day += 1) {
    const id = await insertJob(first + day * DAY_MS);
    let running = true;
    const readers = [1, 2, 3, 4].map(async (reader) => {
      while (running) {
        const found =
          reader % 2 === 0
            ? await readJob(database, id)
            : await database.transaction((tx) => lockJob(tx, id), { repeatable: true });
        if (found === undefined) missed += 1;
      }
    });
    await keep();
    running = false;
    await Promise.all(readers);
    if (!(await placesOf(id)).includes('jobs_default')) moved += 1;
  }
  expect(missed).toBe(0);
  expect(moved).toBeGreaterThan(3);
});

test('an id that begins with no time stays where it is', async () => {
  await insertJob(2 ** 48 - 1);
  await keep();
  expect(await run('SELECT 1 FROM jobs_default')).toHaveLength(1);
});

test('jobs are dropped when all of their partition are older than the retention', async () => {
  const now = Date.now();
  const old = await insertJob(now + 10 * DAY_MS);
  const young = await insertJob(now + 12 * DAY_MS);
  await keep();
  // As if it were eleven days and a half later.
  await keep({ retentionMs: -11.5 * DAY_MS });
  expect(await placesOf(old)).toEqual([]);
  expect(await findIdempotencyKey(database, old)).toBeUndefined();
  expect(await placesOf(young)).toHaveLength(PARTS.length);
  expect(await findIdempotencyKey(database, young)).toBeDefined();
  expect(told).toContain('dropped a partition of old jobs');
});

test('an orchestrator whose clock is ahead drops nothing that is not old by the database', async () => {
  const id = await insertJob(Date.now());
  await keep();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 400 * DAY_MS);
  await keep({ retentionMs: 30 * DAY_MS }).finally(() => clock.mockRestore());
  expect(await placesOf(id)).toHaveLength(PARTS.length);
  expect(await findIdempotencyKey(database, id)).toBeDefined();
});

test('jobs launched by an orchestrator whose clock is behind stay as long as all others', async () => {
  // As if the first partition had been dropped long ago.
  for (const part of PARTS) await run(`DROP TABLE ${part}_initial`);
  const id = await insertJob(Date.now() - 400 * DAY_MS);
  await keep({ retentionMs: 30 * DAY_MS });
  await keep({ retentionMs: 30 * DAY_MS });
  const places = await placesOf(id);
  expect(places).toHaveLength(PARTS.length);
  for (const place of places) expect(place).toMatch(/_\d{8}$/);
  expect(await findIdempotencyKey(database, id)).toBeDefined();
  expect(told.at(-1)).toContain('by an orchestrator whose clock is behind');
});

test.each(['queued', 'running'] as const)(
  'a job that is %s keeps its partition, and the log says so',
  async (state) => {
    const time = Date.now() + 10 * DAY_MS;
    const unfinished = await insertJob(time, state);
    const ended = await insertJob(time);
    await keep();
    await keep({ retentionMs: -12 * DAY_MS });
    expect(await readJob(database, unfinished)).toMatchObject({ state });
    expect(await placesOf(ended)).toHaveLength(PARTS.length);
    expect(await findIdempotencyKey(database, ended)).toBeDefined();
    expect(told).toContain('a partition of old jobs is kept: some of them have not ended');
  },
);

test('a drop that was interrupted is completed', async () => {
  const id = await insertJob(Date.now() + 10 * DAY_MS);
  await keep();
  const partition = (await placesOf(id))[0] ?? '';
  await run(`DROP TABLE ${partition}`);
  expect(await placesOf(id)).toHaveLength(PARTS.length - 1);
  await keep({ retentionMs: -12 * DAY_MS });
  expect(await placesOf(id)).toEqual([]);
});

test('a partition that is in use is dropped later, and keeps nobody waiting', async () => {
  const id = await insertJob(Date.now() + 10 * DAY_MS);
  await keep();
  const reader = await database.connect();
  await reader.query('BEGIN');
  // However long a busy machine takes: this one shall be in the way.
  await reader.query('SET LOCAL idle_in_transaction_session_timeout = 0');
  await reader.query('SELECT count(*) FROM jobs');
  const dropping = keep({ retentionMs: -12 * DAY_MS });
  let reads = 0;
  let running = true;
  const reading = (async () => {
    while (running) {
      // Behind a drop that waits without end, this would wait as long.
      await readJob(database, id);
      reads += 1;
    }
  })();
  await dropping;
  running = false;
  await reading;
  expect(reads).toBeGreaterThan(10);
  expect(await placesOf(id)).toHaveLength(PARTS.length);
  expect(told.at(-1)).toContain('could not be dropped: something keeps its tables locked');
  await reader.end();
  await keep({ retentionMs: -12 * DAY_MS });
  expect(await placesOf(id)).toEqual([]);
});
