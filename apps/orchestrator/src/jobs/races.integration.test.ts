// Orders of events that only bad luck produces: forced here by holding rows and connections.
import { randomUUID } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import type { Client } from '@rivet/protocol';
import { createNotifier, type Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { expireOnce } from '../duties/expire-leases.ts';
import { createMetrics } from '../metrics.ts';
import {
  FakeRunner,
  logLine,
  openTestDatabase,
  reportOf,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
let server: TestOrchestrator;
let client: Client;
let runner: FakeRunner;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(() => {
  database = openTestDatabase(testDatabase.url);
});

afterAll(() => database.close());

beforeEach(async () => {
  server = await startTestOrchestrator(testDatabase.url);
  client = server.client;
  runner = await FakeRunner.register(client);
});

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
  await server.orchestrator.stop();
  await database.query({
    name: 'empty',
    text: 'TRUNCATE jobs, job_queue, running_attempts, job_attempts',
    repeatable: true,
  });
});

async function launch(): Promise<string> {
  return (await client.launchPipeline({ ref: await seedPipeline(database), body: {} })).id;
}

/** Runs `lock` in a transaction that stays open until the returned function is called. */
async function hold(lock: string): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const done = database.transaction(
    async (tx) => {
      await tx.query({ name: '', text: lock, repeatable: false });
      held.resolve();
      await release.promise;
    },
    { repeatable: false },
  );
  cleanups.push(() => {
    release.resolve();
    return done;
  });
  await Promise.race([held.promise, done]);
  return () => {
    release.resolve();
    return done;
  };
}

/** Resolves when a statement of an orchestrator waits for a lock. */
async function somebodyWaits(): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const waiting = { name: 'waiting', text, repeatable: true };
  const count = async () => (await database.query(waiting)).length;
  await expect.poll(count, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
}

const ofOrchestrators = {
  name: 'of_orchestrators',
  text: `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'rivet-orchestrator'`,
  repeatable: true,
};

async function leaseOf(id: string): Promise<Date> {
  const text = 'SELECT lease_until FROM running_attempts WHERE job_id = $1';
  const lease = { name: 'lease', text, repeatable: true };
  const [row] = await database.query<{ lease_until: Date }>(lease, [id]);
  return row!.lease_until;
}

/** Lets the leases of all attempts run out, and does what the duty does then. */
async function expireLeases(): Promise<void> {
  const text = `UPDATE running_attempts SET lease_until = now() - interval '1 s'`;
  await database.query({ name: 'expire_all', text, repeatable: true });
  const logger = silentLogger;
  const notifier = createNotifier(database, logger);
  await expireOnce({ database, notifier, metrics: createMetrics(), logger });
  await notifier.close();
}

