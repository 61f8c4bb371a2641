// Turns of pipelines that wait for the same runners: who comes when, and that nobody is left out.
import { randomBytes, randomUUID } from 'node:crypto';
import { silentLogger, uuidv7 } from '@rivet/base';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDatabase, type Database } from './database.ts';
import { insertJobs } from './launched-jobs.ts';
import { QueueSearch } from './queue-search.ts';
import { insertRunner } from './runner-tokens.ts';
import { once, type Queryable } from './statement.ts';

const testDatabase = useTestDatabase();
let database: Database;
const runnerId = uuidv7();
/** Launches long ago, one second after the other. */
let launchedAtMs = 0;

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
});

beforeEach(async () => {
  await run('DELETE FROM job_queue');
  launchedAtMs = Date.now() - 86_400_000;
});

afterAll(() => database.close());

const pipelines = new Map<string, string>();

/** Gives the pipeline a version that says this weight; makes it where there is none. */
async function setWeight(name: string, weight?: number): Promise<void> {
  const definition = JSON.stringify({ weight });
  const known = pipelines.get(name);
  const id = known ?? uuidv7();
  pipelines.set(name, id);
  if (known === undefined) {
    await run(`INSERT INTO pipelines (id, name, description, version) VALUES ($1, $2, '', 1)`, [
      id,
      name,
    ]);
    await run(`INSERT INTO pipeline_versions VALUES ($1, 1, '', '{}', $2)`, [id, definition]);
  } else {
    await run(`UPDATE pipeline_versions SET definition = $2 WHERE pipeline_id = $1`, [
      id,
      definition,
    ]);
  }
}

interface Launch {
  readonly weight?: number;
  readonly priority?: number;
  readonly tags?: { key: string; value: string }[];
  readonly db?: Database;
}

async function launch(name: string, count: number, options: Launch = {}): Promise<string[]> {
  const { weight, priority = 0, tags = [], db = database } = options;
  await setWeight(name, weight);
  const jobs = Array.from({ length: count }, () => {
    launchedAtMs += 1000;
    return { id: uuidv7(launchedAtMs), inputs: {}, priority };
  });
  const more = {
    ...{ pipelineId: pipelines.get(name)!, pipelineName: name, version: 1, current: true },
    ...{ tags, launchedBy: '', event: 'api' as const, retryOf: null },
  };
  await db.transaction((tx) => insertJobs(tx, { jobs, ...more }), { repeatable: true });
  return jobs.map(({ id }) => id);
}

function slotsOf(count: number) {
  return Array.from({ length: count }, () => ({
    runnerId,
    requestId: randomUUID(),
    leaseId: randomUUID(),
  }));
}

/** Names of the pipelines of jobs that one claim after the other is given, each of `size` jobs. */
async function claim(
  search: QueueSearch,
  count: number,
  size = 1,
  db: Queryable = database,
): Promise<string[]> {
  const names: string[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const request = { slots: slotsOf(size), fulfils: [], pipelines: ['*'], leaseSeconds: 60 };
    names.push(...(await search.claim(db, request)).map((row) => row.pipeline_name));
  }
  return names;
}

/** A search that has left jobs behind, so that its next claim looks who waits. */
async function busySearch(): Promise<QueueSearch> {
  const search = new QueueSearch(() => {});
  // Older than all others: until it looks at the whole queue, a search goes on where it ended.
  const nowMs = launchedAtMs;
  launchedAtMs = Date.now() - 2 * 86_400_000;
  await launch('before', 1, { priority: 1000 });
  launchedAtMs = nowMs;
  expect(await claim(search, 1)).toEqual(['before']);
  return search;
}

const times = (name: string, count: number): string[] => Array.from({ length: count }, () => name);

test('one job does not wait for the thousand of another pipeline that came before', async () => {
  await launch('a', 1000);
  await launch('b', 1);
  const search = new QueueSearch(() => {});
  expect(await claim(search, 4)).toEqual(['a', 'a', 'b', 'a']);
});

test('pipelines without weights take turns, and each keeps the order of its launches', async () => {
  const a = await launch('a', 4);
  const b = await launch('b', 2);
  const c = await launch('c', 3);
  const search = await busySearch();
  const ids: string[] = [];
  for (let left = 9; left > 0; left -= 1) {
    const request = { slots: slotsOf(1), fulfils: [], pipelines: ['*'], leaseSeconds: 60 };
    ids.push(...(await search.claim(database, request)).map((row) => row.job_id));
  }
  expect(ids).toEqual([a[0], b[0], c[0], a[1], b[1], c[1], a[2], c[2], a[3]]);
});

test('a weight says how many turns a pipeline gets where one of weight 1 gets one', async () => {
  await launch('a', 40);
  await launch('b', 40, { weight: 4 });
  const search = await busySearch();
  expect(await claim(search, 15)).toEqual('a b b b b a b b b b a b b b b'.split(' '));
});

