// Claims from marks on: they leave nothing out for longer than a look at the whole queue is away,
// and keep to the order of priority and age.
import { randomBytes, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { silentLogger, uuidv7 } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createDatabase, type Database } from './database.ts';
import { QueueSearch } from './queue-search.ts';
import { insertRunner } from './runner-tokens.ts';
import { once, type Queryable } from './statement.ts';

const testDatabase = useTestDatabase();
let database: Database;
const runnerId = uuidv7();
const pipelineId = uuidv7();

const run = (text: string, values: unknown[] = []) => database.query(once('', text), values);

beforeAll(async () => {
  const { url } = testDatabase;
  database = createDatabase({ url, applicationName: 'test', logger: silentLogger });
  await insertRunner(database, {
    id: runnerId,
    name: 'r',
    tokenHash: randomBytes(32),
    registeredWith: uuidv7(),
    fixedTags: [],
    tagKeys: [],
    pipelines: ['*'],
    tags: [],
    capacity: 1,
    version: '',
  });
  await run(`INSERT INTO pipelines (id, name, description, version) VALUES ($1, 'p', '', 1)`, [
    pipelineId,
  ]);
  await run(`INSERT INTO pipeline_versions SELECT id, 1, '', '{}', '{}' FROM pipelines`);
});

beforeEach(async () => {
  await run('DELETE FROM job_queue');
});

afterEach(() => {
  vi.restoreAllMocks();
});

afterAll(() => database.close());

/** Queues a job that was launched so long ago; its id. */
async function queue(agoMs: number, priority = 0, needs: string[] = []): Promise<string> {
  const id = uuidv7(Date.now() - agoMs);
  await run(
    `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, priority,
       event) VALUES ($1, $2, 1, 'p', '{}', '', '[]', $3, 'api')`,
    [id, pipelineId, priority],
  );
  await run(
    `INSERT INTO job_queue (job_id, priority, needs, pipeline_name) VALUES ($1, $2, $3, 'p')`,
    [id, priority, needs],
  );
  return id;
}

async function claim(search: QueueSearch, count: number, db: Queryable = database) {
  const slots = Array.from({ length: count }, () => ({
    runnerId,
    requestId: randomUUID(),
    leaseId: randomUUID(),
  }));
  const request = { slots, fulfils: [], pipelines: ['*'], leaseSeconds: 60 };
  return (await search.claim(db, request)).map((row) => row.job_id);
}

/** Counts the statements that look at the whole queue, and those that begin at marks. */
function counting(): { db: Queryable; names: string[] } {
  const names: string[] = [];
  const db: Queryable = {
    query: (statement, values) => {
      names.push(statement.name);
      return database.query(statement, values);
    },
  };
  return { db, names };
}

/** Counts the entries of the queue's index that each statement reads, dead ones too. */
function countingEntries() {
  const read = new Map<string, { claims: number; entries: number }>();
  const db: Queryable = {
    query: (statement, values) =>
      database.transaction(
        async (tx) => {
          const before = await readEntries(tx);
          const rows = await tx.query(statement, values);
          const { claims, entries } = read.get(statement.name) ?? { claims: 0, entries: 0 };
          const more = (await readEntries(tx)) - before;
          read.set(statement.name, { claims: claims + 1, entries: entries + more });
          return rows as never;
        },
        { repeatable: false },
      ),
  };
  return { db, read };
}

/** Of this session, since statistics were last sent off: never within a transaction. */
async function readEntries(tx: Queryable): Promise<number> {
  const name = 'job_queue_order';
  const [row] = await tx.query<{ entries: number }>(
    once('', `SELECT pg_stat_get_xact_tuples_returned('${name}'::regclass)::int AS entries`),
  );
  return row?.entries ?? 0;
}

test('jobs come by priority and then by age, whichever statement finds them', async () => {
  const ids = [];
  for (const [ago, priority] of [
    [5000, 0],
    [4000, 5],
    [3000, 0],
    [2000, 5],
    [1000, -3],
  ] as const) {
    ids.push(await queue(ago, priority));
  }
  const search = new QueueSearch(() => {});
  const claimed: string[] = [];
  const all = async (): Promise<number> => claimed.push(...(await claim(search, 1)));
  await expect.poll(all, { timeout: 30_000, interval: 5 }).toBe(5);
  expect(claimed).toEqual([ids[1], ids[3], ids[0], ids[2], ids[4]]);
});

