// Input that is meant to break the server: too large, too deep, out of range, hardly HTTP at all.
import { connect } from 'node:net';
import type { ClaimedJob, ReportRequest } from '@rivet/protocol';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  reportOf,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let ref: string;

beforeAll(async () => {
  ref = await seedPipeline(server.database);
});

const signedIn = () => ({ authorization: `Bearer ${server.token}` });

async function post(path: string, body: string | object, token = server.token) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const answer = (await response.json()) as { code?: string; detail?: string; errors?: object[] };
  return { ...answer, status: response.status };
}

/** What comes back for bytes that need not be HTTP. */
async function send(text: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.on('error', () => undefined);
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

/** Milliseconds in which nobody else was served while `action` ran. */
async function pauseDuring(action: () => Promise<unknown>): Promise<number> {
  let running = true;
  let longest = 0;
  const watch = async (): Promise<void> => {
    while (running) {
      const before = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
      longest = Math.max(longest, performance.now() - before);
    }
  };
  const watching = watch();
  await action();
  running = false;
  await watching;
  return longest;
}

describe('a body', () => {
  const check = '/api/pipelines/check';
  const fields = (count: number, name: string, value: string) =>
    Array.from({ length: count }, (_, index) => `"${name}${index}":${value}`).join(',');

  test.each([
    ['nested ten million times', '['.repeat(10_000_000), 'nested deeper than 100 levels'],
    ['with a million files', `{"bundle":{"main":"a","files":{${fields(1_000_000, 'f', '""')}}}}`],
    ['with a million unknown fields', `{"bundle":{${fields(1_000_000, 'file', '""')}}}`],
  ])('%s is refused at once', async (_, body, text = 'more than 250000 values') => {
    const answers: Awaited<ReturnType<typeof post>>[] = [];
    const pauseMs = await pauseDuring(async () => answers.push(await post(check, body)));
    expect(answers[0]).toMatchObject({ status: 400, code: 'RIVET_REQUEST_INVALID' });
    expect(answers[0]?.detail).toContain(text);
    // A bound for a hang on any machine, not a measure of speed.
    expect(pauseMs).toBeLessThan(15_000);
  });

  test('with thousands of mistakes is answered with the first of them, at once', async () => {
    const unknown = `{${fields(50_000, 'bundl', '1')}}`;
    const wrong = `{"inputs":{${fields(50_000, 'a', 'null')}}}`;
    const started = performance.now();
    for (const [path, body] of [
      ['/api/pipelines/check', unknown],
      [`/api/pipelines/${ref}/launch`, wrong],
    ] as const) {
      const answer = await post(path, body);
      expect(answer).toMatchObject({ status: 400, code: 'RIVET_REQUEST_INVALID' });
      expect(answer.errors?.length).toBeLessThanOrEqual(50);
    }
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  test('with a string of 12 MB is read, and refused with the place where it is broken', async () => {
    const source = 'x'.repeat(12_000_000);
    const bundle = { main: 'a.lua', files: { 'a.lua': source } };
    const { code, status } = await post(check, { bundle });
    expect(status).toBe(413);
    expect(code).toBe('RIVET_PIPELINE_TOO_LARGE');
    expect(await post(check, `{"bundle": "${source}" x}`)).toMatchObject({
      code: 'RIVET_REQUEST_JSON',
      detail: expect.stringContaining('column 12000015: "x"; expected "," or "}"'),
    });
  });
});

describe('a report', () => {
  let job: ClaimedJob;
  let runner: FakeRunner;
  const report = (changes: object) =>
    post(
      `/api/runner/jobs/${job.id}/report`,
      reportOf(job, changes as Partial<ReportRequest>) as object,
      runner.token,
    );
  const t = new Date(0).toISOString();
  const stage = { stage: 's', state: 'running', t, run: 1 };

  beforeEach(async () => {
    const staged = await seedPipeline(server.database, { stages: [stageDefinition('s')] });
    await server.client.launchPipeline({ ref: staged, body: {} });
    runner = await FakeRunner.register(server.client);
    job = await runner.claimOne();
  });

  test.each([
    ['attempt', { attempt: 2 ** 31 }],
    ['seq', { seq: 2 ** 31 }],
    ['logs[1].n', { logs: [{ ...logLine(1), n: 2 ** 31 }] }],
    ['logs[1].t', { logs: [{ ...logLine(1), t: 'just now' }] }],
    ['stages[1].run', { stages: [{ ...stage, run: 2 ** 31 }] }],
    ['stages[1].unchecked_exits', { stages: [{ ...stage, unchecked_exits: 2 ** 31 }] }],
    ['stages[1].unchecked_exits', { stages: [{ ...stage, unchecked_exits: -1 }] }],
    ['stages[1].t', { stages: [{ ...stage, t: 'infinity' }] }],
    ['stages[1].t', { stages: [{ ...stage, t: '0000-01-01T00:00:00Z' }] }],
    ['stages[1].t', { stages: [{ ...stage, t: '2026-02-30T00:00:00Z' }] }],
    ['stages[1].t', { stages: [{ ...stage, t: '2026-01-01T00:00:00+23:00' }] }],
  ])('whose %s no database could hold is refused with the field: %j', async (path, changes) => {
    const answer = await report(changes);
    expect(answer).toMatchObject({ status: 400, code: 'RIVET_REQUEST_INVALID' });
    expect(answer.errors).toContainEqual(expect.objectContaining({ path: `body.${path}` }));
    const { stages } = await server.client.getJob({ id: job.id });
    expect(stages.map(({ state }) => state)).toEqual(['pending']);
  });

  test('may hold any character in any text, and a line of 14 MB', async () => {
    const text = 'a\0b\ud800';
    const long = { ...logLine(1), text: text.repeat(1_000_000) };
    const outcome = { state: 'failed', reason: 'stage_failed', code: text, message: text };
    const stages = [{ ...stage, state: 'failed', code: text, reason: text }];
    const outputs = { [text]: text, __proto__: 1 };
    expect(await report({ logs: [long], stages, outputs, outcome })).toMatchObject({ status: 200 });
    const shown = 'a\uFFFDb\uFFFD';
    const detail = await server.client.getJob({ id: job.id });
    expect(detail).toMatchObject({
      state: 'failed',
      message: shown,
      stages: [{ name: 's', code: shown, reason: shown }],
      outputs: { [shown]: text },
    });
    const { lines } = await server.client.getJobLogs({ id: job.id });
    expect(lines[0]?.text === long.text).toBe(true);
  });
});

test.each(['after=2147483647', 'after=2147483648', 'attempt=2147483648', 'after=-1', 'after=1e3'])(
  'the part %s of a log is empty or refused',
  async (query) => {
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const response = await fetch(`${server.url}/api/jobs/${id}/logs?${query}`, {
      headers: signedIn(),
    });
    const answer = (await response.json()) as { code?: string; lines?: object[] };
    expect([200, 400]).toContain(response.status);
    if (response.ok) expect(answer.lines).toEqual([]);
    else expect(answer.code).toBe('RIVET_REQUEST_INVALID');
  },
);

test.each([2 ** 31, 1e15, 1e300])('the version %d is refused', async (version) => {
  const answer = await post(`/api/pipelines/${ref}/rollback`, { version });
  expect(answer).toMatchObject({ status: 400, errors: [{ path: 'body.version' }] });
});

test.each(['-1', '1e18', 'abc', '0:0', '1:99', '999999999:999999999'])(
  'a stream does not go on after the event %s, which its job never had',
  async (lastEventId) => {
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const headers = { ...signedIn(), 'last-event-id': lastEventId };
    const response = await fetch(`${server.url}/api/jobs/${id}/logs/stream`, { headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'RIVET_CURSOR_INVALID' });
  },
);

test.each([
  ['GET // HTTP/1.1\r\nhost: localhost', 404, 'RIVET_REQUEST_PATH'],
  ['GET //[ HTTP/1.1\r\nhost: localhost', 404, 'RIVET_REQUEST_PATH'],
  ['GET http://[ HTTP/1.1\r\nhost: localhost', 404, 'RIVET_REQUEST_PATH'],
  ['OPTIONS * HTTP/1.1\r\nhost: localhost', 404, 'RIVET_REQUEST_PATH'],
  ['GET /api/jobs/%ff HTTP/1.1\r\nhost: localhost', 404, 'RIVET_REQUEST_PATH'],
  ['TRACE /api/jobs HTTP/1.1\r\nhost: localhost', 405, 'RIVET_REQUEST_METHOD'],
  ['NONSENSE /api/jobs HTTP/1.1\r\nhost: localhost', 400, 'RIVET_REQUEST_HTTP'],
  ['GET /api/jobs HTTP/9.9\r\nhost: localhost', 400, 'RIVET_REQUEST_HTTP'],
  ['\x16\x03\x01\x02', 400, 'RIVET_REQUEST_HTTP'],
  [
    `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'a'.repeat(65_536)}`,
    431,
    'RIVET_REQUEST_HEADERS_TOO_LARGE',
  ],
  [
    'POST /api/runner/register HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked',
    400,
    'RIVET_REQUEST_HTTP',
  ],
])('%j is answered with a problem document', async (head, status, code) => {
  const [top = '', body = ''] = (await send(`${head}\r\nconnection: close\r\n\r\n`)).split(
    '\r\n\r\n',
  );
  expect(top).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(top.toLowerCase()).toContain('content-type: application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status, code, solve: expect.any(String) });
});
