// The primary of the database dies and its standby takes over: orchestrators go on with it, and
// what was acknowledged under synchronous replication is there.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '@rivet/base';
import type { Client } from '@rivet/protocol';
import { createDatabase, type Database, migrate } from '@rivet/store';
import {
  type DatabaseServer,
  startDatabaseServer,
  startStandby,
  startTcpProxy,
  type TcpProxy,
  violationsIn,
} from '@rivet/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  logLine,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
} from './test-orchestrator.ts';

/** Both keep to the same rules; data of a test need not outlast the machine. */
const settings = { wal_keep_size: '64MB', fsync: 'off', synchronous_commit: 'on' };

let directory: string;
let primary: DatabaseServer;
let standby: DatabaseServer;
/** Between the two. */
let replication: TcpProxy;
let both: string;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-failover-'));
  const primaryDirectory = join(directory, 'primary');
  primary = await startDatabaseServer({
    dataDirectory: primaryDirectory,
    logger: silentLogger,
    persistent: true,
    settings,
  });
  const dataDirectory = join(directory, 'standby');
  replication = await startTcpProxy({ target: { host: '127.0.0.1', port: primary.port } });
  const adminUrl = primary.adminUrl.replace(`:${primary.port}/`, `:${replication.port}/`);
  const followed = { ...primary, adminUrl };
  standby = await startStandby({ primary: followed, primaryDirectory, dataDirectory, settings });
  await admin(primary, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await admin(primary, 'SELECT pg_reload_conf()');
  both = primary.url.replace(
    /127\.0\.0\.1:\d+/,
    `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`,
  );
});

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
  for (const server of [standby, primary]) {
    await server.stop();
    await server.remove();
  }
  await replication.close();
  await rm(directory, { recursive: true, force: true });
});

async function admin(server: DatabaseServer, sql: string): Promise<void> {
  const database = openTestDatabase(server.adminUrl);
  const client = await database.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
    await database.close();
  }
}

/** The standby takes writes from now on, and waits for nobody. */
async function promote(): Promise<void> {
  await admin(standby, 'SELECT pg_promote()');
}

async function rowsOf(server: DatabaseServer, text: string): Promise<object[]> {
  const database = openTestDatabase(server.adminUrl);
  try {
    return await database.query({ name: '', text, repeatable: true });
  } finally {
    await database.close();
  }
}

/** The standby has everything that the primary has. */
async function caughtUp(): Promise<void> {
  const [{ at }] = (await rowsOf(primary, 'SELECT pg_current_wal_lsn()::text AS at')) as [
    { at: string },
  ];
  const text = `SELECT 1 WHERE pg_last_wal_replay_lsn() >= '${at}'`;
  await expect.poll(() => rowsOf(standby, text), { timeout: 30_000 }).toHaveLength(1);
}

async function textsOf(client: Client, id: string): Promise<string[]> {
  const { lines } = await client.getJobLogs({ id, query: {} });
  return lines.map(({ text }) => text);
}

function openBoth(): Database {
  const database = createDatabase({ url: both, applicationName: 'test', logger: silentLogger });
  cleanups.push(() => database.close());
  return database;
}

