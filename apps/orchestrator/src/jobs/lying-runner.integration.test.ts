// A registered runner that lies: about jobs that are not its own, about numbers, times and amounts
// (S8, S23). Each lie is refused and changes nothing, or is bounded.
import { randomUUID } from 'node:crypto';
import type { ClaimedJob, ReportRequest } from '@rivet/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  reportOf,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { findHeldJob } from './held-lease.ts';

const MEGABYTE = 1024 * 1024;
const LOG_BYTES_MAX = 3 * MEGABYTE;

const server = useTestOrchestrator({ logBytesMax: LOG_BYTES_MAX });
let ref: string;
let honest: FakeRunner;
let liar: FakeRunner;
let job: ClaimedJob;

beforeEach(async () => {
  ref = await seedPipeline(server.database, { stages: [stageDefinition('build')] });
  // Jobs of other tests are queued again when their leases run out.
  honest = await FakeRunner.register(server.client, { pipelines: [ref] });
  liar = await FakeRunner.register(server.client, { pipelines: [ref] });
  await server.client.launchPipeline({ ref, body: {} });
  job = await honest.claimOne();
});

/** What the API and the database have about the job, to compare before and after. */
async function known(): Promise<string> {
  const detail = await server.client.getJob({ id: job.id });
  // Not its lease: that begins anew when the machine is so slow that nobody looked after leases.
  const text = `SELECT to_jsonb(a) - 'lease_until' FROM running_attempts a WHERE job_id = $1`;
  return JSON.stringify([
    detail,
    await server.database.query({ name: '', text, repeatable: true }, [job.id]),
  ]);
}

describe('about a job of another runner', () => {
  test.each([
    ['with the lease of the other', (): Partial<ReportRequest> => ({})],
    ['with a lease of its own making', () => ({ lease_id: randomUUID() })],
    ['for an attempt that is not there yet', () => ({ attempt: 2 })],
    ['with the outcome', () => ({ outcome: { state: 'failed', reason: 'timeout' } as const })],
    ['with a log', () => ({ logs: [logLine(1, 'forged')] })],
  ])('a report %s is answered as if there were no such job', async (_, changes) => {
    const before = await known();
    const refusal = (id: string) =>
      liar.client.reportJob({ id, body: reportOf(job, changes()) }).then(
        () => 'accepted',
        (error: Error & { code: string; details: object }) =>
          JSON.stringify([error.code, error.message, error.details]).replaceAll(id, 'ID'),
      );
    const absent = await refusal(randomUUID());
    expect(absent).toContain('RIVET_JOB_NOT_FOUND');
    expect(await refusal(job.id)).toBe(absent);
    expect(await known()).toBe(before);
  });

  test('a report does not even wait for the lock of that job', async () => {
    const answered = server.database.transaction(
      async (tx) => {
        const text = 'SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE';
        await tx.query({ name: '', text, repeatable: true }, [job.id]);
        return liar.report(job, {}).catch((error: { code: string }) => error.code);
      },
      { repeatable: false },
    );
    expect(await answered).toBe('RIVET_JOB_NOT_FOUND');
  });

  test('nothing that hangs on the lease is given out', async () => {
    const claim = { jobId: job.id, attempt: 1, leaseId: job.lease_id };
    const code = (runnerId: string, changes: object) =>
      findHeldJob(server.database, runnerId, { ...claim, ...changes }).then(
        ({ id }) => id,
        (error: { code: string }) => error.code,
      );
    expect(await code(honest.id, {})).toBe(job.id);
    expect(await code(liar.id, {})).toBe('RIVET_JOB_NOT_FOUND');
    expect(await code(honest.id, { jobId: randomUUID() })).toBe('RIVET_JOB_NOT_FOUND');
    expect(await code(honest.id, { attempt: 2 })).toBe('RIVET_JOB_NOT_FOUND');
    expect(await code(honest.id, { leaseId: randomUUID() })).toBe('RIVET_LEASE_LOST');
    const expire = `UPDATE running_attempts SET lease_until = now() - interval '1 s' WHERE job_id = $1`;
    await server.database.query({ name: '', text: expire, repeatable: true }, [job.id]);
    expect(await code(honest.id, {})).toBe('RIVET_LEASE_LOST');
    await honest.finish(job, { state: 'succeeded' });
    expect(await code(honest.id, {})).toBe('RIVET_LEASE_LOST');
  });

  test.each(['getJob', 'getJobLogs', 'cancelJob', 'retryJob', 'explainJob'] as const)(
    'the route %s of people takes no token of a runner',
    async (route) => {
      await expect(liar.client[route]({ id: job.id })).rejects.toMatchObject({
        code: 'RIVET_AUTH_INVALID',
      });
    },
  );

  test('a repeated claim with the request id of another gives nothing', async () => {
    await honest.finish(job, { state: 'succeeded' });
    await server.client.launchPipeline({ ref, body: {} });
    const requestId = randomUUID();
    expect(await honest.claim({ requestId, waitMs: 20_000 })).toHaveLength(1);
    expect(await liar.claim({ requestId })).toEqual([]);
  });

  test('a claim that waits with the request id of another gives nothing of its job', async () => {
    await honest.finish(job, { state: 'succeeded' });
    const requestId = randomUUID();
    const polls = [honest, liar].map((runner) => runner.claim({ requestId, waitMs: 5000 }));
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const given = await Promise.all(polls);
    expect(given.flat().map((claimed) => claimed.id)).toEqual([id]);
  });
});

