// The life of a job over HTTP: launch, claim, report, cancel, loss and retry.
import { randomUUID } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import { createNotifier } from '@rivet/store';
import { beforeEach, describe, expect, test } from 'vitest';
import { expireOnce } from '../duties/expire-leases.ts';
import { createMetrics } from '../metrics.ts';
import {
  FakeRunner,
  logLine,
  reportOf,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { undoClaim } from './transitions.ts';

const server = useTestOrchestrator();
let runner: FakeRunner;

beforeEach(async () => {
  // Each test has the queue for itself.
  for (const state of ['queued', 'running'] as const) {
    const { items } = await server.client.listJobs({ query: { state, limit: 500 } });
    for (const { id } of items) await server.client.cancelJob({ id });
  }
  runner = await FakeRunner.register(server.client);
});

async function launch(changes: Partial<PipelineDefinition> = {}, body: object = {}) {
  return server.client.launchPipeline({ ref: await seedPipeline(server.database, changes), body });
}

/** Lets the lease of every attempt run out, and does what the duty does then. */
async function expireLeases(): Promise<void> {
  const text = `UPDATE running_attempts SET lease_until = now() - interval '1 s'`;
  await server.database.query({ name: 'expire_all', text, repeatable: true });
  const notifier = createNotifier(server.database, silentLogger);
  const logger = silentLogger;
  await expireOnce({ database: server.database, notifier, metrics: createMetrics(), logger });
  await notifier.close();
}

/** Puts back the pause before another attempt, so that the test need not wait for it. */
async function skipBackoff(): Promise<void> {
  const text = 'UPDATE job_queue SET run_after = now()';
  await server.database.query({ name: 'skip_backoff', text, repeatable: true });
}

describe('a job', () => {
  test('goes from its launch to its end, with log, stages and outputs', async () => {
    const launched = await launch({ stages: [stageDefinition('build'), stageDefinition('test')] });
    expect(launched).toMatchObject({ state: 'queued', attempt: 0, runner: null });
    const job = await runner.claimOne();
    expect(job).toMatchObject({ id: launched.id, attempt: 1, version: 1 });
    const t = '2026-01-01T00:00:00.000Z';
    await runner.client.reportJob({
      id: job.id,
      body: reportOf(job, {
        logs: [logLine(1), logLine(2, 'NUL \0 and half \ud800 a pair')],
        stages: [{ stage: 'build', state: 'running', t, run: 1 }],
        outputs: { version: '1.2', list: [1, { a: '\0' }] },
        summary: '# Build',
      }),
    });
    expect(await server.client.getJob({ id: job.id })).toMatchObject({
      state: 'running',
      log_lines: 2,
      summary: '# Build',
      stages: [
        { name: 'build', position: 1, state: 'running', started_at: t },
        { name: 'test', position: 2, state: 'pending', started_at: null },
      ],
    });
    await runner.client.reportJob({
      id: job.id,
      body: reportOf(job, {
        seq: 2,
        stages: [{ stage: 'build', state: 'succeeded', t, run: 1 }],
        summary: '# Build\nwith a NUL \0',
        outcome: { state: 'succeeded' },
      }),
    });
    const done = await server.client.getJob({ id: job.id });
    const summary = '# Build\nwith a NUL \ufffd';
    expect(done).toMatchObject({ state: 'succeeded', outputs: { version: '1.2' }, summary });
    expect(done.stages.map(({ state }) => state)).toEqual(['succeeded', 'skipped']);
    const { lines, complete, last } = await server.client.getJobLogs({ id: job.id });
    expect(lines.map(({ text }) => text)).toEqual(['line 1', 'NUL \0 and half \ud800 a pair']);
    expect({ complete, last }).toEqual({ complete: true, last: 2 });
  });

  test('waits for a runner with its tags, where * is any value', async () => {
    await launch({
      runner: [
        { key: 'os', value: 'linux' },
        { key: 'gpu', value: '*' },
      ],
    });
    const tags = [{ key: 'os', value: 'linux' }];
    const plain = await FakeRunner.register(server.client, { tags });
    const able = await FakeRunner.register(server.client, {
      tags: [...tags, { key: 'gpu', value: 'x' }],
    });
    expect(await plain.claim()).toEqual([]);
    expect(await able.claim()).toHaveLength(1);
  });

  test('with a higher priority is claimed first, and the oldest among equals', async () => {
    const first = await launch();
    const second = await launch();
    const urgent = await launch({}, { priority: 5 });
    const jobs = await runner.claim({ capacity: 3 });
    expect(jobs.map(({ id }) => id)).toEqual([urgent.id, first.id, second.id]);
  });

  test('is given to a runner that waits, as soon as it is launched', async () => {
    const claiming = runner.claim({ waitMs: 15_000 });
    const launched = await launch();
    const started = performance.now();
    expect((await claiming).map(({ id }) => id)).toEqual([launched.id]);
    expect(performance.now() - started).toBeLessThan(14_000);
  });

  test('that is queued is canceled at once, and nobody gets it', async () => {
    const { id } = await launch();
    expect(await server.client.cancelJob({ id })).toMatchObject({ state: 'canceled' });
    expect(await server.client.cancelJob({ id })).toMatchObject({ state: 'canceled' });
    expect(await runner.claim()).toEqual([]);
  });

  test('that runs is canceled through its runner', async () => {
    await launch();
    const job = await runner.claimOne();
    const canceling = await server.client.cancelJob({ id: job.id });
    expect(canceling).toMatchObject({ state: 'running', cancel_requested: true });
    const answer = await runner.client.reportJob({ id: job.id, body: reportOf(job, {}) });
    expect(answer.cancel).toBe(true);
    await runner.finish(job, { state: 'canceled' }, 2);
    expect(await server.client.getJob({ id: job.id })).toMatchObject({
      state: 'canceled',
      reason: null,
    });
  });

  test('that has ended stays as it is', async () => {
    await launch();
    const job = await runner.claimOne();
    await runner.finish(job, { state: 'succeeded' });
    await expect(server.client.cancelJob({ id: job.id })).rejects.toMatchObject({
      code: 'RIVET_JOB_FINISHED',
    });
    await expect(runner.finish(job, { state: 'canceled' }, 2)).rejects.toMatchObject({
      code: 'RIVET_LEASE_LOST',
    });
    expect(await server.client.getJob({ id: job.id })).toMatchObject({ state: 'succeeded' });
  });

  test('that has ended can be launched again as a new one', async () => {
    const { id } = await launch();
    await expect(server.client.retryJob({ id })).rejects.toMatchObject({
      code: 'RIVET_JOB_NOT_FINISHED',
    });
    await server.client.cancelJob({ id });
    const again = await server.client.retryJob({ id });
    expect(again).toMatchObject({ state: 'queued', version: 1 });
    expect(again.id).not.toBe(id);
  });
});

describe('a launch', () => {
  test('that has ended, launched again with a key, is one new job however often', async () => {
    const first = await launch();
    await server.client.cancelJob({ id: first.id });
    const idempotencyKey = randomUUID();
    const again = await Promise.all(
      Array.from({ length: 5 }, () => server.client.retryJob({ id: first.id, idempotencyKey })),
    );
    expect(new Set(again.map(({ id }) => id)).size).toBe(1);
    const other = await launch();
    await server.client.cancelJob({ id: other.id });
    await expect(server.client.retryJob({ id: other.id, idempotencyKey })).rejects.toMatchObject({
      code: 'RIVET_IDEMPOTENCY_KEY_REUSED',
    });
  });

  test('repeated with its key gives the same job, 20 times at once too', async () => {
    const ref = await seedPipeline(server.database);
    const args = { ref, body: { priority: 1 }, idempotencyKey: randomUUID() };
    const jobs = await Promise.all(
      Array.from({ length: 20 }, () => server.client.launchPipeline(args)),
    );
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    const { items } = await server.client.listJobs({ query: { pipeline: ref } });
    expect(items).toHaveLength(1);
    await expect(server.client.launchPipeline({ ...args, body: {} })).rejects.toMatchObject({
      code: 'RIVET_IDEMPOTENCY_KEY_REUSED',
    });
  });

  test('with wrong inputs makes no job and names every mistake', async () => {
    const ref = await seedPipeline(server.database, {
      inputs: [
        { name: 'level', type: 'string', required: true, secret: false, has_validate: false },
        { name: 'count', type: 'number', required: false, secret: false, has_validate: false },
      ],
    });
    const error = await server.client
      .launchPipeline({ ref, body: { inputs: { count: 'many', levle: 'x' } } })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'RIVET_LAUNCH_INPUTS_INVALID', entry: { exit: 2 } });
    const { issues: errors } = (error as { details: { issues: { path: string }[] } }).details;
    expect(errors.length).toBeGreaterThanOrEqual(2);
    expect((await server.client.listJobs({ query: { pipeline: ref } })).items).toEqual([]);
  });

  test('keeps its pipeline from being deleted until the job has ended', async () => {
    const ref = await seedPipeline(server.database);
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    await expect(server.client.deletePipeline({ ref })).rejects.toMatchObject({
      code: 'RIVET_PIPELINE_IN_USE',
    });
    await server.client.cancelJob({ id });
    await server.client.deletePipeline({ ref });
    await expect(server.client.getPipeline({ ref })).rejects.toMatchObject({
      code: 'RIVET_PIPELINE_NOT_FOUND',
      entry: { exit: 4 },
    });
    expect(await server.client.getJob({ id })).toMatchObject({ pipeline: ref, state: 'canceled' });
  });
});

