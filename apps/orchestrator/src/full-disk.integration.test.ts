// The disk of the database is full: what needs room is refused, what runs goes on, and when there
// is room again nothing is missing.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import type { ClaimedJob, Client, ReportRequest } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import {
  type DatabaseServer,
  mountSmallDisk,
  type SmallDisk,
  startDatabaseServer,
  violationsIn,
} from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  logLine,
  openTestDatabase,
  reportOf,
  seedPipeline,
  startTestOrchestrator,
} from './test-orchestrator.ts';

const LEASE_SECONDS = 6;
const retry = { max: 3, on: ['runner_lost' as const] };
/** So many at once need room that no table has left over. */
const LINES = 200;

const mounted = await mountSmallDisk({ megabytes: 96, forDatabase: true });
if (mounted === undefined) {
  process.stderr.write('full-disk: only root may mount a small disk; what needs one is skipped\n');
}

let directory: string;
let server: DatabaseServer;
let database: Database;

beforeAll(async () => {
  if (mounted === undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'rivet-full-disk-'));
  const dataDirectory = join(directory, 'data');
  const options = { dataDirectory, logger: silentLogger, persistent: true, durable: false };
  server = await startDatabaseServer(options);
  const admin = openTestDatabase(server.adminUrl);
  const client = await admin.connect();
  await client.query(`CREATE TABLESPACE small LOCATION '${mounted.directory}'`);
  await client.query('ALTER DATABASE rivet SET TABLESPACE small');
  await client.end();
  await admin.close();
  database = openTestDatabase(server.url);
});

afterAll(async () => {
  if (mounted === undefined) return;
  await database.close();
  await server.stop();
  await server.remove();
  await mounted.remove();
  await rm(directory, { recursive: true, force: true });
});

/** A job that prints, and whose report is repeated until it is taken. */
function printing(runner: FakeRunner, job: ClaimedJob) {
  const stored: string[] = [];
  let seq = 0;
  const next = (): ReportRequest => {
    seq += 1;
    const logs = Array.from({ length: LINES }, (_, index) =>
      logLine(stored.length + index + 1, randomBytes(300).toString('base64')),
    );
    return reportOf(job, { seq, logs });
  };
  let body = next();
  return {
    stored,
    nextSeq: () => seq,
    /** False: there was no room for it. */
    async report(): Promise<boolean> {
      try {
        await runner.client.reportJob({ id: job.id, body });
      } catch (error) {
        expect(error).toMatchObject({
          code: 'RIVET_DATABASE_FULL',
          details: { status: 507, retry_after_ms: 1000 },
        });
        return false;
      }
      stored.push(...body.logs.map(({ text }) => text));
      body = next();
      return true;
    },
  };
}

async function storedTexts(client: Client, id: string, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const query = { after: texts.length, limit: 1000 };
    const { lines } = await client.getJobLogs({ id, query });
    texts.push(...lines.map(({ text }) => text));
  }
  return texts;
}

/** Something that people store, too large for what a page has left. */
function largePipeline() {
  const main = `-- ${randomBytes(100_000).toString('hex')}
    return pipeline.define({ name = "p", stages = { { name = "s", script = function() end } } })`;
  return { bundle: { main: 'p.lua', files: { 'p.lua': main } } };
}

test.skipIf(mounted === undefined)(
  'a disk that is full is 507 with Retry-After; nobody loses a job for it, and no line is lost',
  async () => {
    const disk = mounted as SmallDisk;
    const changes = { leaseSeconds: LEASE_SECONDS };
    const { orchestrator, client, token } = await startTestOrchestrator(server.url, changes);
    try {
      const ref = await seedPipeline(database, { retry });
      const runner = await FakeRunner.register(client);
      const rival = await FakeRunner.register(client);
      // So that there is room in a page of each table: an attempt could end, and another begin.
      await client.launchPipeline({ ref, body: {} });
      await runner.finish(await runner.claimOne(), { state: 'succeeded' });
      const { id } = await client.launchPipeline({ ref, body: {} });
      const job = await runner.claimOne();
      const { report, stored, nextSeq } = printing(runner, job);
      expect(await report()).toBe(true);

      await disk.fill();
      // Rows go where there is room in a page until there is none.
      await expect.poll(report, { timeout: 60_000 }).toBe(false);
      const fullAtMs = performance.now();
      const impatient = clientFor(orchestrator.url, token, 1);
      await expect(impatient.createPipeline({ body: largePipeline() })).rejects.toMatchObject({
        code: 'RIVET_DATABASE_FULL',
      });
      expect(await client.getJob({ id })).toMatchObject({ state: 'running', attempt: 1 });
      // For longer than a lease lasts: nobody else gets the job.
      while (performance.now() - fullAtMs < 1.5 * LEASE_SECONDS * 1000) {
        expect(await report()).toBe(false);
        expect(await rival.claim({ waitMs: 200 }).catch(() => [])).toEqual([]);
      }

      await disk.free();
      await expect.poll(report, { timeout: 30_000 }).toBe(true);
      await runner.finish(job, { state: 'succeeded' }, nextSeq());
      const detail = await client.getJob({ id });
      expect(detail).toMatchObject({ state: 'succeeded', attempt: 1, log_lines: stored.length });
      expect(await storedTexts(client, id, stored.length)).toEqual(stored);
      expect(await violationsIn(server.url)).toEqual([]);
    } finally {
      await disk.free();
      await orchestrator.stop();
    }
  },
);