describe('about its own job', () => {
  const refused = async (changes: Partial<ReportRequest>, code: string) => {
    const before = await known();
    await expect(honest.report(job, changes)).rejects.toMatchObject({ code });
    expect(await known()).toBe(before);
  };

  test.each([
    ['a line number that leaves a gap', [logLine(2)]],
    ['huge line numbers', [logLine(2_147_483_647)]],
    ['overlapping line numbers', [logLine(1), logLine(1)]],
    ['line numbers that go back', [logLine(1), logLine(2), logLine(1)]],
  ])('%s: nothing is stored', async (_, logs) => {
    await refused({ logs }, 'RIVET_REPORT_GAP');
  });

  test('a stage that its pipeline does not have: nothing is stored', async () => {
    const t = new Date().toISOString();
    const stages = [{ stage: 'deploy', state: 'succeeded', t, run: 1 } as const];
    await refused({ stages, logs: [logLine(1)] }, 'RIVET_REQUEST_INVALID');
  });

  test('a storm of stage changes is refused before it costs a statement each', async () => {
    const t = new Date().toISOString();
    const stages = Array.from({ length: 5000 }, (_, index) => {
      const state = index % 2 === 0 ? ('running' as const) : ('failed' as const);
      return { stage: 'build', state, t, run: 1 };
    });
    await refused({ stages }, 'RIVET_REQUEST_INVALID');
  });

  test('times in the year 9999 are taken as now', async () => {
    const t = '9999-12-31T23:59:59.999Z';
    const running = { stage: 'build', state: 'running', t, run: 1 } as const;
    const done = { ...running, state: 'succeeded' } as const;
    await honest.report(job, { logs: [{ ...logLine(1), t }], stages: [running, done] });
    const { stages } = await server.client.getJob({ id: job.id });
    const [line] = (await server.client.getJobLogs({ id: job.id })).lines;
    for (const time of [stages[0]?.started_at, stages[0]?.finished_at, line?.t]) {
      expect(Math.abs(Date.parse(time ?? '') - Date.now())).toBeLessThan(60_000);
    }
  });

  test('a second outcome: the first one stays', async () => {
    await honest.finish(job, { state: 'failed', reason: 'stage_failed', message: 'first' });
    await expect(honest.finish(job, { state: 'succeeded' }, 2)).rejects.toMatchObject({
      code: 'RIVET_LEASE_LOST',
    });
    // The number of the first report: answered like it, and not looked at.
    await honest.finish(job, { state: 'succeeded' }, 1);
    expect(await server.client.getJob({ id: job.id })).toMatchObject({
      state: 'failed',
      message: 'first',
    });
  });

  test('a log without end ends the job as log_limit, and the database keeps a bounded part', async () => {
    const text = 'x'.repeat(64 * 1024);
    let seq = 0;
    let lines = 0;
    const send = () => {
      seq += 1;
      const logs = Array.from({ length: 16 }, (_, index) => logLine(lines + index + 1, text));
      lines += logs.length;
      return honest.report(job, { seq, logs });
    };
    await send();
    await send();
    await expect(send()).rejects.toMatchObject({ code: 'RIVET_LEASE_LOST' });
    await expect(send()).rejects.toMatchObject({ code: 'RIVET_LEASE_LOST' });
    const detail = await server.client.getJob({ id: job.id });
    expect(detail).toMatchObject({ state: 'failed', reason: 'log_limit', log_lines: 32 });
    expect(detail.message).toContain('its log is larger than 3MB');
    const [row] = await server.database.query<{ bytes: number }>(
      {
        name: '',
        text: 'SELECT log_bytes::float8 AS bytes FROM job_attempts WHERE job_id = $1',
        repeatable: true,
      },
      [job.id],
    );
    expect(row?.bytes).toBeLessThanOrEqual(LOG_BYTES_MAX);
  });

  test('millions of empty lines count as much as they cost', async () => {
    const tries = Math.ceil(LOG_BYTES_MAX / (10_000 * 48)) + 1;
    let error: { code?: string } = {};
    for (let seq = 1; seq <= tries && error.code === undefined; seq += 1) {
      const logs = Array.from({ length: 10_000 }, (_, index) =>
        logLine((seq - 1) * 10_000 + index + 1, ''),
      );
      await honest.report(job, { seq, logs }).catch((thrown: typeof error) => {
        error = thrown;
      });
    }
    expect(error.code).toBe('RIVET_LEASE_LOST');
  });

  test('more outputs than the server keeps: nothing of the report is stored', async () => {
    const piece = 'x'.repeat(11 * MEGABYTE);
    await honest.report(job, { outputs: { a: piece, b: piece } });
    const next = { seq: 2, outputs: { c: piece }, logs: [logLine(1)] };
    await refused(next, 'RIVET_REQUEST_INVALID');
    const many = Array.from({ length: 10_001 }, (_, index) => [`n${index}`, 1]);
    await refused({ seq: 2, outputs: Object.fromEntries(many) }, 'RIVET_REQUEST_INVALID');
    await refused({ seq: 2, outputs: { ['n'.repeat(201)]: 1 } }, 'RIVET_REQUEST_INVALID');
  });

  test('a message of megabytes is cut before it fills every list', async () => {
    const message = 'm'.repeat(5 * MEGABYTE);
    await honest.finish(job, { state: 'failed', reason: 'stage_failed', message });
    const detail = await server.client.getJob({ id: job.id });
    expect(detail.message?.length).toBe(16_384);
  });
});