describe('a claim', () => {
  test('with a repeated request id gets the same jobs again', async () => {
    await launch();
    await launch();
    const requestId = randomUUID();
    const first = await runner.claim({ requestId, capacity: 1 });
    const again = await runner.claim({ requestId, capacity: 1 });
    expect(first).toHaveLength(1);
    expect(again).toEqual(first);
  });

  test('that is undone gives the job to the next one, and no longer to its runner', async () => {
    const { id } = await launch({}, { priority: 3 });
    const [lost] = await runner.claim();
    const attempt = { job_id: id, attempt: 1 };
    expect(await undoClaim(server.database, [attempt], 30)).toBe(1);
    expect(await undoClaim(server.database, [attempt], 30)).toBe(0);
    const other = await FakeRunner.register(server.client);
    const again = await other.claimOne();
    expect(again).toMatchObject({ id, attempt: 2 });
    await expect(runner.finish(lost!, { state: 'succeeded' })).rejects.toMatchObject({
      code: 'RIVET_LEASE_LOST',
    });
    await other.finish(again, { state: 'succeeded' });
    expect(await server.client.getJob({ id })).toMatchObject({ state: 'succeeded' });
  });

  test('that was asked for again is not undone: the runner may have got the second answer', async () => {
    await launch();
    const requestId = randomUUID();
    const [job] = await runner.claim({ requestId });
    await runner.claim({ requestId });
    expect(await undoClaim(server.database, [{ job_id: job!.id, attempt: 1 }], 30)).toBe(0);
    await runner.finish(job!, { state: 'succeeded' });
    expect(await server.client.getJob({ id: job!.id })).toMatchObject({ state: 'succeeded' });
  });

  test.each(['runner_lost', 'infrastructure', 'interrupted'] as const)(
    'that is lost (%s) after somebody wanted its end is canceled',
    async (reason) => {
      const { id } = await launch({ retry: { max: 1, on: [reason] } });
      const [job] = await runner.claim();
      await server.client.cancelJob({ id });
      await runner.finish(job!, { state: 'failed', reason, message: 'out of reach' });
      expect(await server.client.getJob({ id })).toMatchObject({
        state: 'canceled',
        reason: null,
        message: 'out of reach',
      });
    },
  );

  test('whose command failed after somebody wanted its end has failed', async () => {
    const { id } = await launch();
    const [job] = await runner.claim();
    await server.client.cancelJob({ id });
    await runner.finish(job!, { state: 'failed', reason: 'stage_failed', message: 'exit code 1' });
    expect(await server.client.getJob({ id })).toMatchObject({
      state: 'failed',
      reason: 'stage_failed',
    });
  });

  test('that has been reported on is not undone', async () => {
    await launch();
    const [job] = await runner.claim();
    await runner.client.reportJob({ id: job!.id, body: reportOf(job!, {}) });
    expect(await undoClaim(server.database, [{ job_id: job!.id, attempt: 1 }], 30)).toBe(0);
    expect(await server.client.getJob({ id: job!.id })).toMatchObject({
      state: 'running',
      attempt: 1,
    });
  });

  test('under a session that was replaced is refused', async () => {
    const name = `twin-${randomUUID()}`;
    const first = await FakeRunner.register(server.client, { name });
    const second = await first.reconnect();
    expect(await second.claim()).toEqual([]);
    await expect(first.claim()).rejects.toMatchObject({ code: 'RIVET_RUNNER_UNKNOWN' });
  });

  test('of a runner that drains gets nothing, and says so in the list', async () => {
    await launch();
    const name = `drains-${randomUUID()}`;
    const draining = await FakeRunner.register(server.client, { name });
    expect(await draining.claim({ draining: true })).toEqual([]);
    expect(await draining.claim({ draining: true, waitMs: 50 })).toEqual([]);
    const { items } = await server.client.listRunners();
    expect(items.find((item) => item.name === name)).toMatchObject({ state: 'draining' });
  });

  test('never gets more than asked for', async () => {
    for (let count = 0; count < 5; count += 1) await launch();
    expect(await runner.claim({ capacity: 3 })).toHaveLength(3);
    expect(await runner.claim({ capacity: 3 })).toHaveLength(2);
  });
});

