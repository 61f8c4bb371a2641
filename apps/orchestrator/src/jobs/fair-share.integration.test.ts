// Turns of pipelines through the API: what a runner is given, and what is said to whoever waits.
import type { PipelineDefinition } from '@rivet/protocol';
import { expect, test } from 'vitest';
import { FakeRunner, seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();

/** Launches jobs of a new pipeline. */
async function launch(count: number, definition: Partial<PipelineDefinition> = {}) {
  const ref = await seedPipeline(server.database, definition);
  const ids: string[] = [];
  while (ids.length < count) {
    const length = Math.min(100, count - ids.length);
    const launches = Array.from({ length }, () => ({ pipeline: ref, inputs: {} }));
    const { jobs } = await server.client.launchJobs({ body: { launches } });
    ids.push(...jobs.map(({ id }) => id));
  }
  return { ref, ids };
}

type Launched = Awaited<ReturnType<typeof launch>>;

/** Numbers of the pipelines whose jobs a runner is given, one after the other. */
async function order(of: readonly Launched[], count: number): Promise<number[]> {
  const runner = await FakeRunner.register(server.client, { pipelines: of.map(({ ref }) => ref) });
  const given: number[] = [];
  while (given.length < count) {
    const job = await runner.claimOne();
    given.push(of.findIndex(({ ref }) => ref === job.pipeline));
    await runner.finish(job, { state: 'succeeded' });
  }
  return given;
}

async function place({ ids }: Launched, index: number): Promise<string | undefined> {
  const { causes } = await server.client.explainJob({ id: ids[index] ?? '' });
  return causes?.find(({ code }) => code === 'queue_place')?.text;
}

test('one job does not wait for a thousand, and is told how it stands', async () => {
  const many = await launch(1000);
  expect(await place(many, 0)).toBe('It is the next in the queue.');
  expect(await place(many, 999)).toBe('999 jobs stand before it in the queue.');
  const heavy = await launch(2, { weight: 3 });
  const share = 'Its pipeline has the weight';
  expect(await place(heavy, 0)).toBe(
    `${share} 3 of 4 that wait at its priority, and it is the next of that pipeline.`,
  );
  expect(await place(many, 7)).toBe(
    `${share} 1 of 4 that wait at its priority; 7 jobs stand before it, of that pipeline or of a higher priority.`,
  );
  // The first one is given out before it is known that there is more.
  expect(await order([many, heavy], 5)).toEqual([0, 0, 1, 1, 0]);
});

test('jobs that wait for their group get no turns and hold nobody up', async () => {
  const concurrency = { group: 'deploy', limit: 1, cancel_superseded: 'none' as const };
  const grouped = await launch(3, { concurrency });
  const plain = await launch(4);
  const refs = { pipelines: [grouped.ref, plain.ref] };
  const holder = await FakeRunner.register(server.client, refs);
  const held = await holder.claimOne();
  expect(held.pipeline).toBe(grouped.ref);
  expect(await order([grouped, plain], 2)).toEqual([1, 1]);
  // The next of the group is let in when the one before has ended.
  await holder.finish(held, { state: 'succeeded' });
  const rest = await order([grouped, plain], 4);
  expect(rest.toSorted()).toEqual([0, 0, 1, 1]);
});

test('priority goes before turns', async () => {
  const plain = await launch(3);
  const other = await launch(3);
  const urgent = await launch(3, { priority: 9 });
  expect(await place(plain, 0)).toMatch(/; 3 jobs stand before it/);
  expect(await order([plain, other, urgent], 9)).toEqual([2, 2, 2, 0, 1, 0, 1, 0, 1]);
});