test('an orchestrator goes on within seconds, and nothing that was acknowledged is lost', async () => {
  const database = openBoth();
  await migrate(database);
  const one = await startTestOrchestrator(both, { leaseSeconds: 30 });
  cleanups.push(() => one.orchestrator.stop());
  const two = await startTestOrchestrator(both, { leaseSeconds: 30 });
  cleanups.push(() => two.orchestrator.stop());
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(one.client);

  // Somebody launches jobs all the time, a runner runs them: what they were answered counts.
  const launched: string[] = [];
  const finished: string[] = [];
  let launchedAtMs = 0;
  let isOver = false;
  const launcher = clientFor(one.orchestrator.url, one.token, 1);
  const launching = (async () => {
    while (!isOver) {
      try {
        launched.push((await launcher.launchPipeline({ ref, body: {} })).id);
        launchedAtMs = performance.now();
      } catch {
        await delay(20);
      }
    }
  })();
  const running = (async () => {
    while (!isOver) {
      try {
        const [job] = await runner.claim({ waitMs: 500 });
        if (job === undefined) continue;
        await runner.report(job, { logs: [logLine(1), logLine(2)] });
        await runner.finish(job, { state: 'succeeded' }, 2);
        finished.push(job.id);
      } catch {
        await delay(20);
      }
    }
  })();
  await expect.poll(() => finished.length, { timeout: 60_000 }).toBeGreaterThan(5);
  await primary.crash();
  const diedAtMs = performance.now();
  await promote();
  const promotedAtMs = performance.now();
  await expect.poll(() => launchedAtMs > promotedAtMs, { timeout: 60_000 }).toBe(true);
  const goneMs = performance.now() - diedAtMs;
  const firstAfter = finished.length;
  await expect.poll(() => finished.length, { timeout: 60_000 }).toBeGreaterThan(firstAfter + 5);
  isOver = true;
  await Promise.all([launching, running]);
  // Two or three where the machine has nothing else to do.
  expect(goneMs).toBeLessThan(30_000);

  for (const id of launched) expect(await one.client.getJob({ id })).toBeDefined();
  for (const id of finished) {
    expect(await one.client.getJob({ id })).toMatchObject({ state: 'succeeded', log_lines: 2 });
    const { lines } = await two.client.getJobLogs({ id, query: {} });
    expect(lines.map(({ n }) => n)).toEqual([1, 2]);
  }

  // They hear of each other again, through the host that was promoted.
  const listening = {
    name: '',
    repeatable: true,
    text: `SELECT 1 FROM pg_stat_activity WHERE (query LIKE 'LISTEN %' OR query = 'SELECT 1')
      AND application_name = 'rivet-orchestrator'`,
  };
  await expect.poll(() => database.query(listening), { timeout: 60_000 }).toHaveLength(2);
});

test('a standby that lacks the last transactions: nothing is mixed up, and no job has two owners', async () => {
  // Asynchronous, and from a certain moment on nothing more reaches the copy.
  await admin(primary, `ALTER SYSTEM SET synchronous_standby_names = ''`);
  await admin(primary, 'SELECT pg_reload_conf()');
  const database = openBoth();
  await migrate(database);
  const { orchestrator, client } = await startTestOrchestrator(both, { leaseSeconds: 60 });
  cleanups.push(() => orchestrator.stop());
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(client);
  const known = await client.launchPipeline({ ref, body: {} });
  const knownJob = await runner.claimOne();
  await runner.report(knownJob, { logs: [logLine(1), logLine(2)] });
  const waiting = await client.launchPipeline({ ref, body: {} });
  await caughtUp();
  replication.break();
  await expect.poll(() => rowsOf(primary, 'SELECT 1 FROM pg_stat_replication')).toEqual([]);

  // All of this is acknowledged, and will not have been.
  await runner.report(knownJob, { seq: 2, logs: [logLine(3), logLine(4)] });
  const lostClaim = await runner.claimOne();
  expect(lostClaim.id).toBe(waiting.id);
  await runner.report(lostClaim, { logs: [logLine(1, 'of the first owner')] });
  const lostLaunch = await client.launchPipeline({ ref, body: {} });
  await primary.crash();
  await promote();
  await expect
    .poll(() => client.getReadiness().then(Boolean, () => false), { timeout: 60_000 })
    .toBe(true);

  // The launch is gone; whoever repeats it with its key makes a job, and only one.
  await expect(client.getJob({ id: lostLaunch.id })).rejects.toMatchObject({
    code: 'RIVET_JOB_NOT_FOUND',
  });
  // The job waits again, and the one who had it learns that it is not its own.
  expect(await client.getJob({ id: waiting.id })).toMatchObject({ state: 'queued' });
  const lost = { code: 'RIVET_LEASE_LOST' };
  const late = () => runner.report(lostClaim, { seq: 2, logs: [logLine(2, 'late')] });
  await expect(late()).rejects.toMatchObject({ code: 'RIVET_JOB_NOT_FOUND' });
  // Even the same runner with the same attempt has it under another lease.
  const secondClaim = await runner.claimOne();
  expect(secondClaim).toMatchObject({ id: waiting.id, attempt: lostClaim.attempt });
  expect(secondClaim.lease_id).not.toBe(lostClaim.lease_id);
  await expect(late()).rejects.toMatchObject(lost);
  await runner.report(secondClaim, { logs: [logLine(1, 'of the second owner')] });
  await expect(runner.finish(lostClaim, { state: 'succeeded' }, 2)).rejects.toMatchObject(lost);
  await runner.finish(secondClaim, { state: 'succeeded' }, 2);
  expect(await textsOf(client, waiting.id)).toEqual(['of the second owner']);

  // Of the job that the copy knows, the log goes on after what it has, and nowhere else.
  const next = (seq: number, n: number) => runner.report(knownJob, { seq, logs: [logLine(n)] });
  await expect(next(3, 5)).rejects.toMatchObject({ code: 'RIVET_REPORT_GAP' });
  await next(2, 3);
  await runner.finish(knownJob, { state: 'succeeded' }, 3);
  expect(await textsOf(client, known.id)).toEqual(['line 1', 'line 2', 'line 3']);
  expect(await violationsIn(both)).toEqual([]);
});

