// A runner that starts again: what it still has goes on under a new lease, the rest is lost.
import { randomUUID } from 'node:crypto';
import type { ClaimedJob } from '@rivet/protocol';
import { describe, expect, test } from 'vitest';
import { FakeRunner, logLine, seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();

async function claimed(): Promise<{ runner: FakeRunner; job: ClaimedJob }> {
  const pipeline = await seedPipeline(server.database);
  const runner = await FakeRunner.register(server.client, { pipelines: [pipeline] });
  await server.client.launchPipeline({ ref: pipeline, body: {} });
  return { runner, job: await runner.claimOne() };
}

function heldOf(job: ClaimedJob, ...leaseIds: string[]) {
  return { job_id: job.id, attempt: job.attempt, lease_ids: [job.lease_id, ...leaseIds] };
}

const stateOf = async (id: string) => (await server.client.getJob({ id })).state;
const lost = { code: 'RIVET_LEASE_LOST' };

describe('a runner that connects with what it has', () => {
  test('goes on with its attempt where its reports had ended', async () => {
    const { runner, job } = await claimed();
    await runner.report(job, { logs: [logLine(1), logLine(2)] });
    await runner.report(job, { seq: 2, logs: [logLine(3)] });
    const next = randomUUID();
    const again = await runner.reconnect([heldOf(job, next)]);
    expect(again.held).toEqual([
      {
        job: { ...job, lease_id: next, bundle: expect.anything() },
        last_seq: 2,
        log_lines: 3,
      },
    ]);
    expect(job.journal_key).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    const resumed = { ...job, lease_id: next };
    await again.report(resumed, { seq: 3, logs: [logLine(4)], outcome: { state: 'succeeded' } });
    expect(await stateOf(job.id)).toBe('succeeded');
    const { lines } = await server.client.getJobLogs({ id: job.id });
    expect(lines.map(({ n }) => n)).toEqual([1, 2, 3, 4]);
  });

  test('is not written over by what it had sent before it died', async () => {
    const { runner, job } = await claimed();
    await runner.report(job, {});
    const next = randomUUID();
    const again = await runner.reconnect([heldOf(job, next)]);
    await expect(runner.report(job, { seq: 2, logs: [logLine(1, 'late')] })).rejects.toMatchObject(
      lost,
    );
    await again.report({ ...job, lease_id: next }, { seq: 2, logs: [logLine(1, 'right')] });
  });

  test('is answered the same when the answer was lost, and when it dies again', async () => {
    const { runner, job } = await claimed();
    await runner.report(job, {});
    const [second, third] = [randomUUID(), randomUUID()];
    await runner.reconnect([heldOf(job, second)]);
    const repeated = await runner.reconnect([heldOf(job, second)]);
    expect(repeated.held).toMatchObject([{ job: { lease_id: second }, last_seq: 1 }]);
    const later = await runner.reconnect([heldOf(job, second, third)]);
    expect(later.held).toMatchObject([{ job: { lease_id: third }, last_seq: 1 }]);
  });

  test('is told of the key of the attempt, and of another one for another attempt', async () => {
    const one = await claimed();
    const two = await claimed();
    expect(one.job.journal_key).not.toBe(two.job.journal_key);
    const again = await one.runner.reconnect([heldOf(one.job)]);
    expect(again.held?.[0]?.job.journal_key).toBe(one.job.journal_key);
  });

  test('loses at once what it does not have any more', async () => {
    const { runner, job } = await claimed();
    await runner.report(job, {});
    const again = await runner.reconnect([]);
    expect(again.held).toEqual([]);
    expect(await server.client.getJob({ id: job.id })).toMatchObject({
      state: 'failed',
      reason: 'runner_lost',
      message: expect.stringContaining('started again and does not have the job any more'),
    });
    await expect(again.report(job, { seq: 2 })).rejects.toMatchObject(lost);
  });

  test('changes nothing by a request that comes after a later one', async () => {
    const { runner, job } = await claimed();
    const offer = { tags: [], capacity: 1, version: 'test' };
    const connect = (number: number, held: ReturnType<typeof heldOf>[]) =>
      runner.client.connectRunner({ body: { ...offer, number, held } });
    await connect(7, [heldOf(job)]);
    for (const number of [6, 7]) {
      await expect(connect(number, [])).rejects.toMatchObject({
        code: 'RIVET_RUNNER_CONNECT_OLD',
        details: { found: number, latest: 7 },
      });
    }
    await runner.report(job, {});
    await connect(8, []);
    expect(await stateOf(job.id)).toBe('failed');
  });

  test('gives back at once what it never knew of', async () => {
    const { runner, job } = await claimed();
    const again = await runner.reconnect([]);
    expect(await stateOf(job.id)).toBe('queued');
    expect(await again.claimOne()).toMatchObject({ id: job.id, attempt: 2 });
  });

  test('holds nothing of others, nothing under a false lease, and nothing that is over', async () => {
    const mine = await claimed();
    const theirs = await claimed();
    const over = await claimed();
    await theirs.runner.report(theirs.job, {});
    await over.runner.finish(over.job, { state: 'succeeded' });
    const thief = await mine.runner.reconnect([
      { ...heldOf(mine.job), lease_ids: [randomUUID(), randomUUID()] },
      heldOf(theirs.job, randomUUID()),
    ]);
    expect(thief.held).toEqual([]);
    expect(await stateOf(theirs.job.id)).toBe('running');
    await theirs.runner.report(theirs.job, { seq: 2 });
    const ended = await over.runner.reconnect([heldOf(over.job, randomUUID())]);
    expect(ended.held).toEqual([]);
    expect(await stateOf(over.job.id)).toBe('succeeded');
  });

  test('keeps what runs when it does not say what it has, as runners before this did', async () => {
    const { runner, job } = await claimed();
    await runner.report(job, {});
    const again = await runner.reconnect();
    expect(again.held).toBeUndefined();
    await again.finish(job, { state: 'succeeded' }, 2);
    expect(await stateOf(job.id)).toBe('succeeded');
  });
});