describe('a report', () => {
  test('that is repeated changes nothing and is answered like the first time', async () => {
    await launch();
    const job = await runner.claimOne();
    const body = reportOf(job, { logs: [logLine(1)], outcome: { state: 'succeeded' } });
    const first = await runner.client.reportJob({ id: job.id, body });
    expect(await runner.client.reportJob({ id: job.id, body })).toEqual(first);
    expect((await server.client.getJobLogs({ id: job.id })).lines).toHaveLength(1);
  });

  test('sent ten times at once is stored once', async () => {
    await launch();
    const job = await runner.claimOne();
    const body = reportOf(job, { logs: [logLine(1), logLine(2)] });
    await Promise.all(
      Array.from({ length: 10 }, () => runner.client.reportJob({ id: job.id, body })),
    );
    expect((await server.client.getJobLogs({ id: job.id })).lines.map(({ n }) => n)).toEqual([
      1, 2,
    ]);
  });

  test('with a gap is refused, says what is expected, and stores nothing', async () => {
    await launch();
    const job = await runner.claimOne();
    await runner.client.reportJob({ id: job.id, body: reportOf(job, { logs: [logLine(1)] }) });
    const gap = (body: object, expected: number) =>
      expect(
        runner.client.reportJob({ id: job.id, body: reportOf(job, body) }),
      ).rejects.toMatchObject({
        code: 'RIVET_REPORT_GAP',
        details: { expected },
      });
    await gap({ seq: 2, logs: [logLine(3)] }, 2);
    await gap({ seq: 2, logs: [logLine(1)] }, 2);
    await gap({ seq: 2, logs: [logLine(2), logLine(4)] }, 3);
    await gap({ seq: 3, logs: [logLine(2)] }, 2);
    expect((await server.client.getJob({ id: job.id })).log_lines).toBe(1);
  });

  test('of a stale attempt changes nothing', async () => {
    await launch({ retry: { max: 1, on: ['runner_lost'] } });
    const stale = await runner.claimOne();
    await expireLeases();
    await skipBackoff();
    const current = await runner.claimOne();
    expect(current).toMatchObject({ id: stale.id, attempt: 2 });
    const lost = { code: 'RIVET_LEASE_LOST' };
    const body = reportOf(stale, {
      logs: [logLine(1)],
      outcome: { state: 'failed', reason: 'timeout' },
    });
    await expect(runner.client.reportJob({ id: stale.id, body })).rejects.toMatchObject(lost);
    const forged = { ...body, attempt: 2 };
    await expect(runner.client.reportJob({ id: stale.id, body: forged })).rejects.toMatchObject(
      lost,
    );
    await runner.finish(current, { state: 'succeeded' });
    expect(await server.client.getJob({ id: current.id })).toMatchObject({
      state: 'succeeded',
      attempt: 2,
    });
    expect((await server.client.getJobLogs({ id: stale.id, query: { attempt: 1 } })).lines).toEqual(
      [],
    );
  });

  test('keeps the lease: an attempt that reports is not lost', async () => {
    await launch();
    const job = await runner.claimOne();
    const text = `UPDATE running_attempts SET lease_until = now() - interval '1 s' WHERE job_id = $1`;
    await server.database.query({ name: 'expire_one', text, repeatable: true }, [job.id]);
    await runner.client.reportJob({ id: job.id, body: reportOf(job, {}) });
    const notifier = createNotifier(server.database, silentLogger);
    await expireOnce({
      database: server.database,
      notifier,
      metrics: createMetrics(),
      logger: silentLogger,
    });
    await notifier.close();
    expect(await server.client.getJob({ id: job.id })).toMatchObject({
      state: 'running',
      attempt: 1,
    });
  });

  test('of a failure without a reason, or of an impossible stage, is refused', async () => {
    await launch({ stages: [stageDefinition('s')] });
    const job = await runner.claimOne();
    const t = new Date(0).toISOString();
    const running = { stage: 's', state: 'running', t, run: 1 } as const;
    const done = { ...running, state: 'succeeded' } as const;
    await runner.client.reportJob({ id: job.id, body: reportOf(job, { stages: [running, done] }) });
    const refused = (changes: object) =>
      expect(
        runner.client.reportJob({ id: job.id, body: reportOf(job, { seq: 2, ...changes }) }),
      ).rejects.toMatchObject({ code: 'RIVET_REQUEST_INVALID' });
    await refused({ outcome: { state: 'failed' } });
    await refused({ stages: [running] });
    const rerun = { ...running, run: 2 };
    await runner.client.reportJob({ id: job.id, body: reportOf(job, { seq: 2, stages: [rerun] }) });
  });
});

