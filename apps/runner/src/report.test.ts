// Reports of an attempt over a slow network: the lease is renewed in time, on timers of the test.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as base from '@rivet/base';
import type { RenewLeasesRequest, ReportRequest } from '@rivet/protocol';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Lease } from './lease.ts';
import { LeaseRenewals } from './lease-renewals.ts';
import { Reporter } from './report.ts';
import { Spool } from './spool.ts';

const HOUR_MS = 3_600_000;
const MINUTES = 10;

/** A reporter whose reports are answered after `answerMs`, on timers of the test. */
async function makeReporter(leaseSeconds: number, answerMs: number) {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-report-test-'));
  const spool = await Spool.open(directory);
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
  // Pauses between two tries are on the timers of the test too.
  const sleep = vi.spyOn(base, 'sleep');
  sleep.mockImplementation((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  onTestFinished(async () => {
    sleep.mockRestore();
    vi.useRealTimers();
    await spool.close();
    await rm(directory, { recursive: true, force: true });
  });
  const clock = vi.fn(() => performance.now());
  const lease = new Lease(leaseSeconds, clock(), clock);
  const sent: ReportRequest[] = [];
  const reporter = new Reporter({
    ...{ attempt: 1, leaseId: 'lease', lease, spool, spoolBytesMax: 1e9 },
    ledger: { sending: () => undefined, stored: () => undefined },
    stored: { seq: 0, lines: 0, entries: 0 },
    ...{ deliveryDeadlineMs: HOUR_MS, outageMsMax: 0, clock, logger: base.silentLogger },
    send: async (body, { timeoutMs }) => {
      sent.push(body);
      await new Promise((resolve) => setTimeout(resolve, Math.min(answerMs, timeoutMs)));
      if (answerMs >= timeoutMs) {
        const reason = `no answer within ${timeoutMs} ms`;
        throw base.RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'u', reason });
      }
      return { lease_seconds: leaseSeconds, cancel: false };
    },
    abandon: new AbortController().signal,
    ...{ onCancel: () => undefined, onLost: () => undefined },
    onFailure: () => ({ state: 'failed', reason: 'infrastructure', message: 'it failed' }),
  });
  return { reporter, lease, clock, sent };
}

interface Reported {
  readonly lines: number;
  readonly leaseSeconds: number;
  readonly answerMs: number;
  /** Whether the lease is renewed apart from reports. */
  readonly isRenewed?: boolean;
}

const ORIGIN = { stage: 'build', group: '', level: 'info', stream: 'stdout' } as const;

/** Renewals apart from reports, which are answered at once. */
function renewLease(lease: Lease, leaseSeconds: number): void {
  const renewLeases = async ({ leases }: RenewLeasesRequest) => ({
    results: leases.map(({ job_id }) => ({ job_id, lease_seconds: leaseSeconds, cancel: false })),
  });
  const abandon = new AbortController().signal;
  const renewals = new LeaseRenewals({
    ...{ api: { renewLeases }, clock: () => performance.now(), outageMsMax: 0, abandon },
  });
  const heard = { onCancel: () => undefined, onLost: () => undefined };
  renewals.hold({ job: 'job', attempt: 1, leaseId: 'lease', lease, ...heard });
}

/** A job that lasts so long, `lines` a second, whose reports are answered after `answerMs`. */
async function reportFor(
  durationMs: number,
  { lines, leaseSeconds, answerMs, isRenewed = false }: Reported,
) {
  const { reporter, lease, sent } = await makeReporter(leaseSeconds, answerMs);
  if (isRenewed) renewLease(lease, leaseSeconds);
  const ended = reporter.run();
  const text = Buffer.from('line\n'.repeat(lines));
  for (let second = 0; second < durationMs / 1000 && !lease.expired.aborted; second += 1) {
    const first = second * lines + 1;
    if (lines > 0) void reporter.addLines({ ...ORIGIN, first, count: lines, timeMs: 0, text });
    await vi.advanceTimersByTimeAsync(1000);
  }
  const isExpired = lease.expired.aborted;
  reporter.finish({ state: 'succeeded' });
  await vi.advanceTimersByTimeAsync(5 * 60_000);
  lease.close();
  return { isExpired, end: await ended, sent };
}

it.each([
  ['is silent', 0, 15, 4900],
  ['is silent', 0, 20, 5000],
  ['is silent', 0, 60, 19_000],
  ['talks', 10, 15, 4900],
])(
  'while a job %s (%i lines a second) its lease of %i s lasts where answers take %i ms',
  async (_, lines, leaseSeconds, answerMs) => {
    const reported = { lines, leaseSeconds, answerMs };
    const { isExpired, end, sent } = await reportFor(HOUR_MS, reported);
    expect([isExpired, end]).toEqual([false, 'delivered']);
    expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1));
  },
);

it.each([
  ['is silent', 0, 15, 6000],
  ['talks', 10, 15, 20_000],
  ['talks', 10, 15, 59_000],
  ['is silent', 0, 60, 59_000],
])(
  'while a job %s (%i lines a second) its lease of %i s lasts where only renewals are answered in time, and reports after %i ms',
  async (_, lines, leaseSeconds, answerMs) => {
    const reported = { lines, leaseSeconds, answerMs, isRenewed: true };
    const { isExpired, end, sent } = await reportFor(MINUTES * 60_000, reported);
    expect([isExpired, end]).toEqual([false, 'delivered']);
    const numbers = [...new Set(sent.map(({ seq }) => seq))];
    expect(numbers).toEqual(numbers.map((_seq, index) => index + 1));
    const told = new Map(sent.map(({ seq, log_blocks: blocks }) => [seq, blocks]));
    const count = [...told.values()].flatMap((blocks) => blocks ?? []);
    expect(count.reduce((sum, block) => sum + block.line_count, 0)).toBe(lines * MINUTES * 60);
  },
);

it('is woken by the first of the lines that wait for company, and by none of the others', async () => {
  const { reporter, lease, clock, sent } = await makeReporter(60, 1);
  const ended = reporter.run();
  await vi.advanceTimersByTimeAsync(100);
  const before = clock.mock.calls.length;
  const text = Buffer.from('line\n');
  for (let first = 1; first <= 1000; first += 1) {
    void reporter.addLines({ ...ORIGIN, first, count: 1, timeMs: 0, text });
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(clock.mock.calls.length - before).toBeLessThan(10);
  await vi.advanceTimersByTimeAsync(50);
  expect(sent.at(-1)?.log_blocks).toMatchObject([{ first_line: 1, line_count: 1000 }]);
  reporter.finish({ state: 'succeeded' });
  await vi.advanceTimersByTimeAsync(50);
  lease.close();
  expect(await ended).toBe('delivered');
});