describe('about itself', () => {
  test.each([0, -1, 1001, 1e9, 1.5])('a capacity of %d is refused', async (capacity) => {
    await expect(liar.claim({ capacity })).rejects.toMatchObject({ code: 'RIVET_REQUEST_INVALID' });
  });

  test('it gets no more than its capacity in a claim, and no more than twice in all', async () => {
    const small = await FakeRunner.register(server.client, { capacity: 2 });
    for (let count = 0; count < 7; count += 1)
      await server.client.launchPipeline({ ref, body: {} });
    const given: number[] = [];
    for (let times = 0; times < 4; times += 1) {
      given.push((await small.claim({ capacity: 1000, waitMs: 100 })).length);
    }
    expect(given).toEqual([2, 2, 0, 0]);
    const { items } = await server.client.listJobs({ query: { state: 'queued', limit: 100 } });
    for (const { id } of items) await server.client.cancelJob({ id });
  });

  test('a hundred polls at once hold the place of a few', async () => {
    const leave = new AbortController();
    let answered = 0;
    const polls = Array.from({ length: 100 }, () =>
      liar.claim({ waitMs: 20_000, signal: leave.signal }).then(
        () => {
          answered += 1;
        },
        () => undefined,
      ),
    );
    // Long before they are due: each pushes out one that came before it.
    await expect.poll(() => answered, { timeout: 30_000 }).toBeGreaterThanOrEqual(96);
    leave.abort();
    await Promise.all(polls);
  });

  test('a session that it does not have is refused', async () => {
    const body = { request_id: randomUUID(), capacity: 1, wait_ms: 0 };
    for (const session of [randomUUID(), '', "' OR 1=1 --", 'x'.repeat(100)]) {
      await expect(liar.client.claimJobs({ body: { ...body, session } })).rejects.toMatchObject({
        code: 'RIVET_RUNNER_UNKNOWN',
      });
    }
  });
});
