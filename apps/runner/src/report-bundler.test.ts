// Reports of several jobs in one request: none waits for, fails or loses another.
import { RivetError } from '@rivet/base';
import type { JobReport, ReportRequest, ReportResponse, ReportsResponse } from '@rivet/protocol';
import { expect, it } from 'vitest';
import { ReportBundler } from './report-bundler.ts';

const accepted: ReportResponse = { lease_seconds: 30, cancel: false };
const limits = { timeoutMs: 1000, signal: new AbortController().signal };
const body = (seq: number, more: Partial<ReportRequest> = {}): ReportRequest => ({
  ...{ attempt: 1, lease_id: 'l', seq, logs: [], stages: [], outputs: {} },
  ...more,
});
const large = { first_line: 1, line_count: 1, bytes: 1, data: 'x'.repeat(200_000) };

/** A server that remembers its requests, and does with them what the test says. */
function server(
  together?: (reports: readonly JobReport[]) => Promise<ReportsResponse>,
  refused: readonly string[] = [],
) {
  const requests: string[][] = [];
  const store = async (reports: readonly JobReport[]): Promise<ReportsResponse> => ({
    results: reports.map(({ job_id }) => ({ job_id, ...accepted })),
  });
  const api = {
    report: async (job: string) => {
      requests.push([job]);
      if (refused.includes(job)) throw RivetError.of('RIVET_REQUEST_INVALID', { summary: job });
      return accepted;
    },
    reports: ({ reports }: { reports: JobReport[] }) => {
      requests.push(reports.map(({ job_id }) => job_id));
      return (together ?? store)(reports);
    },
  };
  const bundler = new ReportBundler({ api, bundling: true });
  return { requests, send: (job: string, report = body(2)) => bundler.send(job, report, limits) };
}

it('sends what is told at the same time in one request, and one alone as ever', async () => {
  const { requests, send } = server();
  await Promise.all(['a', 'b', 'c'].map((job) => send(job)));
  await send('a');
  expect(requests).toEqual([['a', 'b', 'c'], ['a']]);
});

it('gives each job its own answer', async () => {
  const problem = {
    type: '',
    title: '',
    status: 409,
    detail: 'it is lost',
    code: 'RIVET_LEASE_LOST',
  };
  const { send } = server(async () => ({
    results: [
      { job_id: 'a', ...accepted },
      { job_id: 'b', problem },
      { job_id: 'c', lease_seconds: 7, cancel: true },
    ],
  }));
  const [a, b, c] = await Promise.allSettled(['a', 'b', 'c'].map((job) => send(job)));
  expect(a).toMatchObject({ value: accepted });
  expect(b).toMatchObject({ reason: { code: 'RIVET_LEASE_LOST', message: 'it is lost' } });
  expect(c).toMatchObject({ value: { lease_seconds: 7, cancel: true } });
});

it.each([
  ['refuses', RivetError.of('RIVET_REQUEST_INVALID', { summary: 'one of them is wrong' })],
  ['finds too large', RivetError.of('RIVET_REQUEST_TOO_LARGE', { limit: '1MB' })],
  ['does not know how to take', RivetError.of('RIVET_REQUEST_PATH', { path: '/runner/reports' })],
])('sends each alone where the server %s all together', async (_, error) => {
  const { requests, send } = server(() => Promise.reject(error));
  await expect(Promise.all([send('a'), send('b')])).resolves.toEqual([accepted, accepted]);
  expect(requests).toEqual([['a', 'b'], ['a'], ['b']]);
});

it('lets only the job fail whose report makes the server refuse them all', async () => {
  const error = RivetError.of('RIVET_REQUEST_INVALID', { summary: 'body.reports[1] is wrong' });
  const { requests, send } = server(() => Promise.reject(error), ['b']);
  const [a, b, c] = await Promise.allSettled(['a', 'b', 'c'].map((job) => send(job)));
  expect([a, c]).toMatchObject([{ value: accepted }, { value: accepted }]);
  expect(b).toMatchObject({ reason: { code: 'RIVET_REQUEST_INVALID', details: { summary: 'b' } } });
  expect(requests).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']]);
  // Nothing of it is remembered: the next ones travel together again.
  await Promise.allSettled([send('a'), send('c')]);
  expect(requests[4]).toEqual(['a', 'c']);
});

it('asks a server that does not know bundles only once for them', async () => {
  const error = RivetError.of('RIVET_REQUEST_PATH', { path: '/runner/reports' });
  const { requests, send } = server(() => Promise.reject(error));
  for (let round = 0; round < 2; round += 1) await Promise.all([send('a'), send('b')]);
  expect(requests.filter(({ length }) => length > 1)).toHaveLength(1);
});

it('leaves it to each job to try again where nobody was reached', async () => {
  const error = RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'x', reason: 'no answer' });
  const { requests, send } = server(() => Promise.reject(error));
  const results = await Promise.allSettled([send('a'), send('b')]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  expect(requests).toHaveLength(1);
});

it('takes no answer for that of another job', async () => {
  const { send } = server(async () => ({ results: [{ job_id: 'b', ...accepted }] }));
  const results = await Promise.allSettled([send('a'), send('b')]);
  const invalid = { reason: { code: 'RIVET_SERVER_ANSWER_INVALID' } };
  expect(results).toMatchObject([invalid, invalid]);
});

it('brings an outcome past large logs that are on their way', async () => {
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const api = {
    report: async (job: string, { log_blocks: blocks }: ReportRequest) => {
      if (blocks !== undefined) await gate.promise;
      order.push(job);
      return accepted;
    },
    reports: () => Promise.reject(new Error('there is one of each kind')),
  };
  const bundler = new ReportBundler({ api, bundling: true });
  const logs = ['a', 'b', 'c'].map((job) =>
    bundler.send(job, body(2, { log_blocks: [large] }), limits),
  );
  await bundler.send('d', body(9, { outcome: { state: 'succeeded' } }), limits);
  gate.resolve();
  await Promise.all(logs);
  expect(order).toEqual(['d', 'a', 'b', 'c']);
});