test('jobs of a priority that was never seen come by age, also those before all marks', async () => {
  const urgent = await queue(4000, 5);
  const ids = [];
  for (const ago of [5000, 3000, 2000, 1000]) ids.push(await queue(ago));
  const search = new QueueSearch(() => {});
  const claimed: string[] = [];
  const all = async (): Promise<number> => claimed.push(...(await claim(search, 1)));
  await expect.poll(all, { timeout: 30_000, interval: 5 }).toBe(5);
  expect(claimed).toEqual([urgent, ...ids]);
});

test('a backlog is taken by statements that begin where the one before ended', async () => {
  const ids = [];
  for (let ago = 30; ago > 0; ago -= 1) ids.push(await queue(ago * 1000));
  const search = new QueueSearch(() => {});
  const { db, names } = counting();
  const claimed = [];
  for (let turn = 0; turn < 10; turn += 1) claimed.push(...(await claim(search, 3, db)));
  expect(claimed).toEqual(ids);
  expect(names[0]).toBe('claim_jobs');
  expect(names.filter((name) => name === 'claim_jobs_from').length).toBeGreaterThanOrEqual(7);
});

test('under an old snapshot a claim walks over none of what was launched and taken a moment ago', async () => {
  // By a clock that is ahead: these are all of that moment.
  const jobs = 600;
  await run(
    `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, priority,
       event) SELECT id, $1, 1, 'p', '{}', '', '[]', 0, 'api' FROM unnest($2::uuid[]) AS id`,
    [pipelineId, Array.from({ length: jobs }, () => uuidv7(Date.now() + 3_600_000))],
  );
  await run(`INSERT INTO job_queue (job_id, priority, needs, pipeline_name)
    SELECT id, 0, '{}', 'p' FROM jobs WHERE state = 'queued'`);
  const holder = await database.connect();
  try {
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await holder.query('SELECT FROM job_queue');
    const search = new QueueSearch(() => {});
    const [{ db, read }, claimed] = [countingEntries(), new Set<string>()];
    while (claimed.size < jobs) for (const id of await claim(search, 20, db)) claimed.add(id);
    const from = read.get('claim_jobs_from');
    expect(from?.claims).toBeGreaterThan(0);
    // Walking over half of them each time would be 300.
    expect(from!.entries / from!.claims).toBeLessThan(100);
  } finally {
    await holder.end();
  }
});

test('a job that was launched a moment ago waits for few claims of a backlog, wherever it lies', async () => {
  // By a clock that is ahead: they stay of that moment.
  for (let count = 0; count < 60; count += 1) await queue(-3_600_000 - count * 100);
  const search = new QueueSearch(() => {});
  for (let claims = 0; claims < 10; claims += 1) await claim(search, 1);
  const late = await queue(-3_000_000);
  const claimed = [];
  for (let claims = 0; claims < 20; claims += 1) claimed.push(...(await claim(search, 1)));
  expect(claimed).toContain(late);
});

test('a job of a priority that was never seen comes first, also between two looks at the whole queue', async () => {
  const search = new QueueSearch(() => {});
  const low = [];
  for (let ago = 20; ago > 0; ago -= 1) low.push(await queue(ago * 1000, 0));
  const lowest = await queue(1000, -7);
  const { db, names } = counting();
  const claimed = await claim(search, 2, db);
  const expected = low.slice(0, 2);
  // Above all marks, between two of them, and below the others.
  for (const priority of [5, 9, 7, 1, -3]) {
    const id = await queue(1000, priority);
    claimed.push(...(await claim(search, 1, db)));
    if (priority > 0) expected.push(id);
    else expected.push(low[2]!);
  }
  expect(claimed).toEqual(expected);
  expect(names).toContain('claim_jobs_from');
  for (let left = 3; left < low.length; left += 1) claimed.push(...(await claim(search, 1)));
  expect(claimed.slice(expected.length)).toEqual(low.slice(3));
  const rest: string[] = [];
  const all = async (): Promise<number> => rest.push(...(await claim(search, 1)));
  await expect.poll(all, { timeout: 30_000, interval: 5 }).toBe(2);
  expect(rest[1]).toBe(lowest);
});