test('a connection to a host that takes no writes is given up, and the next host is asked', async () => {
  // As written by whoever does not know which one is the primary today.
  const turned = standby.url.replace(
    /127\.0\.0\.1:\d+/,
    `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`,
  );
  const database = createDatabase({ url: turned, applicationName: 't', logger: silentLogger });
  cleanups.push(() => database.close());
  const write = { name: '', text: 'CREATE TABLE written (n int)', repeatable: false };
  await database.query(write);

  // Of one host alone: it is refused as long as it is a standby, and works from its promotion on.
  const alone = createDatabase({ url: standby.url, applicationName: 't', logger: silentLogger });
  cleanups.push(() => alone.close());
  const insert = { name: 'insert', text: 'INSERT INTO written VALUES (1)', repeatable: false };
  await expect(alone.query(insert)).rejects.toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
  const both = (tx: { query(statement: typeof insert): Promise<object[]> }) => tx.query(insert);
  const transaction = () => alone.transaction(both, { repeatable: false });
  await expect(transaction()).rejects.toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
  await primary.crash();
  await promote();
  await alone.query(insert);
  await transaction();
  const count = { name: '', text: 'SELECT count(*)::int AS n FROM written', repeatable: true };
  expect(await database.query(count)).toEqual([{ n: 2 }]);
});

test('lists and logs of ended jobs are read from a copy, unless it is behind or away', async () => {
  await migrate(openBoth());
  const { orchestrator, client } = await startTestOrchestrator(primary.url, {
    databaseReaderUrl: standby.url,
  });
  cleanups.push(() => orchestrator.stop());
  const ref = await seedPipeline(openBoth());
  const runner = await FakeRunner.register(client);
  const runOne = async (): Promise<string> => {
    const { id } = await client.launchPipeline({ ref, body: {} });
    const job = await runner.claimOne();
    await runner.report(job, { logs: [logLine(1), logLine(2)] });
    await runner.finish(job, { state: 'succeeded' }, 2);
    return id;
  };
  const listed = async () => (await client.listJobs({ query: {} })).items.map(({ id }) => id);
  const linesOf = async (id: string) => (await client.getJobLogs({ id, query: {} })).lines.length;

  const first = await runOne();
  await expect.poll(listed, { timeout: 30_000 }).toEqual([first]);
  await admin(standby, 'SELECT pg_wal_replay_pause()');
  const second = await runOne();
  expect(await listed()).toEqual([first]);
  // What a copy does not know yet is read where it is.
  expect(await client.getJob({ id: second })).toMatchObject({ state: 'succeeded' });
  expect(await linesOf(second)).toBe(2);
  await admin(standby, 'SELECT pg_wal_replay_resume()');
  await expect.poll(listed, { timeout: 30_000 }).toEqual([second, first]);

  await admin(primary, `ALTER SYSTEM SET synchronous_standby_names = ''`);
  await admin(primary, 'SELECT pg_reload_conf()');
  await standby.stop();
  expect(await listed()).toEqual([second, first]);
  expect(await linesOf(first)).toBe(2);
});
