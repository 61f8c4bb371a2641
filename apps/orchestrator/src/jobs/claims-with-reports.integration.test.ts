// Claims that bring reports: one request, in which no report costs another one, or a claim,
// anything.
import { randomUUID } from 'node:crypto';
import { uuidv7 } from '@rivet/base';
import type { ClaimedJob, JobReport, ReportRequest } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  openTestDatabase,
  reportOf,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

const succeeded = { outcome: { state: 'succeeded' } } as const;

const reportFor = (job: ClaimedJob, changes: Partial<ReportRequest> = succeeded): JobReport => ({
  job_id: job.id,
  ...reportOf(job, changes),
});

describe.each([
  ['stored with the claim', true],
  ['stored one by one', false],
])('the reports of a claim, %s', (_, batching) => {
  const testDatabase = useTestDatabase();
  let database: Database;
  let server: TestOrchestrator;
  let other: TestOrchestrator;
  let pipeline: string;
  let runner: FakeRunner;

  beforeAll(async () => {
    server = await startTestOrchestrator(testDatabase.url, { batching });
    other = await startTestOrchestrator(testDatabase.url, { batching });
    database = openTestDatabase(testDatabase.url);
    pipeline = await seedPipeline(database);
  });

  beforeEach(async () => {
    runner = await FakeRunner.register(server.client);
  });

  afterAll(async () => {
    await Promise.all([server.orchestrator.stop(), other.orchestrator.stop()]);
    await database.close();
  });

  const launch = async (count: number): Promise<void> => {
    const launches = Array.from({ length: count }, () => ({ pipeline }));
    await server.client.launchJobs({ body: { launches } });
  };
  const take = async (count: number, by = runner): Promise<ClaimedJob[]> => {
    await launch(count);
    const jobs: ClaimedJob[] = [];
    const claim = async (): Promise<number> =>
      jobs.push(...(await by.claim({ capacity: count - jobs.length })));
    await expect.poll(claim, { timeout: 30_000, interval: 20 }).toBe(count);
    return jobs;
  };
  const stateOf = async ({ id }: { id: string }): Promise<string> =>
    (await server.client.getJob({ id })).state;

  test('end jobs and bring the next ones', async () => {
    const jobs = await take(3);
    await launch(2);
    const { jobs: next, reports } = await runner.claimWith(
      jobs.map((job) => reportFor(job)),
      { capacity: 2 },
    );
    expect(next).toHaveLength(2);
    expect(reports).toEqual(
      jobs.map(({ id }) => ({ job_id: id, lease_seconds: expect.any(Number), cancel: false })),
    );
    for (const job of jobs) expect(await stateOf(job)).toBe('succeeded');
    for (const job of next) expect(await stateOf(job)).toBe('running');
    await runner.claimWith(next.map((job) => reportFor(job)));
  });

  test('are answered each for itself: those that are refused keep no other from being stored', async () => {
    const stranger = await FakeRunner.register(server.client);
    const [mine, oldLease, gap, talking] = (await take(4)) as [
      ClaimedJob,
      ClaimedJob,
      ClaimedJob,
      ClaimedJob,
    ];
    const [foreign] = (await take(1, stranger)) as [ClaimedJob];
    const unknown = uuidv7();
    const sent = [
      reportFor({ ...oldLease, lease_id: uuidv7() }),
      reportFor(mine),
      reportFor(gap, { ...succeeded, seq: 3 }),
      reportFor(foreign),
      { ...reportFor(mine), job_id: unknown },
      reportFor(talking, { ...succeeded, logs: [logLine(1, 'hello')] }),
    ];
    const { reports = [] } = await runner.claimWith(sent);
    expect(reports.map((one) => ('problem' in one ? one.problem.code : 'stored'))).toEqual([
      'RIVET_LEASE_LOST',
      'stored',
      'RIVET_REPORT_GAP',
      'RIVET_JOB_NOT_FOUND',
      'RIVET_JOB_NOT_FOUND',
      'stored',
    ]);
    const states = await Promise.all([mine, oldLease, gap, foreign, talking].map(stateOf));
    expect(states).toEqual(['succeeded', 'running', 'running', 'running', 'succeeded']);
    await runner.claimWith([reportFor(oldLease), reportFor(gap)]);
    await stranger.claimWith([reportFor(foreign)]);
  });

  test('that PostgreSQL cannot even read cost the other runners neither job nor report', async () => {
    const runners = await Promise.all(
      Array.from({ length: 6 }, () => FakeRunner.register(server.client)),
    );
    const held: ClaimedJob[] = [];
    for (const one of runners) held.push(...(await take(1, one)));
    await launch(6);
    const answers = await Promise.all(
      runners.map((one, index) => {
        const report = reportFor(held[index]!);
        // No text of PostgreSQL holds this character.
        return one.claimWith([index === 0 ? { ...report, lease_id: 'a\0b' } : report]);
      }),
    );
    const results = answers.map(({ reports }) => {
      const [one] = reports ?? [];
      return one !== undefined && 'problem' in one ? one.problem.code : 'stored';
    });
    expect(results).toEqual(['RIVET_LEASE_LOST', ...Array.from({ length: 5 }, () => 'stored')]);
    const next = answers.flatMap(({ jobs }) => jobs);
    expect(new Set(next.map(({ id }) => id)).size).toBe(next.length);
    expect(next.length).toBeGreaterThan(0);
    expect(await stateOf(held[0]!)).toBe('running');
    for (const [index, { jobs }] of answers.entries()) {
      const left = index === 0 ? [held[0]!, ...jobs] : jobs;
      await runners[index]!.claimWith(left.map((job) => reportFor(job)));
    }
  });

  test('that come again with the claim are answered like the first time, and so is the claim', async () => {
    const [job] = (await take(1)) as [ClaimedJob];
    await launch(1);
    const requestId = randomUUID();
    const first = await runner.claimWith([reportFor(job)], { requestId });
    const again = await runner.claimWith([reportFor(job)], { requestId, repeat: true });
    expect(again).toEqual(first);
    expect(again.jobs).toHaveLength(1);
    await runner.claimWith(again.jobs.map((one) => reportFor(one)));
  });

  test('of the same job at two orchestrators are stored once', async () => {
    const elsewhere = runner.through(other.client);
    for (let round = 0; round < 10; round += 1) {
      const [job] = (await take(1)) as [ClaimedJob];
      const answers = await Promise.all(
        [runner, elsewhere, runner, elsewhere].map((one) => one.claimWith([reportFor(job)])),
      );
      for (const { reports } of answers) {
        expect(reports).toEqual([
          { job_id: job.id, lease_seconds: expect.any(Number), cancel: false },
        ]);
      }
      expect(await stateOf(job)).toBe('succeeded');
      const ended = { name: 'ended', text: 'SELECT 1 FROM job_attempts WHERE job_id = $1' };
      expect(await database.query({ ...ended, repeatable: true }, [job.id])).toHaveLength(1);
    }
  });

  test('tell the runner of a cancel', async () => {
    const [job] = (await take(1)) as [ClaimedJob];
    await server.client.cancelJob({ id: job.id });
    const { reports } = await runner.claimWith([reportFor(job, { seq: 1 })]);
    expect(reports).toEqual([expect.objectContaining({ job_id: job.id, cancel: true })]);
    await runner.claimWith([reportFor(job, { seq: 2, outcome: { state: 'canceled' } })]);
    expect(await stateOf(job)).toBe('canceled');
  });
});