test('a job that comes to lie before the mark is found at once by a runner that has room', async () => {
  const search = new QueueSearch(() => {});
  await queue(0);
  await claim(search, 2);
  const old = await queue(3_600_000);
  await expect.poll(() => claim(search, 2), { timeout: 30_000, interval: 20 }).toEqual([old]);
});

test('a job that comes to lie before the mark waits for a second at most, also behind a backlog', async () => {
  const search = new QueueSearch(() => {});
  for (let count = 0; count < 200; count += 1) await queue(60_000 - count);
  await claim(search, 1);
  const old = await queue(3_600_000);
  // Without that second it would be the last one.
  for (let before = 0; !(await claim(search, 1)).includes(old); before += 1) {
    expect(before).toBeLessThan(150);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('where a look at the whole queue takes long each time, it waits until it finds something', async () => {
  let clockMs = 1_000_000;
  vi.spyOn(performance, 'now').mockImplementation(() => clockMs);
  for (let count = 0; count < 200; count += 1) await queue(60_000 - count);
  let wholeMs = 200;
  let looks = 0;
  const slow: Queryable = {
    query(statement, values) {
      if (statement.name === 'claim_jobs') {
        clockMs += wholeMs;
        looks += 1;
      }
      return database.query(statement, values);
    },
  };
  const search = new QueueSearch(() => {});
  let claimed: string[] = [];
  /** Claims every half second for so many seconds; how often the whole queue was looked at. */
  const claimFor = async (seconds: number): Promise<number> => {
    looks = 0;
    claimed = [];
    const endMs = clockMs + seconds * 1000;
    for (; clockMs < endMs; clockMs += 500) {
      const ids = await claim(search, 1, slow);
      expect(ids).toHaveLength(1);
      claimed.push(...ids);
    }
    return looks;
  };
  await claimFor(3);
  expect(await claimFor(40)).toBe(2);
  const late = await queue(3_600_000);
  expect(await claimFor(5)).toBe(1);
  expect(claimed).toContain(late);
  // Neither is one that its runners may not have, nor one that comes behind the marks.
  await queue(3_600_000, 0, ['["gpu","yes"]']);
  await queue(0);
  expect(await claimFor(12)).toBe(0);
  // One that took long may have had bad luck.
  wholeMs = 0;
  await claimFor(20);
  expect(await claimFor(12)).toBe(12);
});

test('a priority that was never seen is found as soon as the others have nothing', async () => {
  const search = new QueueSearch(() => {});
  await queue(0, 0);
  await claim(search, 2);
  const urgent = await queue(0, 700);
  await expect.poll(() => claim(search, 2), { timeout: 30_000, interval: 20 }).toEqual([urgent]);
});

test('jobs for other runners do not hold the mark back', async () => {
  for (let count = 0; count < 5; count += 1) await queue(90_000, 0, ['["gpu","yes"]']);
  const ids = [];
  for (let ago = 20; ago > 0; ago -= 1) ids.push(await queue(ago * 1000));
  const search = new QueueSearch(() => {});
  const { db, names } = counting();
  const claimed = [];
  for (let turn = 0; turn < 20; turn += 1) claimed.push(...(await claim(search, 1, db)));
  expect(claimed).toEqual(ids);
  expect(names.filter((name) => name === 'claim_jobs').length).toBeLessThan(6);
});

test('somebody who has room is told when more may be there', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const search = new QueueSearch(resolve);
  // Time passes only where it is said: on a busy machine the next look could be due at once.
  let clockMs = 1_000_000;
  vi.spyOn(performance, 'now').mockImplementation(() => clockMs);
  const slow: Queryable = {
    query(statement, values) {
      if (statement.name === 'claim_jobs') clockMs += 50;
      return database.query(statement, values);
    },
  };
  await queue(0);
  await claim(search, 2, slow);
  const old = await queue(3_600_000);
  expect(await claim(search, 2, slow)).toEqual([]);
  await promise;
  clockMs += 200;
  expect(await claim(search, 2, slow)).toEqual([old]);
});

test('what a first statement gave is not lost when the second one fails', async () => {
  const search = new QueueSearch(() => {});
  await queue(0);
  await claim(search, 2);
  const id = await queue(0);
  const broken: Queryable = {
    query: (statement, values) =>
      statement.name === 'claim_jobs'
        ? Promise.reject(new Error('the connection broke'))
        : database.query(statement, values),
  };
  expect(await claim(search, 2, broken)).toEqual([id]);
});
