// Logs and events of a job: pages, streams, and where they resume.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { ClaimedJob, Client } from '@rivet/protocol';
import { type Database, readLog } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  openTestDatabase,
  reportOf,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
let server: TestOrchestrator;
let other: TestOrchestrator;
let client: Client;
/** Has the job that was claimed last. */
let runner: FakeRunner;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  server = await startTestOrchestrator(testDatabase.url);
  other = await startTestOrchestrator(testDatabase.url);
  client = server.client;
});

afterAll(async () => {
  await server.orchestrator.stop();
  await other.orchestrator.stop();
  await database.close();
});

async function claimed(): Promise<ClaimedJob> {
  await client.launchPipeline({ ref: await seedPipeline(database), body: {} });
  runner = await FakeRunner.register(client);
  return runner.claimOne();
}

async function follow(from: Client, id: string, lastEventId?: string): Promise<string[]> {
  const seen: string[] = [];
  const args = { id, ...(lastEventId !== undefined && { lastEventId }) };
  for await (const event of from.streamJobLogs(args)) {
    seen.push(event.event === 'line' ? `${event.id} ${event.data.text}` : event.data.state);
  }
  return seen;
}

test('a followed log has every line in order and the end, at either orchestrator', async () => {
  const job = await claimed();
  const following = [follow(client, job.id), follow(other.client, job.id)];
  const { id } = job;
  for (let seq = 1; seq <= 5; seq += 1) {
    const logs = [logLine(seq * 2 - 1), logLine(seq * 2)];
    const outcome = seq === 5 ? { outcome: { state: 'succeeded' as const } } : {};
    await runner.client.reportJob({ id, body: reportOf(job, { seq, logs, ...outcome }) });
  }
  const lines = Array.from({ length: 10 }, (_, index) => `1:${index + 1} line ${index + 1}`);
  for (const seen of await Promise.all(following)) expect(seen).toEqual([...lines, 'succeeded']);
});

test('a stream goes on after the last event that its client has', async () => {
  const job = await claimed();
  const body = reportOf(job, {
    logs: [1, 2, 3].map((n) => logLine(n)),
    outcome: { state: 'failed', reason: 'timeout' },
  });
  await runner.client.reportJob({ id: job.id, body });
  expect(await follow(other.client, job.id, '1:2')).toEqual(['1:3 line 3', 'failed']);
  expect(await follow(other.client, job.id, '1:3')).toEqual(['failed']);
});

test.each(['-1', '1e18', 'abc', '1:4', '2:0', '0:0', '1:-1'])(
  'the last event id %s, which this job never had, is refused',
  async (lastEventId) => {
    const job = await claimed();
    const logs = [1, 2, 3].map((n) => logLine(n));
    await runner.client.reportJob({ id: job.id, body: reportOf(job, { logs }) });
    await expect(follow(client, job.id, lastEventId)).rejects.toMatchObject({
      code: 'RIVET_CURSOR_INVALID',
    });
  },
);

test('the events of a job tell each state', async () => {
  const job = await claimed();
  const states: string[] = [];
  const following = (async () => {
    for await (const event of other.client.streamJobEvents({ id: job.id })) {
      states.push(`${event.event} ${event.data.state}`);
    }
  })();
  await expect.poll(() => states).toEqual(['job running']);
  await runner.client.reportJob({
    id: job.id,
    body: reportOf(job, { outcome: { state: 'succeeded' } }),
  });
  await following;
  expect(states).toEqual(['job running', 'job succeeded', 'end succeeded']);
});

test('pages, filters and the whole text show the same lines', async () => {
  const job = await claimed();
  const lines = Array.from({ length: 30 }, (_, index) => ({
    ...logLine(index + 1),
    stage: index % 2 === 0 ? 'even' : 'odd',
    level: index % 10 === 0 ? ('error' as const) : ('info' as const),
  }));
  for (let seq = 1; seq <= 3; seq += 1) {
    const logs = lines.slice((seq - 1) * 10, seq * 10);
    await runner.client.reportJob({ id: job.id, body: reportOf(job, { seq, logs }) });
  }
  const { id } = job;
  const page = await client.getJobLogs({ id, query: { after: 8, limit: 5 } });
  expect(page.lines.map(({ n }) => n)).toEqual([9, 10, 11, 12, 13]);
  expect(page).toMatchObject({ attempt: 1, last: 13, complete: false });
  const errors = await client.getJobLogs({ id, query: { level: 'warning' } });
  expect(errors.lines.map(({ n }) => n)).toEqual([1, 11, 21]);
  const odd = await client.getJobLogs({ id, query: { stage: 'odd', after: 20 } });
  expect(odd.lines.map(({ n }) => n)).toEqual([22, 24, 26, 28, 30]);
  let text = '';
  for await (const piece of client.getRawJobLogs({ id })) text += piece;
  expect(text).toBe(lines.map((line) => `${line.text}\n`).join(''));
  await expect(client.getJobLogs({ id, query: { attempt: 2 } })).rejects.toMatchObject({
    code: 'RIVET_JOB_ATTEMPT_NOT_FOUND',
  });
});

test('a large log is read in parts that fit the memory, and whole', async () => {
  const job = await claimed();
  const { id } = job;
  for (let seq = 1; seq <= 12; seq += 1) {
    const logs = [logLine(seq, randomBytes(75_000).toString('base64'))];
    await runner.client.reportJob({ id, body: reportOf(job, { seq, logs }) });
  }
  const position = { jobId: id, attempt: 1, after: 2, chunksMax: 50 };
  expect((await readLog(database, position)).map(({ n }) => n)).toEqual([3, 4, 5, 6]);
  const { lines, last } = await client.getJobLogs({ id });
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  expect(last).toBe(12);
});

test('a client that reads nothing does not fill the memory', async () => {
  const job = await claimed();
  const { id } = job;
  const text = 'x'.repeat(10_000);
  for (let seq = 1; seq <= 10; seq += 1) {
    const logs = Array.from({ length: 200 }, (_, index) =>
      logLine((seq - 1) * 200 + index + 1, text),
    );
    await runner.client.reportJob({ id, body: reportOf(job, { seq, logs }) });
  }
  const { hostname, port } = new URL(server.orchestrator.url);
  const authorization = `authorization: Bearer ${server.token}\r\n`;
  const before = process.memoryUsage().rss;
  const sockets = Array.from({ length: 10 }, () => {
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.write(
      `GET /api/jobs/${id}/logs/stream HTTP/1.1\r\nhost: localhost\r\n${authorization}\r\n`,
    );
    return socket;
  });
  await client.getHealth();
  // 20 MB for each of the ten would be 200 MB.
  await expect.poll(async () => (await client.getJob({ id })).log_lines).toBe(2000);
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  for (const socket of sockets) socket.destroy();
});
