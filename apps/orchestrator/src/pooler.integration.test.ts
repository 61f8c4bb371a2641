// An orchestrator behind pgbouncer in transaction mode, where no two statements share a session.
import { silentLogger } from '@rivet/base';
import { createDatabase, type Database } from '@rivet/store';
import { startPooler, type TestPooler, useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
} from './test-orchestrator.ts';

const testDatabase = useTestDatabase();
let pooler: TestPooler;

beforeAll(async () => {
  pooler = await startPooler(testDatabase.url);
});
afterAll(() => pooler.stop());

/** Process ids of the sessions that listen. */
async function listeners(database: Database): Promise<object[]> {
  const text = `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
    AND query LIKE 'LISTEN %' AND application_name = 'rivet-orchestrator' ORDER BY pid`;
  return database.query({ name: '', repeatable: true, text });
}

test('a job is launched, claimed, reported and read, and others hear of it', async () => {
  const changes = {
    databaseUrl: pooler.url,
    databaseDirectUrl: testDatabase.url,
    preparedStatements: false,
  };
  const one = await startTestOrchestrator(testDatabase.url, changes);
  const two = await startTestOrchestrator(testDatabase.url, changes);
  const database = openTestDatabase(testDatabase.url);
  try {
    const ref = await seedPipeline(database);
    const runner = await FakeRunner.register(two.client);
    const listening = await listeners(database);
    expect(listening).toHaveLength(2);
    for (let n = 1; n <= 7; n += 1) {
      const waiting = runner.claim({ waitMs: 20_000 });
      const { id } = await one.client.launchPipeline({ ref, body: {} });
      const [job] = await waiting;
      expect(job?.id).toBe(id);
      if (job === undefined) return;
      await runner.report(job, { logs: [logLine(1), logLine(2)], outputs: { n } });
      await runner.finish(job, { state: 'succeeded' }, 2);
      const { lines } = await one.client.getJobLogs({ id, query: {} });
      expect(lines.map(({ text }) => text)).toEqual(['line 1', 'line 2']);
    }
    // The sessions in which they hear of each other are theirs alone, and still the same.
    expect(await listeners(database)).toEqual(listening);
    const launches = Array.from({ length: 20 }, () => one.client.launchPipeline({ ref, body: {} }));
    await Promise.all(launches);
    expect((await two.client.listJobs({ query: {} })).items).toHaveLength(27);
    const through = await database.query<{ count: number }>({
      name: '',
      repeatable: true,
      text: `SELECT count(*)::int AS count FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'`,
    });
    // The pooler's, two sessions of each orchestrator at most, and ours.
    expect(through[0]?.count).toBeLessThanOrEqual(10 + 4 + 2);
  } finally {
    await one.orchestrator.stop();
    await two.orchestrator.stop();
    await database.close();
  }
});

test('without the URL of the database itself, or with prepared statements, it says what is wrong', async () => {
  const statement = { name: 'one', text: 'SELECT $1::int AS n', repeatable: true };
  const open = (options: { directUrl?: string; preparedStatements?: boolean }) =>
    createDatabase({ url: pooler.url, applicationName: 't', logger: silentLogger, ...options });
  const direct = open({});
  await expect(direct.query(statement, [1])).rejects.toMatchObject({
    code: 'RIVET_DATABASE_UNREACHABLE',
    message: expect.stringContaining('unsupported startup parameter'),
    solve: expect.stringContaining('RIVET_DATABASE_DIRECT_URL'),
  });
  await direct.close();
  // The second one comes to the session in which the first has prepared the statement.
  const prepared = { directUrl: testDatabase.url, preparedStatements: true };
  const first = open(prepared);
  const second = open(prepared);
  await first.query(statement, [1]);
  await expect(second.query(statement, [1])).rejects.toMatchObject({
    code: 'RIVET_DATABASE_UNREACHABLE',
    message: expect.stringContaining('RIVET_PREPARED_STATEMENTS'),
  });
  await first.close();
  await second.close();
});