describe('a lost runner', () => {
  test('fails its job when the pipeline allows no other attempt', async () => {
    await launch();
    const job = await runner.claimOne();
    await runner.client.reportJob({ id: job.id, body: reportOf(job, {}) });
    await expireLeases();
    expect(await server.client.getJob({ id: job.id })).toMatchObject({
      state: 'failed',
      reason: 'runner_lost',
      message: expect.stringContaining('lease'),
    });
  });

  test('uses up the attempts that the pipeline allows, and no more', async () => {
    await launch({ retry: { max: 2, on: ['runner_lost'] } });
    const seen: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      const job = await runner.claimOne();
      seen.push(job.attempt);
      await runner.client.reportJob({ id: job.id, body: reportOf(job, {}) });
      await expireLeases();
      await skipBackoff();
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(await runner.claim()).toEqual([]);
  });

  test('is not waited for when somebody asked to cancel', async () => {
    await launch({ retry: { max: 2, on: ['runner_lost'] } });
    const job = await runner.claimOne();
    await server.client.cancelJob({ id: job.id });
    await expireLeases();
    expect(await server.client.getJob({ id: job.id })).toMatchObject({ state: 'canceled' });
  });
});

test('a failure is tried again after a pause where the pipeline says so', async () => {
  await launch({ retry: { max: 1, on: ['stage_failed'] } });
  const job = await runner.claimOne();
  await runner.finish(job, { state: 'failed', reason: 'stage_failed', message: 'no' });
  expect(await server.client.getJob({ id: job.id })).toMatchObject({ state: 'queued', attempt: 1 });
  const { reasons } = await server.client.explainJob({ id: job.id });
  expect(reasons.at(-1)).toMatch(/^Attempt 1 on .* is over, failed: no\.$/);
  await skipBackoff();
  const again = await runner.claimOne();
  expect(again.attempt).toBe(2);
  await runner.finish(again, { state: 'failed', reason: 'stage_failed', message: 'no' });
  expect(await server.client.getJob({ id: job.id })).toMatchObject({ state: 'failed' });
});