test('a claim of many jobs shares them out as claims of one do', async () => {
  await launch('a', 100);
  await launch('b', 100, { weight: 3 });
  const search = await busySearch();
  for (const sum of [1, 2, 3]) {
    const names = await claim(search, 1, 32);
    expect([sum, names.length, names.filter((name) => name === 'b').length]).toEqual([sum, 32, 24]);
  }
});

test('a weight counts from the version on that says it, also for jobs that wait already', async () => {
  await launch('a', 10);
  await launch('b', 10);
  await setWeight('b', 2);
  expect(await claim(await busySearch(), 6)).toEqual('a b b a b b'.split(' '));
});

test('priority goes before turns, whosever job it is and whenever it comes', async () => {
  await launch('a', 10);
  await launch('b', 10);
  const search = await busySearch();
  expect(await claim(search, 3)).toEqual(['a', 'b', 'a']);
  await launch('a', 2, { priority: 5 });
  await launch('c', 1, { priority: 7 });
  expect(await claim(search, 5)).toEqual(['c', 'a', 'a', 'b', 'a']);
});

test('pipelines take turns within each priority', async () => {
  await launch('a', 2);
  await launch('b', 2);
  await launch('a', 2, { priority: 5 });
  await launch('b', 2, { priority: 5 });
  const search = await busySearch();
  expect(await claim(search, 8)).toEqual('a b a b a b a b'.split(' '));
});

test('who has no jobs any more gets no turns, and nobody waits for it', async () => {
  await launch('a', 6);
  await launch('b', 1);
  await launch('c', 2);
  const search = await busySearch();
  expect(await claim(search, 9)).toEqual('a b c a c a a a a'.split(' '));
  expect(await claim(search, 1)).toEqual([]);
});

test('a pipeline that comes later is noticed, is owed nothing for the time before, and starves nobody', async () => {
  await launch('a', 400);
  await launch('b', 400);
  const search = await busySearch();
  await claim(search, 10, 10);
  await launch('late', 3);
  const names: string[] = [];
  const hasLate = async () => {
    names.push(...(await claim(search, 1)));
    return names.at(-1);
  };
  await expect.poll(hasLate, { timeout: 60_000, interval: 20 }).toBe('late');
  const rest = await claim(search, 6);
  expect(rest.filter((name) => name === 'late').length).toBe(2);
});

test('jobs that these runners cannot take hold nobody up', async () => {
  await launch('gpu', 5, { tags: [{ key: 'gpu', value: 'yes' }], weight: 1000 });
  await launch('a', 4);
  await launch('b', 4);
  expect(await claim(await busySearch(), 6)).toEqual('a b a b a b'.split(' '));
});

test('two orchestrators that launch and claim at once share out the same, and no job twice', async () => {
  const { url } = testDatabase;
  const other = createDatabase({ url, applicationName: 'other', logger: silentLogger });
  try {
    await Promise.all([launch('a', 300), launch('b', 300, { db: other })]);
    const searches = [await busySearch(), await busySearch()] as const;
    const [first, second] = await Promise.all([
      claim(searches[0], 20, 10),
      claim(searches[1], 20, 10, other),
    ]);
    for (const names of [first, second]) {
      expect(names.filter((name) => name === 'a').length).toBe(100);
      expect(names.filter((name) => name === 'b').length).toBe(100);
    }
    const left = await run('SELECT count(*)::int AS count FROM job_queue');
    expect(left).toEqual([{ count: 200 }]);
  } finally {
    await other.close();
  }
});

test('a pipeline that waits alone is served by the statements in the order of launches', async () => {
  await launch('a', 10);
  const names: string[] = [];
  const db: Queryable = {
    query: (statement, values) => {
      names.push(statement.name);
      return database.query(statement, values);
    },
  };
  const search = new QueueSearch(() => {});
  expect(await claim(search, 10, 1, db)).toEqual(times('a', 10));
  expect(names).toContain('list_waiting_pipelines');
  expect(names).not.toContain('claim_jobs_in_turns');
});

test('with more pipelines than it can look at, the order of launches counts', async () => {
  const ids = await launch('a', 1001);
  await run(
    `UPDATE job_queue q SET pipeline_name = 'p' || s.n
    FROM unnest($1::uuid[]) WITH ORDINALITY AS s(id, n) WHERE q.job_id = s.id`,
    [ids],
  );
  const request = () => ({ slots: slotsOf(1), fulfils: [], pipelines: ['*'], leaseSeconds: 60 });
  const search = await busySearch();
  const claimed: string[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    claimed.push(...(await search.claim(database, request())).map((row) => row.job_id));
  }
  expect(claimed).toEqual(ids.slice(0, 3));
});
