// A cancel reaches a runner at once: its poll is answered before the time, wherever it waits.
import type { ClaimedJob } from '@rivet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  FakeRunner,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
/** Another orchestrator of the same installation. */
let other: TestOrchestrator;

beforeAll(async () => {
  other = await startTestOrchestrator(server.databaseUrl);
});
afterAll(() => other.orchestrator.stop());

const WAIT_MS = 15_000;

async function claimed(): Promise<{ runner: FakeRunner; job: ClaimedJob }> {
  const pipeline = await seedPipeline(server.database);
  const runner = await FakeRunner.register(server.client, { pipelines: [pipeline], capacity: 1 });
  await server.client.launchPipeline({ ref: pipeline, body: {} });
  const job = await runner.claimOne();
  await runner.report(job, {});
  return { runner, job };
}

/** Resolves with how long the poll of a runner without room was, in milliseconds. */
async function pollFull(runner: FakeRunner): Promise<number> {
  const beganAt = performance.now();
  expect(await runner.claim({ waitMs: WAIT_MS, full: true })).toEqual([]);
  return performance.now() - beganAt;
}

test('the poll of a runner without room is answered when its job is canceled', async () => {
  const { runner, job } = await claimed();
  const poll = pollFull(runner);
  // Whichever comes first: one that comes too early is kept for the poll.
  await server.client.cancelJob({ id: job.id });
  expect(await poll).toBeLessThan(WAIT_MS / 2);
  expect(await runner.report(job, { seq: 2 })).toMatchObject({ cancel: true });
});

test('the first poll after a cancel is answered at once, as nobody waited for it', async () => {
  const { runner, job } = await claimed();
  await server.client.cancelJob({ id: job.id });
  expect(await pollFull(runner)).toBeLessThan(WAIT_MS / 2);
});

test('it is heard by another orchestrator, where the runner waits', async () => {
  const { runner, job } = await claimed();
  const poll = pollFull(runner.through(other.client));
  // Until it is there, the cancel is kept for it.
  await server.client.cancelJob({ id: job.id });
  expect(await poll).toBeLessThan(WAIT_MS / 2);
});

test('a runner without room is given no job', async () => {
  const { runner, job } = await claimed();
  await runner.finish(job, { state: 'succeeded' }, 2);
  await server.client.launchPipeline({ ref: job.pipeline, body: {} });
  expect(await runner.claim({ waitMs: 0, full: true })).toEqual([]);
  expect(await runner.claim({ waitMs: 20_000 })).toHaveLength(1);
});
