// Reports of an attempt over a slow network: the lease is renewed in time, on timers of the test.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import type { ReportRequest } from '@rivet/protocol';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Lease } from './lease.ts';
import { Reporter } from './report.ts';
import { Spool } from './spool.ts';

const HOUR_MS = 3_600_000;

/** A reporter whose reports are answered after `answerMs`, on timers of the test. */
async function makeReporter(leaseSeconds: number, answerMs: number) {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-report-test-'));
  const spool = await Spool.open(directory);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(async () => {
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
    ...{ deliveryDeadlineMs: HOUR_MS, outageMsMax: 0, clock, logger: silentLogger },
    send: async (body, { timeoutMs }) => {
      sent.push(body);
      await new Promise((resolve) => setTimeout(resolve, Math.min(answerMs, timeoutMs)));
      if (answerMs >= timeoutMs) throw new Error('no answer in time');
      return { lease_seconds: leaseSeconds, cancel: false };
    },
    abandon: new AbortController().signal,
    ...{ onCancel: () => undefined, onLost: () => undefined },
    onFailure: () => ({ state: 'failed', reason: 'infrastructure', message: 'it failed' }),
  });
  return { reporter, lease, clock, sent };
}

const ORIGIN = { stage: 'build', group: '', level: 'info', stream: 'stdout' } as const;

/** A job of an hour, `lines` a second, whose reports are answered after `answerMs`. */
async function reportForAnHour(lines: number, leaseSeconds: number, answerMs: number) {
  const { reporter, lease, sent } = await makeReporter(leaseSeconds, answerMs);
  const ended = reporter.run();
  const text = Buffer.from('line\n'.repeat(lines));
  for (let second = 0; second < HOUR_MS / 1000 && !lease.expired.aborted; second += 1) {
    const first = second * lines + 1;
    if (lines > 0) void reporter.addLines({ ...ORIGIN, first, count: lines, timeMs: 0, text });
    await vi.advanceTimersByTimeAsync(1000);
  }
  const isExpired = lease.expired.aborted;
  reporter.finish({ state: 'succeeded' });
  await vi.advanceTimersByTimeAsync(60_000);
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
    const { isExpired, end, sent } = await reportForAnHour(lines, leaseSeconds, answerMs);
    expect([isExpired, end]).toEqual([false, 'delivered']);
    expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1));
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
