// Pausing, draining, resuming and removing runners, against a real database and two orchestrators.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  FakeRunner,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let other: TestOrchestrator;

beforeAll(async () => {
  other = await startTestOrchestrator(server.databaseUrl);
});
afterAll(() => other?.orchestrator.stop());

/** A runner that is the only one for a pipeline. */
async function setUp(capacity = 100) {
  const { client, database } = server;
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(client, { pipelines: [ref], capacity });
  const launch = () => client.launchPipeline({ ref, body: {} });
  const shown = () => client.getRunner({ ref: runner.name });
  return { client, runner, launch, shown };
}

test('a paused runner finishes what it runs, and is given nothing by any orchestrator', async () => {
  const { client, runner, launch, shown } = await setUp();
  await launch();
  const held = await runner.claimOne();
  const waiting = runner.through(other.client).claim({ waitMs: 20_000 });
  await runner.claim({ waitMs: 0 });
  const paused = await client.pauseRunner({
    ref: runner.name,
    body: { for_seconds: 3600, note: 'new disk' },
  });
  expect(paused).toMatchObject({
    state: 'paused',
    running: 1,
    pause: { note: 'new disk', by: expect.any(String), drain: false },
  });
  const until = Date.parse(paused.pause?.until ?? '') - Date.now();
  expect(until).toBeGreaterThan(3500_000);
  expect(until).toBeLessThan(3700_000);
  const { id } = await launch();
  expect(await runner.claim()).toEqual([]);
  expect(await waiting).toEqual([]);
  await runner.finish(held, { state: 'succeeded' });
  expect(await client.getJob({ id })).toMatchObject({ state: 'queued' });
  expect(await client.resumeRunner({ ref: runner.id })).toMatchObject({
    state: 'online',
    pause: null,
  });
  expect(await runner.claimOne()).toMatchObject({ id });
  expect(await shown()).toMatchObject({ pause: null });
});

test('a pause ends by itself, and what waited is given out then', async () => {
  const { client, runner, launch, shown } = await setUp();
  await client.pauseRunner({ ref: runner.name, body: { for_seconds: 1 } });
  const { id } = await launch();
  expect(await runner.claim()).toEqual([]);
  // Answered with nothing when the pause ends; the next one gets the job.
  await runner.claim({ waitMs: 20_000 });
  expect(await runner.claimOne()).toMatchObject({ id });
  expect(await shown()).toMatchObject({ state: 'online', pause: null });
});

test('a runner that is drained is told so, and is paused when it comes back', async () => {
  const { client, runner, shown } = await setUp();
  const offer = { tags: [], capacity: 1, version: 'test' };
  const { session } = await runner.client.connectRunner({ body: offer });
  const ask = (of: string) =>
    runner.client.claimJobs({
      body: { session: of, request_id: randomUUID(), capacity: 1, wait_ms: 0 },
    });
  expect(await ask(session)).toEqual({ jobs: [] });
  await client.drainRunner({ ref: runner.name, body: { note: 'old' } });
  expect(await shown()).toMatchObject({
    state: 'draining',
    pause: { until: null, note: 'old', drain: true },
  });
  expect(await ask(session)).toEqual({ jobs: [], drain: true });
  const again = await runner.client.connectRunner({ body: offer });
  expect(await ask(again.session)).toEqual({ jobs: [] });
  expect(await shown()).toMatchObject({ state: 'paused', pause: { until: null, drain: false } });
});

test('a runner is removed when it has no jobs; with force they go on elsewhere', async () => {
  const { client, runner, launch } = await setUp();
  const { id } = await launch();
  const held = await runner.claimOne();
  await runner.report(held, { seq: 1 });
  const ref = runner.name;
  await expect(client.revokeRunner({ ref, query: { if_idle: 'yes' } })).rejects.toMatchObject({
    code: 'RIVET_RUNNER_BUSY',
    details: { name: ref, running: 1 },
  });
  expect(await client.getJob({ id })).toMatchObject({ state: 'running' });
  await client.revokeRunner({ ref });
  expect(await client.getJob({ id })).toMatchObject({ state: 'failed', reason: 'runner_lost' });
  const idle = await FakeRunner.register(client);
  await client.revokeRunner({ ref: idle.name, query: { if_idle: 'yes' } });
  await expect(client.getRunner({ ref: idle.name })).rejects.toMatchObject({
    code: 'RIVET_RUNNER_NOT_FOUND',
  });
});
