// Leases that are renewed apart from reports: when, of whom, and what an answer means.
import { RivetError } from '@rivet/base';
import type { JobReportResult, RenewLeasesRequest } from '@rivet/protocol';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Lease } from './lease.ts';
import { LeaseRenewals, type RenewableLease } from './lease-renewals.ts';
import type { CallLimits } from './server-api.ts';

const SECONDS = 15;
const clock = (): number => performance.now();
/** Milliseconds of each request since the beginning, and the jobs that it was about. */
let asked: [ms: number, ...jobs: string[]][] = [];
/** After how long each is answered. */
let answerMs = 0;
let answer: (request: RenewLeasesRequest) => JobReportResult[];
let renewals: LeaseRenewals;
let beganAt = 0;
const abandon = new AbortController();

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
  beganAt = performance.now();
  asked = [];
  answerMs = 10;
  answer = ({ leases }) =>
    leases.map(({ job_id }) => ({ job_id, lease_seconds: SECONDS, cancel: false }));
  const renewLeases = async (body: RenewLeasesRequest, { timeoutMs }: CallLimits) => {
    asked.push([performance.now() - beganAt, ...body.leases.map(({ job_id }) => job_id)]);
    await new Promise((resolve) => setTimeout(resolve, Math.min(answerMs, timeoutMs)));
    if (answerMs > timeoutMs) {
      throw RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'u', reason: 'it is slow' });
    }
    return { results: answer(body) };
  };
  const options = { clock, outageMsMax: 60_000, abandon: abandon.signal };
  renewals = new LeaseRenewals({ ...options, api: { renewLeases } });
});

afterEach(() => vi.useRealTimers());

function held(job: string, changes: Partial<RenewableLease> = {}): RenewableLease {
  const lease = new Lease(SECONDS, clock(), clock);
  const silent = { onCancel: () => undefined, onLost: () => undefined };
  return { ...{ job, attempt: 1, leaseId: `lease of ${job}`, lease }, ...silent, ...changes };
}

const problem = (code: string): ((request: RenewLeasesRequest) => JobReportResult[]) => {
  const status = code === 'RIVET_LEASE_LOST' ? 409 : 503;
  return ({ leases }) =>
    leases.map(({ job_id }) => ({
      ...{ job_id, problem: { type: 'about:blank', title: code, status, detail: code, code } },
    }));
};

it('leaves leases to the heartbeats of reports as long as those come', async () => {
  const { lease, ...one } = held('one');
  renewals.hold({ lease, ...one });
  for (let second = 0; second < 60; second += 3) {
    await vi.advanceTimersByTimeAsync(3000);
    lease.renew(SECONDS, clock());
  }
  expect(asked).toEqual([]);
});

it('renews all that nobody renewed for a third of their time in one request, and no other', async () => {
  const [one, two, fresh] = [held('one'), held('two'), held('fresh')];
  for (const lease of [one, two, fresh]) renewals.hold(lease);
  await vi.advanceTimersByTimeAsync(2000);
  fresh.lease.renew(SECONDS, clock());
  await vi.advanceTimersByTimeAsync(2600);
  expect(asked).toEqual([[4500, 'one', 'two']]);
  expect(Math.round(one.lease.silenceMs)).toBe(100);
});

it.each([10, 3000, 6500])('keeps a lease for an hour where each answer takes %i ms', async (ms) => {
  answerMs = ms;
  const one = held('one');
  renewals.hold(one);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(one.lease.expired.aborted).toBe(false);
});

it('asks again without waiting for an answer, and no more once the lease is over', async () => {
  answerMs = 60_000;
  const one = held('one');
  renewals.hold(one);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.map(([ms]) => ms)).toEqual([4500, 6000, 7500, 9000, 10_500]);
  expect(one.lease.expired.aborted).toBe(true);
});

it('tells who has it that the job is canceled, or is not ours any more', async () => {
  const [onCancel, onLost] = [vi.fn(), vi.fn()];
  renewals.hold(held('one', { onCancel, onLost }));
  answer = ({ leases }) =>
    leases.map(({ job_id }) => ({ job_id, lease_seconds: SECONDS, cancel: true }));
  await vi.advanceTimersByTimeAsync(5000);
  expect([onCancel.mock.calls.length, onLost.mock.calls.length]).toEqual([1, 0]);
  answer = problem('RIVET_LEASE_LOST');
  await vi.advanceTimersByTimeAsync(5000);
  expect([onCancel.mock.calls.length, onLost.mock.calls.length]).toEqual([1, 1]);
});

it('tells nobody who has let it go meanwhile', async () => {
  const onLost = vi.fn();
  const release = renewals.hold(held('one', { onLost }));
  answer = problem('RIVET_LEASE_LOST');
  await vi.advanceTimersByTimeAsync(4500);
  release();
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked).toHaveLength(1);
  expect(onLost).not.toHaveBeenCalled();
});

it('does without where the server does not know it: reports renew leases there', async () => {
  answer = () => {
    throw RivetError.of('RIVET_REQUEST_PATH', { path: '/api/runner/leases' });
  };
  const onLost = vi.fn();
  const one = held('one', { onLost });
  renewals.hold(one);
  for (let times = 0; times < 10; times += 1) {
    await vi.advanceTimersByTimeAsync(10_000);
    one.lease.renew(SECONDS, clock());
  }
  expect(asked.length).toBeGreaterThan(10);
  expect([one.lease.expired.aborted, onLost.mock.calls]).toEqual([false, []]);
  await vi.advanceTimersByTimeAsync(12_000);
  expect(one.lease.expired.aborted).toBe(true);
});

it.each([
  ['has the attempt locked', 'RIVET_LEASE_BUSY', true],
  ['has lost its database', 'RIVET_DATABASE_UNREACHABLE', false],
])(
  'while the server says that it %s (%s) a lease ends in its time: %s',
  async (_, code, isOver) => {
    answer = problem(code);
    const onLost = vi.fn();
    const one = held('one', { onLost });
    renewals.hold(one);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(one.lease.expired.aborted).toBe(isOver);
    expect(onLost).not.toHaveBeenCalled();
  },
);

it('is not put off by other jobs that begin and end all the time', async () => {
  const one = held('one');
  renewals.hold(one);
  for (let ms = 0; ms < 60_000; ms += 100) {
    const release = renewals.hold(held('brief'));
    await vi.advanceTimersByTimeAsync(100);
    release();
  }
  expect(one.lease.expired.aborted).toBe(false);
  expect(asked.every(([, ...jobs]) => jobs.length === 1)).toBe(true);
});