describe('a claim', () => {
  test.each([
    ['before the server had looked for jobs', 'running_attempts'],
    ['while the server took jobs for it', 'job_queue'],
  ])('whose runner left %s gives no job away', async (_, table) => {
    const id = await launch();
    const other = await FakeRunner.register(client);
    const release = await hold(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const gone = new AbortController();
    const claiming = runner.claim({ waitMs: 10_000, signal: gone.signal }).catch(() => undefined);
    await somebodyWaits();
    gone.abort();
    await claiming;
    await release();
    expect(await other.claimOne()).toMatchObject({ id });
  });

  test('that a stopping orchestrator is about to answer loses no job', async () => {
    const id = await launch();
    const release = await hold('LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE');
    const claiming = runner.claim({ waitMs: 10_000 }).catch(() => []);
    await somebodyWaits();
    const stopping = server.orchestrator.stop();
    // As far as it comes without the answer of the statement: at most to one last connection.
    const connections = async () => (await database.query(ofOrchestrators)).length;
    await expect
      .poll(connections, { timeout: 1000, interval: 20 })
      .toBe(1)
      .catch(() => undefined);
    await release();
    const jobs = await claiming;
    await stopping;
    server = await startTestOrchestrator(testDatabase.url);
    const { state } = await server.client.getJob({ id });
    // It has the job, or the job is for the next one.
    expect({ state, jobs: jobs.length }).toEqual(
      jobs.length === 1 ? { state: 'running', jobs: 1 } : { state: 'queued', jobs: 0 },
    );
  });

  test('repeated while the first one still waits is one claim', async () => {
    const requestId = randomUUID();
    const polls = [runner, runner].map((same) => same.claim({ requestId, waitMs: 15_000 }));
    // Whichever came first is answered because of the other, not because its time is up.
    expect(await Promise.race(polls)).toEqual([]);
    await launch();
    await launch();
    const given = (await Promise.all(polls)).flat();
    // A runner that has only just connected may be told to ask again.
    if (given.length === 0) given.push(...(await runner.claim({ requestId, waitMs: 15_000 })));
    expect(given).toHaveLength(1);
    const { items } = await client.listJobs({ query: { state: 'running' } });
    expect(items).toHaveLength(1);
  });

  test('repeated at another orchestrator is given the job, whichever of the two took it', async () => {
    const other = await startTestOrchestrator(testDatabase.url);
    cleanups.push(() => other.orchestrator.stop());
    const id = await launch();
    const requestId = randomUUID();
    // The answer of the first one is lost.
    const release = await hold('LOCK TABLE job_queue IN ACCESS EXCLUSIVE MODE');
    const first = runner.claim({ requestId, waitMs: 0 });
    await somebodyWaits();
    const second = runner.through(other.client).claim({ requestId, waitMs: 2000 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await release();
    const [one] = await first;
    const [two] = await second;
    // The runner reads the repeat. Which statement took the job is the database's choice: where it
    // was that of the repeat, the first one may have looked before that was committed.
    expect(two).toMatchObject({ id });
    expect([undefined, two]).toContainEqual(one);
  });
});

describe('a report', () => {
  test('that is repeated renews the lease as its answer says', async () => {
    await launch();
    const job = await runner.claimOne();
    const body = reportOf(job, { logs: [logLine(1)] });
    await runner.client.reportJob({ id: job.id, body });
    const before = await leaseOf(job.id);
    const { lease_seconds } = await runner.client.reportJob({ id: job.id, body });
    const after = await leaseOf(job.id);
    expect(lease_seconds).toBe(30);
    expect(after.getTime()).toBeGreaterThan(before.getTime());
    expect((await client.getJobLogs({ id: job.id })).lines).toHaveLength(1);
  });
});

describe('a lease that runs out', () => {
  test('before the first report puts the job back, whatever the pipeline allows', async () => {
    const id = await launch();
    const lost = await runner.claimOne();
    await expireLeases();
    const again = await runner.claimOne();
    expect(again).toMatchObject({ id, attempt: 2 });
    await expect(runner.finish(lost, { state: 'succeeded' })).rejects.toMatchObject({
      code: 'RIVET_LEASE_LOST',
    });
    await runner.finish(again, { state: 'succeeded' });
    expect(await client.getJob({ id })).toMatchObject({ state: 'succeeded' });
  });

  test('before the first report again and again fails the job in the end', async () => {
    const id = await launch();
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      expect(await runner.claimOne()).toMatchObject({ id, attempt });
      await expireLeases();
    }
    expect(await client.getJob({ id })).toMatchObject({ state: 'failed', reason: 'runner_lost' });
  });

  test('before the first report ends a job that somebody canceled', async () => {
    const id = await launch();
    await runner.claimOne();
    await client.cancelJob({ id });
    await expireLeases();
    expect(await client.getJob({ id })).toMatchObject({ state: 'canceled' });
  });
});

test('jobs that are canceled at any moment end once, canceled or as they had ended', async () => {
  const ref = await seedPipeline(database);
  const ids: string[] = [];
  for (let count = 0; count < 60; count += 1) {
    ids.push((await client.launchPipeline({ ref, body: {} })).id);
  }
  const ends = new Map<string, string>();
  const work = async (): Promise<void> => {
    for (;;) {
      const [job] = await runner.claim({ waitMs: 300 });
      if (job === undefined) return;
      const { cancel } = await runner.client.reportJob({ id: job.id, body: reportOf(job, {}) });
      const state = cancel ? 'canceled' : 'succeeded';
      await runner.finish(job, { state }, 2);
      ends.set(job.id, state);
    }
  };
  const cancel = async (): Promise<void> => {
    for (const id of ids.toSorted(() => Math.random() - 0.5)) {
      await client.cancelJob({ id }).catch((error: { code?: string }) => {
        expect(error.code).toBe('RIVET_JOB_FINISHED');
      });
    }
  };
  await Promise.all([work(), work(), work(), cancel(), cancel()]);
  const { items } = await client.listJobs({ query: { pipeline: ref, limit: 100 } });
  expect(items).toHaveLength(60);
  for (const { id, state } of items) expect(state).toBe(ends.get(id) ?? 'canceled');
  const text = `SELECT q.job_id, j.state, j.attempt, j.created_at, j.finished_at
    FROM job_queue q LEFT JOIN jobs j ON j.id = q.job_id`;
  const left = { name: 'left', text, repeatable: true };
  expect(await database.query(left)).toEqual([]);
});
