// The files of a pipeline reach each runner once: which of them a claim brings, and who may ask.
import { createHash, randomUUID } from 'node:crypto';
import type { ClaimedJob, ClaimRequest } from '@rivet/protocol';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { FakeRunner, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let pipeline: string;
let runner: FakeRunner;

beforeAll(async () => {
  const source = `return pipeline.define({
    name = "files", stages = { { name = "one", script = function() end } },
  })`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  pipeline = (await server.client.createPipeline({ body: { bundle } })).name;
});
beforeEach(async () => {
  runner = await FakeRunner.register(server.client);
});

const codeOf = (settled: PromiseSettledResult<unknown>) =>
  settled.status === 'rejected' ? settled.reason.code : 'given';

/** Launches a job and claims it as a runner that knows these bundles. */
async function claim(known?: readonly string[]): Promise<ClaimedJob> {
  await server.client.launchPipeline({ ref: pipeline, body: {} });
  const connected = await runner.client.connectRunner({
    body: { tags: [], capacity: 100, version: 'test' },
  });
  const body: ClaimRequest = {
    session: connected.session,
    request_id: randomUUID(),
    capacity: 1,
    wait_ms: 5000,
    ...(known && { known_bundles: [...known] }),
  };
  const [job] = (await runner.client.claimJobs({ body })).jobs;
  if (job === undefined) throw new Error('there was no job to claim');
  return job;
}

test('a claim brings the files, unless the runner says that it has just these', async () => {
  const first = await claim();
  expect(first.bundle?.files).toHaveProperty('pipeline.lua');
  const digest = first.bundle_digest ?? '';
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  const other = createHash('sha256').update('other').digest('hex');
  const second = await claim([other, digest]);
  expect(second).toMatchObject({ bundle_digest: digest, definition: first.definition });
  expect(second).not.toHaveProperty('bundle');
  expect((await claim([other])).bundle).toEqual(first.bundle);
});

test('a runner that has lost the files asks for them with its lease', async () => {
  const { bundle, bundle_digest: digest } = await claim();
  const job = await claim([digest ?? '']);
  const { id, attempt, lease_id } = job;
  expect(await runner.client.fetchJobBundle({ id, query: { attempt, lease_id } })).toEqual(bundle);
});

test('nobody is given them without the lease of a job that still runs', async () => {
  const job = await claim();
  const { id, attempt, lease_id } = job;
  const stranger = await FakeRunner.register(server.client);
  const wrong = { id, query: { attempt, lease_id: randomUUID() } };
  await expect(runner.client.fetchJobBundle(wrong)).rejects.toMatchObject({
    code: 'RIVET_LEASE_LOST',
  });
  const right = { id, query: { attempt, lease_id } };
  const refusals = [stranger.client, server.client].map((client) => client.fetchJobBundle(right));
  expect((await Promise.allSettled(refusals)).map(codeOf)).toEqual([
    'RIVET_JOB_NOT_FOUND',
    'RIVET_AUTH_INVALID',
  ]);
  await runner.finish(job, { state: 'succeeded' });
  await expect(runner.client.fetchJobBundle(right)).rejects.toMatchObject({
    code: 'RIVET_LEASE_LOST',
  });
});
