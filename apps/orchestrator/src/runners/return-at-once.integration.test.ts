// Runners that all come back in the same moment, as when a network is there again.
import { isRivetError } from '@rivet/base';
import type { Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { expect, test } from 'vitest';
import {
  FakeRunner,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
} from '../test-orchestrator.ts';

const RUNNERS = 200;
const CONNECTIONS_MAX = 6;

const testDatabase = useTestDatabase();

async function connectionsOf(database: Database): Promise<number> {
  const [row] = await database.query<{ count: number }>({
    name: 'connections',
    repeatable: true,
    text: `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'rivet-orchestrator'`,
  });
  return row?.count ?? 0;
}

/** As a runner does, which asks again for as long as the server is overloaded. */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (let left = 20; ; left -= 1) {
    try {
      return await ask();
    } catch (error) {
      if (left === 0 || !isRivetError(error) || error.entry.status !== 503) throw error;
    }
  }
}

test('two hundred that come back to another orchestrator wait there soon, over as few connections as before, and each gets its job', async () => {
  const changes = { databaseConnectionsMax: CONNECTIONS_MAX };
  const before = await startTestOrchestrator(testDatabase.url, changes);
  const tokens: string[] = [];
  const register = async (): Promise<void> => {
    while (tokens.length < RUNNERS) {
      const place = tokens.push('') - 1;
      tokens[place] = (await FakeRunner.register(before.client)).token;
    }
  };
  await Promise.all(Array.from({ length: 8 }, register));
  await before.orchestrator.stop();
  const database = openTestDatabase(testDatabase.url);
  // A session ends after its connection, whenever its process has its turn.
  await expect.poll(() => connectionsOf(database)).toBe(0);

  const server = await startTestOrchestrator(testDatabase.url, changes);
  let most = 0;
  const sampling = setInterval(async () => {
    most = Math.max(most, await connectionsOf(database).catch(() => 0));
  }, 50);
  try {
    const returned = await Promise.all(
      tokens.map((token) => insist(() => FakeRunner.connect(server.orchestrator.url, token))),
    );
    const claims = returned.map(async (runner) => {
      for (;;) {
        const [job] = await insist(() => runner.claim({ waitMs: 20_000 }));
        if (job !== undefined) return { runner, job };
      }
    });
    const ref = await seedPipeline(database);
    const { jobs } = await server.client.launchJobs({
      body: { launches: Array.from({ length: RUNNERS }, () => ({ pipeline: ref })) },
    });
    const claimed = await Promise.all(claims);
    expect(new Set(claimed.map(({ job }) => job.id))).toEqual(new Set(jobs.map(({ id }) => id)));
    await Promise.all(
      claimed.map(({ runner, job }) => insist(() => runner.finish(job, { state: 'succeeded' }))),
    );
    expect(most).toBeGreaterThan(0);
    // Besides these one that listens.
    expect(most).toBeLessThanOrEqual(CONNECTIONS_MAX + 1);
  } finally {
    clearInterval(sampling);
    await server.orchestrator.stop();
    await database.close();
  }
});
