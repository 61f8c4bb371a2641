// Duties that look before they take their lock: whether they are due, and that what is due is done.
import { silentLogger } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import { createNotifier } from '@rivet/store';
import { createTestDatabase } from '@rivet/testing';
import { expect, test } from 'vitest';
import { createMetrics } from '../metrics.ts';
import {
  FakeRunner,
  openTestDatabase,
  seedPipeline,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { endOverdue } from './end-overdue.ts';
import { expireLeases } from './expire-leases.ts';

const server = useTestOrchestrator();

/** A job that a runner has, of a pipeline of its own. */
async function runningJob(definition: Partial<PipelineDefinition>): Promise<string> {
  const ref = await seedPipeline(server.database, definition);
  const runner = await FakeRunner.register(server.client, { pipelines: [ref] });
  const { id } = await server.client.launchPipeline({ ref, body: {} });
  await runner.report(await runner.claimOne(), { seq: 1 });
  return id;
}

test.each([
  ['whose lease has run out', 'lease_until', {}, 'runner_lost'],
  ['that goes on after its timeout', 'started_at', { timeout_ms: 1000 }, 'timeout'],
])('a running orchestrator ends an attempt %s', async (_, column, definition, reason) => {
  const id = await runningJob(definition);
  const text = `UPDATE running_attempts SET ${column} = ${column} - interval '1 h' WHERE job_id = $1`;
  const shown = async () => {
    // Again and again: after a gap, as before the first look of the server, leases begin anew.
    await server.database.query({ name: '', text, repeatable: true }, [id]);
    return server.client.getJob({ id });
  };
  await expect
    .poll(shown, { timeout: 60_000, interval: 200 })
    .toMatchObject({ state: 'failed', reason });
});

test('where nothing runs nothing is due, and leases count as looked after', async () => {
  const quiet = await createTestDatabase();
  const database = openTestDatabase(quiet.url);
  const notifier = createNotifier(database, silentLogger);
  try {
    const services = {
      ...{ database, notifier, metrics: createMetrics(), logger: silentLogger },
      ...{ leaseSeconds: 60, timeoutGraceMs: 60_000, attemptTimeMsMax: 7_200_000 },
    };
    const age = async (): Promise<number> => {
      const text = `SELECT extract(epoch FROM now() - at)::float8 AS seconds FROM cluster_heartbeat`;
      const [row] = await database.query<{ seconds: number }>({ name: '', text, repeatable: true });
      return row?.seconds ?? Number.NaN;
    };
    const put = `UPDATE cluster_heartbeat SET at = now() - interval '1 h'`;
    await database.query({ name: '', text: put, repeatable: true });
    expect(await age()).toBeGreaterThan(3000);
    expect(await expireLeases(services).due?.()).toBe(false);
    expect(await age()).toBeLessThan(3000);
    expect(await endOverdue(services).due?.()).toBe(false);
  } finally {
    await notifier.close();
    await database.close();
    await quiet.drop();
  }
});
