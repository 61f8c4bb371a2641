// When a job is given another attempt and when to nobody any more, and what the server ends where a
// runner does not.
import { silentLogger } from '@rivet/base';
import type { JobOutcome, PipelineDefinition } from '@rivet/protocol';
import { createNotifier, type Notifier } from '@rivet/store';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOverdueOnce } from '../duties/end-overdue.ts';
import { expireOnce } from '../duties/expire-leases.ts';
import { createMetrics } from '../metrics.ts';
import {
  FakeRunner,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let notifier: Notifier;

beforeAll(() => {
  notifier = createNotifier(server.database, silentLogger);
});
afterAll(() => notifier?.close());

const change = (text: string, values: unknown[]) =>
  server.database.query({ name: '', text, repeatable: true }, values);

/** A job of a pipeline of its own, and the only runner that may have it. */
async function setUp(definition: Partial<PipelineDefinition>) {
  const { client, database } = server;
  const ref = await seedPipeline(database, definition);
  const runner = await FakeRunner.register(client, { pipelines: [ref] });
  const { id } = await client.launchPipeline({ ref, body: {} });
  const services = { database, notifier, metrics: createMetrics(), logger: silentLogger };
  return {
    client,
    runner,
    id,
    shown: () => client.getJob({ id }),
    skipBackoff: () => change('UPDATE job_queue SET run_after = now() WHERE job_id = $1', [id]),
    lose: async () => {
      const text = `UPDATE running_attempts SET lease_until = now() - interval '1 s' WHERE job_id = $1`;
      await change(text, [id]);
      await expireOnce(services);
    },
    endOverdue: () =>
      endOverdueOnce({ ...services, timeoutGraceMs: 60_000, attemptTimeMsMax: 7_200_000 }),
    /** Takes the job and says that it has begun. */
    begin: async () => {
      const job = await runner.claimOne();
      await runner.report(job, { seq: 1 });
      return job;
    },
  };
}

describe('another attempt', () => {
  test.each<[string, PipelineDefinition['retry'], JobOutcome, 'queued' | 'failed']>([
    ['for a listed exit code', { max: 1, on: [75] }, failed(75), 'queued'],
    ['for no other exit code', { max: 1, on: [75] }, failed(1), 'failed'],
    ['for any exit code of stage_failed', { max: 1, on: ['stage_failed'] }, failed(1), 'queued'],
    [
      'not for an exit code behind another reason',
      { max: 1, on: [75] },
      { ...failed(75), reason: 'policy' },
      'failed',
    ],
    [
      'for an interrupted command',
      { max: 1, on: ['interrupted'] },
      { state: 'failed', reason: 'interrupted' },
      'queued',
    ],
    [
      'not for an interrupted command where it is not listed',
      { max: 1, on: ['runner_lost', 'infrastructure'] },
      { state: 'failed', reason: 'interrupted' },
      'failed',
    ],
  ])('is made %s', async (_, retry, outcome, state) => {
    const { runner, shown, begin } = await setUp({ retry });
    await runner.report(await begin(), { seq: 2, outcome });
    expect(await shown()).toMatchObject({ state });
  });

  test('begins after a pause that doubles, with full jitter, and is never above a minute', async () => {
    const { runner, id, begin, skipBackoff } = await setUp({
      retry: { max: 10, on: ['stage_failed'] },
    });
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      await runner.report(await begin(), { seq: 2, outcome: failed(1) });
      const text = `SELECT extract(epoch FROM run_after - now())::float8 AS seconds FROM job_queue
        WHERE job_id = $1`;
      const [row] = (await change(text, [id])) as { seconds: number }[];
      expect(row?.seconds).toBeLessThanOrEqual(Math.min(60, 2 ** attempt));
      await skipBackoff();
    }
  });

  test('of jobs that fail together does not begin together', async () => {
    const count = 100;
    const { client, runner, id } = await setUp({ retry: { max: 1, on: ['stage_failed'] } });
    const { pipeline: ref } = await client.getJob({ id });
    await Promise.all(
      Array.from({ length: count - 1 }, () => client.launchPipeline({ ref, body: {} })),
    );
    const jobs = await runner.claim({ capacity: count, waitMs: 5000 });
    expect(jobs).toHaveLength(count);
    await Promise.all(jobs.map((job) => runner.finish(job, failed(1))));
    const text = `SELECT extract(epoch FROM q.run_after - a.ended_at)::float8 AS seconds
      FROM job_queue q JOIN job_attempts a USING (job_id) WHERE q.pipeline_name = $1`;
    const pauses = (await change(text, [ref])) as { seconds: number }[];
    expect(pauses).toHaveLength(count);
    // In each quarter of the two seconds stand some: by chance as good as always.
    const quarters = [0, 0, 0, 0];
    for (const { seconds } of pauses) {
      const quarter = Math.min(3, Math.max(0, Math.floor(seconds * 2)));
      quarters[quarter] = (quarters[quarter] ?? 0) + 1;
    }
    expect(Math.min(...quarters), String(quarters)).toBeGreaterThan(4);
  });
});