test('an explanation names the tag that no runner has', async () => {
  const { id } = await launch({ runner: [{ key: 'arch', value: 'vax' }] });
  const { reasons } = await server.client.explainJob({ id });
  expect(reasons[0]).toMatch(
    /^No runner has the tag arch=vax\. The nearest is .*, which lacks arch=vax\.$/,
  );
});

test('an explanation says why a stage was skipped, and why another failed', async () => {
  const names = ['build', 'test', 'deploy'];
  const { id } = await launch({ stages: names.map((name) => stageDefinition(name)) });
  const t = new Date(0).toISOString();
  const running = (stage: string) => ({ stage, state: 'running', t, run: 1 }) as const;
  const ended = (stage: string, state: 'failed' | 'skipped', reason: string) =>
    ({ stage, state, t, run: 1, reason }) as const;
  await runner.report(await runner.claimOne(), {
    stages: [
      ended('build', 'skipped', 'its condition was not met'),
      running('test'),
      ended('test', 'failed', 'make exited with 2'),
      ended('deploy', 'skipped', 'the stage test failed'),
    ],
    outcome: { state: 'failed', reason: 'stage_failed' },
  });
  const { causes = [] } = await server.client.explainJob({ id });
  const ofStages = causes.filter(({ code }) => code.startsWith('stage_'));
  expect(ofStages).toEqual([
    { code: 'stage_failed', text: 'The stage test failed: make exited with 2.' },
    { code: 'stage_skipped', text: 'The stage build was skipped: its condition was not met.' },
    { code: 'stage_skipped', text: 'The stage deploy was skipped: the stage test failed.' },
  ]);
});

test('an explanation says why an attempt was lost, also while the next one runs', async () => {
  const { id } = await launch({ retry: { max: 1, on: ['runner_lost'] } });
  await runner.report(await runner.claimOne(), {});
  await expireLeases();
  const why = `the runner ${runner.name} was not heard of until its lease ran out`;
  const lost = {
    code: 'attempt_lost',
    text: `Attempt 1 was lost on ${runner.name}: ${why}.`,
  };
  const explained = async () => (await server.client.explainJob({ id })).causes;
  expect(await explained()).toContainEqual(lost);
  await skipBackoff();
  const next = await FakeRunner.register(server.client);
  await next.report(await next.claimOne(), {});
  expect(await explained()).toContainEqual(lost);
  await expireLeases();
  const causes = await explained();
  expect(causes).toContainEqual({ code: 'job_failed', text: 'It failed: runner_lost.' });
  expect(causes).toContainEqual(lost);
});