describe('while every other connection is taken by something slow', () => {
  const testDatabase = useTestDatabase();

  test('jobs are claimed, leases renewed and ends stored', async () => {
    const database = openTestDatabase(testDatabase.url);
    const server = await startTestOrchestrator(testDatabase.url, {
      databaseConnectionsMax: 6,
      reservedConnections: 2,
    });
    const runner = await FakeRunner.register(server.client);
    const pipeline = await seedPipeline(database);
    const [started, waiting] = await Promise.all([
      server.client.launchPipeline({ ref: pipeline, body: {} }),
      server.client.launchPipeline({ ref: pipeline, body: {} }),
    ]);
    const first = await runner.claimOne();
    const release = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holding = database.transaction(
      async (tx) => {
        const text = 'LOCK TABLE job_outputs IN ACCESS EXCLUSIVE MODE';
        await tx.query({ name: '', text, repeatable: false });
        locked.resolve();
        await release.promise;
      },
      { repeatable: false },
    );
    await locked.promise;
    // Each takes a connection, and waits for the outputs.
    const reading = Array.from({ length: 8 }, () => server.client.getJob({ id: started.id }));
    try {
      const text = `SELECT count(*)::int AS count FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      const blocked = { name: 'blocked', text, repeatable: true };
      const count = async () => (await database.query<{ count: number }>(blocked))[0]!.count;
      // One of the two, where a duty has the other and waits behind those that read for a second.
      await expect.poll(count, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
      // Longer than it is believed without a look who a runner is.
      const until = performance.now() + 5000;
      for (let seq = 1; performance.now() < until; seq += 1) {
        const { cancel } = await runner.report(first, { seq });
        expect(cancel).toBe(false);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      const second = await runner.claimOne();
      expect(new Set([first.id, second.id])).toEqual(new Set([started.id, waiting.id]));
      await runner.finish(second, { state: 'succeeded' });
      expect(await count()).toBeGreaterThan(0);
    } finally {
      release.resolve();
      await holding;
      // Whoever waited too long for a connection was told so.
      await Promise.allSettled(reading);
      await server.orchestrator.stop();
      await database.close();
    }
  });
});
