// Leases that are renewed apart from reports: fenced as a report is, and nothing else of an attempt
// changes.
import { randomUUID } from 'node:crypto';
import type { AttemptLease, ClaimedJob, JobReportResult } from '@rivet/protocol';
import { advanceAttempts, type Database } from '@rivet/store';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { FakeRunner, logLine, seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let ref: string;
let runner: FakeRunner;
let job: ClaimedJob;

beforeAll(async () => {
  ref = await seedPipeline(server.database);
});

beforeEach(async () => {
  runner = await FakeRunner.register(server.client);
  job = await take();
});

async function take(by = runner): Promise<ClaimedJob> {
  await server.client.launchPipeline({ ref, body: {} });
  return by.claimOne();
}

const leaseOf = ({ id, attempt, lease_id }: ClaimedJob): AttemptLease => ({
  ...{ job_id: id, attempt, lease_id },
});

async function renew(leases: AttemptLease[], by = runner): Promise<JobReportResult[]> {
  return (await by.client.renewLeases({ body: { leases } })).results;
}

const codesOf = (results: readonly JobReportResult[]): string[] =>
  results.map((result) => ('problem' in result ? result.problem.code : 'renewed'));

const query = <Row extends object>(text: string, values: unknown[] = []) =>
  server.database.query<Row>({ name: '', text, repeatable: true }, values);

/** Lets the lease run out in so many seconds. */
const leaveSeconds = ({ id }: ClaimedJob, seconds: number) =>
  query(
    `UPDATE running_attempts SET lease_until = now() + make_interval(secs => $2)
     WHERE job_id = $1`,
    [id, seconds],
  );

/** Of the attempt, what its lease has left in seconds, and all the rest. */
async function attemptOf({ id }: ClaimedJob): Promise<{ seconds: number; rest: string }> {
  const [row] = await query<{ seconds: number; rest: string }>(
    `SELECT extract(epoch FROM lease_until - now())::float8 AS seconds,
       (to_jsonb(a) - 'lease_until')::text AS rest
     FROM running_attempts a WHERE job_id = $1`,
    [id],
  );
  if (row === undefined) throw new Error(`the job ${id} does not run`);
  return row;
}

test('renews those of several attempts in one request, and changes nothing else of them', async () => {
  const jobs = [job, await take(), await take()];
  const before = await Promise.all(jobs.map(attemptOf));
  for (const one of jobs) await leaveSeconds(one, 4);
  expect(await renew(jobs.map(leaseOf))).toEqual(
    jobs.map(({ id, lease_seconds }) => ({ job_id: id, lease_seconds, cancel: false })),
  );
  for (const [index, { rest }] of before.entries()) {
    const now = await attemptOf(jobs[index]!);
    expect(now.seconds).toBeGreaterThan(job.lease_seconds - 4);
    expect(now.rest).toBe(rest);
  }
});

test('renews one as often as it is asked, also twice in one request and before reports and after them', async () => {
  expect(codesOf(await renew([leaseOf(job), leaseOf(job)]))).toEqual(['renewed', 'renewed']);
  await runner.report(job, { logs: [logLine(1)] });
  expect(codesOf(await renew([leaseOf(job)]))).toEqual(['renewed']);
  await runner.finish(job, { state: 'succeeded' }, 2);
  expect((await server.client.getJob({ id: job.id })).state).toBe('succeeded');
});

test('says that somebody has asked to cancel the job', async () => {
  await server.client.cancelJob({ id: job.id });
  expect(await renew([leaseOf(job)])).toMatchObject([{ job_id: job.id, cancel: true }]);
});

test('refuses what is not the lease of an attempt that this runner has, and renews the others', async () => {
  const stranger = await FakeRunner.register(server.client);
  const [foreign, ended] = [await take(stranger), await take()];
  await runner.finish(ended, { state: 'succeeded' });
  // More than it would be given.
  for (const one of [job, foreign]) await leaveSeconds(one, 1000);
  const asked = [
    leaseOf(foreign),
    { ...leaseOf(job), job_id: randomUUID() },
    { ...leaseOf(job), attempt: 2 },
    { ...leaseOf(job), lease_id: randomUUID() },
    leaseOf(ended),
  ];
  expect(codesOf(await renew(asked))).toEqual([
    'RIVET_JOB_NOT_FOUND',
    'RIVET_JOB_NOT_FOUND',
    'RIVET_JOB_NOT_FOUND',
    'RIVET_LEASE_LOST',
    'RIVET_LEASE_LOST',
  ]);
  for (const one of [job, foreign]) expect((await attemptOf(one)).seconds).toBeGreaterThan(900);
  expect(codesOf(await renew([...asked.slice(-1), leaseOf(job)]))).toEqual([
    'RIVET_LEASE_LOST',
    'renewed',
  ]);
  expect((await attemptOf(job)).seconds).toBeLessThan(900);
});

test('waits for no report that has the attempt, calls it neither lost nor renewed, and renews the others', async () => {
  const other = await take();
  const answered = server.database.transaction(
    async (tx) => {
      const text = 'SELECT FROM running_attempts WHERE job_id = $1 FOR UPDATE';
      await tx.query({ name: '', text, repeatable: true }, [job.id]);
      return renew([leaseOf(job), leaseOf(other)]);
    },
    { repeatable: false },
  );
  expect(codesOf(await answered)).toEqual(['RIVET_LEASE_BUSY', 'renewed']);
});

test('is not taken back by a report whose transaction began before', async () => {
  const untilOf = async (db: Pick<Database, 'query'>): Promise<number> => {
    const text =
      'SELECT extract(epoch FROM lease_until)::float8 AS until FROM running_attempts WHERE job_id = $1';
    const [row] = await db.query<{ until: number }>({ name: '', text, repeatable: true }, [job.id]);
    return row?.until ?? 0;
  };
  const [renewed, reported] = await server.database.transaction(
    async (tx) => {
      await tx.query({ name: '', text: 'SELECT now()', repeatable: true });
      await renew([leaseOf(job)]);
      const after = await untilOf(tx);
      const progress = { jobId: job.id, attempt: 1, seq: 1, logLines: 0, logBytes: 0 };
      await advanceAttempts(tx, [progress], job.lease_seconds);
      return [after, await untilOf(tx)];
    },
    { repeatable: false },
  );
  expect(reported).toBeGreaterThan(renewed!);
});
