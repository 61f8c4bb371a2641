// The database is restored to a moment of the past with PostgreSQL's own means, a base backup and
// the WAL after it, and nobody tells Rivet: nothing of the lost time is taken for something else.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { migrate } from '@rivet/store';
import {
  askDatabase,
  type DatabaseServer,
  startDatabaseServer,
  takeBaseBackup,
  violationsIn,
} from '@rivet/testing';
import { afterEach, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
} from './test-orchestrator.ts';

const settings = { fsync: 'off' };
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

/** Stops it and deletes its data when the test is over. */
function removed(server: DatabaseServer): DatabaseServer {
  cleanups.push(async () => {
    await server.stop();
    await server.remove();
  });
  return server;
}

async function startRestorable() {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-past-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const primaryDirectory = join(directory, 'now');
  const started = await startDatabaseServer({
    ...{ dataDirectory: primaryDirectory, logger: silentLogger, persistent: true, settings },
  });
  const primary = removed(started);
  const database = openTestDatabase(primary.url);
  cleanups.push(() => database.close());
  await migrate(database);
  const ref = await seedPipeline(database);
  const dataDirectory = join(directory, 'past');
  const restore = await takeBaseBackup({ primary, primaryDirectory, dataDirectory, settings });
  return { primary, ref, restore };
}

test('whoever held something that is not known any more is refused, and what ended since ends again', async () => {
  const { primary, ref, restore } = await startRestorable();
  const before = await startTestOrchestrator(primary.url, { leaseSeconds: 600 });
  const runner = await FakeRunner.register(before.client);
  const launch = async () => (await before.client.launchPipeline({ ref, body: {} })).id;
  const [going, over] = [await launch(), await launch()];
  const goingJob = await runner.claimOne();
  const overJob = await runner.claimOne();
  expect([goingJob.id, overJob.id]).toEqual([going, over]);
  await runner.report(goingJob, { logs: [logLine(1), logLine(2)] });
  await runner.report(overJob, { logs: [logLine(1)] });
  const waiting = await launch();
  await askDatabase(primary.adminUrl, `SELECT pg_create_restore_point('the moment')`);

  // All of this is acknowledged, and will not have been.
  await runner.report(goingJob, { seq: 2, logs: [logLine(3)] });
  await runner.finish(overJob, { state: 'succeeded' }, 2);
  const waitingJob = await runner.claimOne();
  expect(waitingJob.id).toBe(waiting);
  await runner.finish(waitingJob, { state: 'succeeded' });
  const unknown = await launch();
  await before.orchestrator.stop();
  await primary.crash();

  const past = removed(await restore('the moment'));
  const after = await startTestOrchestrator(past.url, { leaseSeconds: 600 });
  cleanups.push(() => after.orchestrator.stop());
  const { client } = after;
  await expect(client.getJob({ id: unknown })).rejects.toMatchObject({
    code: 'RIVET_JOB_NOT_FOUND',
  });
  const states = async () => {
    const jobs = await Promise.all([going, over, waiting].map((id) => client.getJob({ id })));
    return jobs.map(({ state, log_lines: lines }) => `${state} ${lines}`);
  };
  expect(await states()).toEqual(['running 2', 'running 1', 'queued 0']);

  // A runner that lives says what it has: what it had ended is lost at once, not with its lease.
  const again = await runner.through(client).reconnect([
    { job_id: going, attempt: 1, lease_ids: [goingJob.lease_id] },
    { job_id: waiting, attempt: 1, lease_ids: [waitingJob.lease_id] },
  ]);
  expect(again.held?.map(({ job }) => job.id)).toEqual([going]);
  expect(await states()).toEqual(['running 2', 'failed 1', 'queued 0']);
  const lost = { code: 'RIVET_LEASE_LOST' };
  await expect(again.report(overJob, { seq: 2 })).rejects.toMatchObject(lost);
  await expect(again.report(waitingJob, { seq: 2 })).rejects.toMatchObject({
    code: 'RIVET_JOB_NOT_FOUND',
  });
  // The log goes on after what is stored, and nowhere else.
  const late = again.report(goingJob, { seq: 3, logs: [logLine(4)] });
  await expect(late).rejects.toMatchObject({ code: 'RIVET_REPORT_GAP' });
  await again.report(goingJob, { seq: 2, logs: [logLine(3)] });
  await again.finish(goingJob, { state: 'succeeded' }, 3);
  const anew = await again.claimOne();
  expect(anew).toMatchObject({ id: waiting, attempt: 1 });
  expect(anew.lease_id).not.toBe(waitingJob.lease_id);
  await expect(again.report(waitingJob, { seq: 1 })).rejects.toMatchObject(lost);
  await again.finish(anew, { state: 'succeeded' });
  expect(await states()).toEqual(['succeeded 3', 'failed 1', 'succeeded 0']);
  expect(await violationsIn(past.url)).toEqual([]);
});