describe('a job that lost its runner', () => {
  test('three times ends as poisoned and is not given to a fourth', async () => {
    const { shown, begin, lose, skipBackoff, runner } = await setUp({
      retry: { max: 10, on: ['runner_lost'] },
    });
    for (const state of ['queued', 'queued', 'failed']) {
      await begin();
      await lose();
      expect(await shown()).toMatchObject({ state });
      await skipBackoff();
    }
    expect(await shown()).toMatchObject({
      reason: 'runner_lost',
      attempt: 3,
      message: `the job lost its runner 3 times (${runner.name}) and is not given to another`,
    });
    expect(await runner.claim()).toEqual([]);
  });

  test('because an administrator revoked it is not counted as poison', async () => {
    const { client, id, shown, begin, lose, skipBackoff } = await setUp({
      retry: { max: 10, on: ['runner_lost'] },
    });
    await begin();
    await lose();
    await skipBackoff();
    for (let count = 0; count < 2; count += 1) {
      const { pipeline } = await shown();
      const other = await FakeRunner.register(client, { pipelines: [pipeline] });
      const job = await other.claimOne();
      expect(job.id).toBe(id);
      await other.report(job, { seq: 1 });
      await client.revokeRunner({ ref: other.name });
      expect(await shown()).toMatchObject({ state: 'queued' });
      await skipBackoff();
    }
    await begin();
    await lose();
    expect(await shown()).toMatchObject({ state: 'queued', attempt: 4 });
  });
});

describe('a runner that does not end an attempt', () => {
  const age = (table: string, column: string, id: string, seconds: number) =>
    change(
      `UPDATE ${table} SET ${column} = ${column} - make_interval(secs => $2) WHERE job_id = $1`,
      [id, seconds],
    );

  test('after the timeout of the pipeline and the grace is refused from then on', async () => {
    const { runner, id, shown, begin, endOverdue } = await setUp({ timeout_ms: 30_000 });
    const job = await begin();
    await age('running_attempts', 'started_at', id, 85);
    await endOverdue();
    expect(await shown()).toMatchObject({ state: 'running' });
    await age('running_attempts', 'started_at', id, 10);
    await endOverdue();
    expect(await shown()).toMatchObject({
      state: 'failed',
      reason: 'timeout',
      message: `the runner ${runner.name} did not end the job within its timeout of 30.0s and 1m00s more, so the server did`,
    });
    await expect(runner.report(job, { seq: 2 })).rejects.toMatchObject({
      code: 'RIVET_LEASE_LOST',
    });
  });

  test('of a pipeline without a timeout is refused after the limit of the server', async () => {
    const { client, runner, id, shown, begin, endOverdue } = await setUp({});
    const job = await begin();
    await age('running_attempts', 'started_at', id, 7200);
    await endOverdue();
    expect(await shown()).toMatchObject({ state: 'running' });
    // The orchestrator's own limit, which its duty ends attempts by, is a day.
    expect((await client.explainJob({ id })).reasons).toContainEqual(
      expect.stringMatching(
        /^Its pipeline sets no timeout: unless its runner ends it before, the server does in 22h0[45]m/,
      ),
    );
    await age('running_attempts', 'started_at', id, 70);
    await endOverdue();
    expect(await shown()).toMatchObject({
      state: 'failed',
      reason: 'timeout',
      message: `the runner ${runner.name} did not end the job, whose pipeline sets no timeout, within 2h00m and 1m00s more, so the server did`,
    });
    await expect(runner.report(job, { seq: 2 })).rejects.toMatchObject({
      code: 'RIVET_LEASE_LOST',
    });
  });

  test('after the timeout of a stage, for all the runs that it may have', async () => {
    const build = { ...stageDefinition('build'), timeout_ms: 30_000, retry_max: 1 };
    const { id, runner, shown, endOverdue } = await setUp({
      stages: [build],
      retry: { max: 1, on: ['timeout'] },
    });
    const job = await runner.claimOne();
    // A clock that is a day behind says nothing.
    const t = new Date(Date.now() - 86_400_000).toISOString();
    await runner.report(job, { seq: 1, stages: [{ stage: 'build', state: 'running', run: 1, t }] });
    await endOverdue();
    await age('job_stages', 'noted_at', id, 115);
    await endOverdue();
    expect(await shown()).toMatchObject({ state: 'running' });
    await age('job_stages', 'noted_at', id, 10);
    await endOverdue();
    expect(await shown()).toMatchObject({ state: 'queued', attempt: 1 });
  });

  test('before the server does it at the same moment: one of the two ends it, once', async () => {
    const count = 12;
    const { client, runner, id, endOverdue } = await setUp({ timeout_ms: 30_000 });
    const { pipeline: ref } = await client.getJob({ id });
    await Promise.all(
      Array.from({ length: count - 1 }, () => client.launchPipeline({ ref, body: {} })),
    );
    const jobs = await runner.claim({ capacity: count, waitMs: 5000 });
    expect(jobs).toHaveLength(count);
    await Promise.all(jobs.map((job) => runner.report(job, { seq: 1 })));
    for (const job of jobs) await age('running_attempts', 'started_at', job.id, 95);
    const told = jobs.map((job) =>
      runner.finish(job, { state: 'succeeded' }, 2).catch((error: unknown) => error),
    );
    const [answers] = await Promise.all([Promise.all(told), endOverdue()]);
    for (const [index, job] of jobs.entries()) {
      const refused = answers[index] instanceof Error;
      if (refused) expect(answers[index]).toMatchObject({ code: 'RIVET_LEASE_LOST' });
      expect(await client.getJob({ id: job.id })).toMatchObject({
        state: refused ? 'failed' : 'succeeded',
        reason: refused ? 'timeout' : null,
        attempt: 1,
      });
    }
  });

  test('although somebody canceled it leaves it canceled', async () => {
    const { client, id, shown, begin, endOverdue } = await setUp({
      timeout_ms: 30_000,
      retry: { max: 1, on: ['timeout'] },
    });
    await begin();
    await client.cancelJob({ id });
    await age('running_attempts', 'started_at', id, 95);
    await endOverdue();
    expect(await shown()).toMatchObject({ state: 'canceled' });
  });
});

function failed(exitCode: number): JobOutcome {
  return { state: 'failed', reason: 'stage_failed', message: 'no', exit_code: exitCode };
}
