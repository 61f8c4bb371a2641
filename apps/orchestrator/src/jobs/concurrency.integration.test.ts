// Several orchestrators and many runners at once, also while one is killed.
import { setTimeout as delay } from 'node:timers/promises';
import { type ClaimedJob, type Client, isFinalJobState } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { startProgram, type TestProgram, useTestDatabase } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  logLine,
  openTestDatabase,
  reportOf,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
  testMasterKey,
} from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
const servers: TestOrchestrator[] = [];
const children: TestProgram[] = [];

beforeAll(() => {
  database = openTestDatabase(testDatabase.url);
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map(({ orchestrator }) => orchestrator.stop()));
  await Promise.all(children.splice(0).map((child) => child.stop()));
});

afterAll(() => database.close());

async function count(text: string, values: readonly unknown[] = []): Promise<number> {
  const rows = await database.query<{ count: number }>(
    { name: '', text, repeatable: true },
    values,
  );
  return rows[0]?.count ?? -1;
}

async function launchMany(client: Client, ref: string, jobs: number): Promise<void> {
  for (let launched = 0; launched < jobs; launched += 20) {
    const batch = Array.from({ length: Math.min(20, jobs - launched) }, (_, index) =>
      client.launchPipeline({ ref, body: {}, idempotencyKey: `${ref}-${launched + index}` }),
    );
    await Promise.all(batch);
  }
}

test('two orchestrators give 500 jobs to 16 runners, each job once', async () => {
  const [one, two] = [
    await startTestOrchestrator(testDatabase.url),
    await startTestOrchestrator(testDatabase.url),
  ];
  servers.push(one, two);
  const ref = await seedPipeline(database);
  const seen: string[] = [];
  const work = async (client: Client): Promise<void> => {
    const runner = await FakeRunner.register(client);
    while (seen.length < 500) {
      const jobs = await runner.claim({ capacity: 3, waitMs: 300 });
      seen.push(...jobs.map(({ id }) => id));
      await Promise.all(jobs.map((job) => runner.finish(job, { state: 'succeeded' })));
    }
  };
  const clients = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? one : two).client);
  await Promise.all([launchMany(one.client, ref, 500), ...clients.map(work)]);
  expect(seen).toHaveLength(500);
  expect(new Set(seen).size).toBe(500);
  expect(await count(`SELECT count(*)::int FROM jobs WHERE state = 'succeeded'`)).toBe(500);
  expect(await count('SELECT count(*)::int FROM job_attempts')).toBe(500);
  expect(await count('SELECT count(*)::int FROM job_queue')).toBe(0);
});

/** What is claimed from one that dies just then waits as long. */
const LEASE_SECONDS = 8;

/** An orchestrator that can be killed. */
async function spawnOrchestrator(port: string): Promise<{ child: TestProgram; url: string }> {
  const child = startProgram(new URL('../main.ts', import.meta.url), {
    DATABASE_URL: testDatabase.url,
    RIVET_MASTER_KEY: testMasterKey.text.reveal(),
    RIVET_LISTEN: `127.0.0.1:${port}`,
    RIVET_LOG_LEVEL: 'silent',
    RIVET_LEASE: `${LEASE_SECONDS}s`,
  });
  children.push(child);
  const { url } = await child.event('listening');
  return { child, url: String(url) };
}

test('jobs end once, with whole logs, while an orchestrator is killed repeatedly', async () => {
  const survivor = await startTestOrchestrator(testDatabase.url, { leaseSeconds: LEASE_SECONDS });
  servers.push(survivor);
  let victim = await spawnOrchestrator('0');
  const { port } = new URL(victim.url);
  const toVictim = clientFor(victim.url, survivor.token, 1);
  const ref = await seedPipeline(database, { retry: { max: 50, on: ['runner_lost'] } });
  const jobs = 60;
  await launchMany(survivor.client, ref, jobs);
  let done = false;

  /** Sends through whichever answers, the same report again after a failure: as a runner does. */
  const send = async (runner: FakeRunner, job: ClaimedJob, changes: object): Promise<boolean> => {
    const body = reportOf(job, changes);
    for (let tried = 0; tried < 500; tried += 1) {
      const client = tried % 2 === 0 ? toVictim : survivor.client;
      const own = runner.through(client, 1).client;
      const result = await own.reportJob({ id: job.id, body }).then(
        () => 'stored' as const,
        (error: { code?: string }) => error.code,
      );
      if (result === 'stored') return true;
      if (result === 'RIVET_LEASE_LOST') return false;
      // A database that answers slowly, as on a busy machine, is one that is away.
      expect(['RIVET_SERVER_UNREACHABLE', 'RIVET_DATABASE_UNREACHABLE']).toContain(result);
      await delay(20);
    }
    throw new Error('no orchestrator took the report');
  };
  const work = async (): Promise<void> => {
    let runner = await FakeRunner.register(survivor.client);
    while (!done) {
      // The claim goes to the one that is killed: its answer may be lost at any point.
      const direct = await FakeRunner.register(toVictim).catch(() => undefined);
      runner = direct ?? (await FakeRunner.register(survivor.client));
      const claimed = await runner.claim({ capacity: 2, waitMs: 300 }).catch(() => []);
      for (const job of claimed) {
        const first = { logs: [logLine(1), logLine(2)] };
        const last = { seq: 2, logs: [logLine(3)], outcome: { state: 'succeeded' } };
        if (await send(runner, job, first)) await send(runner, job, last);
      }
    }
  };
  const kill = async (): Promise<void> => {
    for (let times = 0; times < 4; times += 1) {
      await delay(100 + Math.random() * 400);
      victim.child.signal('SIGKILL');
      await victim.child.ended;
      victim = await spawnOrchestrator(port);
    }
  };
  const finished = async (): Promise<void> => {
    await expect
      .poll(() => count(`SELECT count(*)::int FROM job_queue`), { timeout: 60_000, interval: 200 })
      .toBe(0);
    await expect
      .poll(
        async () => {
          const { items } = await survivor.client.listJobs({
            query: { pipeline: ref, limit: 500 },
          });
          return items.filter(({ state }) => isFinalJobState(state)).length;
        },
        { timeout: 90_000, interval: 200 },
      )
      .toBe(jobs);
    done = true;
  };
  await Promise.all([kill(), finished(), ...Array.from({ length: 4 }, work)]);

  const { items } = await survivor.client.listJobs({ query: { pipeline: ref, limit: 500 } });
  expect(items.map(({ state }) => state)).toEqual(Array.from({ length: jobs }, () => 'succeeded'));
  for (const { id, attempt } of items) {
    const { lines, complete } = await survivor.client.getJobLogs({ id, query: { attempt } });
    expect(lines.map(({ n }) => n)).toEqual([1, 2, 3]);
    expect(complete).toBe(true);
  }
  const succeeded = `SELECT count(*)::int FROM job_attempts a JOIN jobs j ON j.id = a.job_id
    WHERE a.result = 'succeeded' AND j.pipeline_name = $1`;
  expect(await count(succeeded, [ref])).toBe(jobs);
});
