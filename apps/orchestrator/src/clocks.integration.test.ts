// The clocks of the database and of an orchestrator jump by an hour while jobs run: nobody loses a
// job that it has, and nobody keeps one for an hour that it has no more.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import type { Database } from '@rivet/store';
import {
  createMovingClock,
  type DatabaseServer,
  type MovingClock,
  startDatabaseServer,
  startProgram,
  type TestProgram,
  violationsIn,
} from '@rivet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  logLine,
  openTestDatabase,
  seedPerson,
  seedPipeline,
  testMasterKey,
} from './test-orchestrator.ts';

const LEASE_SECONDS = 12;
const HOUR_MS = 3_600_000;

let directory: string;
let clocks: Record<'database' | 'orchestrator', MovingClock>;
let server: DatabaseServer;
let program: TestProgram;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-clocks-'));
  clocks = { database: await createMovingClock(), orchestrator: await createMovingClock() };
  server = await startDatabaseServer({
    dataDirectory: join(directory, 'data'),
    logger: silentLogger,
    persistent: true,
    durable: false,
    env: clocks.database.env,
  });
  program = startProgram(new URL('main.ts', import.meta.url), {
    ...clocks.orchestrator.env,
    DATABASE_URL: server.url,
    RIVET_LISTEN: '127.0.0.1:0',
    RIVET_LEASE: `${LEASE_SECONDS}s`,
    RIVET_MASTER_KEY: testMasterKey.text.reveal(),
  });
});

afterEach(async () => {
  await program.stop();
  await server.stop();
  await server.remove();
  for (const clock of Object.values(clocks)) await clock.remove();
  await rm(directory, { recursive: true, force: true });
});

/** How far the clocks are ahead of ours, as the programs read them, in milliseconds. */
async function aheadMs(database: Database, url: string): Promise<number[]> {
  const text = 'SELECT clock_timestamp() AS at';
  const [row] = await database.query<{ at: Date }>({ name: '', text, repeatable: true });
  const answer = await fetch(`${url}/healthz`);
  const date = Date.parse(answer.headers.get('date') ?? '');
  return [Number(row?.at) - Date.now(), date - Date.now()];
}

const beat = { name: '', text: 'SELECT at::text FROM cluster_heartbeat', repeatable: true };

test('clocks of servers that jump by an hour take no job from its runner, and leave none with one that is gone', {
  timeout: 300_000,
}, async () => {
  const { url } = (await program.event('listening')) as { url: string };
  const database = openTestDatabase(server.url);
  try {
    const { token } = await seedPerson(database, 'admin');
    const client = clientFor(url, token, 10);
    const ref = await seedPipeline(database);
    const runner = await FakeRunner.register(client);
    const rival = await FakeRunner.register(client);
    const { id } = await client.launchPipeline({ ref, body: {} });
    const job = await runner.claimOne();
    const gone = await client.launchPipeline({ ref, body: {} });
    await rival.report(await rival.claimOne(), {});
    let lines = 0;
    const report = async (): Promise<void> => {
      lines += 1;
      await runner.report(job, { seq: lines, logs: [logLine(lines)] });
      expect(await rival.claim({ waitMs: 100 })).toEqual([]);
    };
    /** The duty that ends leases has come round three times by the clock that the servers have now. */
    const leasesLookedAt = async (): Promise<void> => {
      const beats = new Set<string>();
      const count = async () => {
        await report();
        for (const { at } of await database.query<{ at: string }>(beat)) beats.add(at);
        return beats.size;
      };
      await expect.poll(count, { timeout: 60_000 }).toBeGreaterThan(3);
    };

    for (const hours of [1, -1]) {
      await clocks.database.move(hours);
      await clocks.orchestrator.move(-hours);
      const areMoved = async () => {
        await report();
        const [ofDatabase = 0, ofOrchestrator = 0] = await aheadMs(database, url);
        const off = [ofDatabase - hours * HOUR_MS, ofOrchestrator + hours * HOUR_MS];
        return off.every((ms) => Math.abs(ms) < HOUR_MS / 6);
      };
      await expect.poll(areMoved, { timeout: 60_000 }).toBe(true);
      await leasesLookedAt();
    }
    // The other runner said nothing any more: its lease does not last for two hours.
    const stateOfGone = async () => {
      await report();
      return (await client.getJob({ id: gone.id })).state;
    };
    await expect.poll(stateOfGone, { timeout: 120_000 }).toBe('failed');
    await runner.finish(job, { state: 'succeeded' }, lines + 1);
    const ended = { state: 'succeeded', attempt: 1, log_lines: lines };
    expect(await client.getJob({ id })).toMatchObject(ended);
    expect(await violationsIn(server.url)).toEqual([]);
  } finally {
    await database.close();
  }
});
