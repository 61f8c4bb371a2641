// The client against servers that answer well, badly or not at all.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isRivetError } from '@rivet/base';
import { afterEach, expect, test } from 'vitest';
import { PACKED_REPORT_TYPE, packReport } from '../packed-report.ts';
import { createClient } from './client.ts';
import { createHttpFetch } from './http-fetch.ts';

const open: Server[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serve(handler: Handler): Promise<string> {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    handler(request, response, count);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

const problem = (code: string, status: number, more: object = {}) => ({
  type: 'about:blank',
  title: 'x',
  status,
  detail: `it is ${code}`,
  code,
  ...more,
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

test.each([
  ['the global fetch', undefined],
  ['one over node:http', createHttpFetch()],
])('a report with blocks is packed, one without is JSON: by %s', async (_, fetch) => {
  const seen: unknown[] = [];
  const url = await serve(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    seen.push(request.headers['content-type'], Buffer.concat(pieces));
    json(response, { lease_seconds: 1, cancel: false });
  });
  const client = createClient({ url, ...(fetch && { fetch }) });
  const id = '00000000-0000-7000-8000-000000000001';
  const plain = { attempt: 1, lease_id: 'l', seq: 1, logs: [], stages: [], outputs: {} };
  const block = { first_line: 1, line_count: 1, bytes: 2, data: 'eA==' };
  const packed = { ...plain, log_blocks: [block] };
  await client.reportJob({ id, body: plain });
  await client.reportJob({ id, body: packed });
  expect(seen).toEqual([
    'application/json',
    Buffer.from(JSON.stringify(plain)),
    PACKED_REPORT_TYPE,
    Buffer.concat(packReport(packed)),
  ]);
});

test('path parameters are escaped, queries and bodies are sent', async () => {
  const seen: string[] = [];
  const url = await serve(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    seen.push(`${request.method} ${request.url} ${body}`);
    json(response, { items: [], next_cursor: null });
  });
  const client = createClient({ url });
  await client.getPipeline({ ref: 'a/b c?d' });
  await client.listJobs({ query: { state: 'queued', limit: 3 } });
  await client.launchPipeline({ ref: 'x', body: { inputs: { a: [1, true] } } });
  expect(seen).toEqual([
    'GET /api/pipelines/a%2Fb%20c%3Fd ',
    'GET /api/jobs?state=queued&limit=3 ',
    'POST /api/pipelines/x/launch {"inputs":{"a":[1,true]}}',
  ]);
});

test('a problem document becomes the error that the server raised', async () => {
  const url = await serve((_, response) =>
    json(response, problem('RIVET_JOB_NOT_FOUND', 404, { solve: 'look elsewhere' }), 404),
  );
  const error = await failure(createClient({ url }).getJob({ id: 'abcd' }));
  expect(isRivetError(error, 'RIVET_JOB_NOT_FOUND')).toBe(true);
  expect(error).toMatchObject({ message: 'it is RIVET_JOB_NOT_FOUND', solve: 'look elsewhere' });
});

test('a code of a newer server keeps its message', async () => {
  const url = await serve((_, response) => json(response, problem('RIVET_FUTURE', 400), 400));
  const error = await failure(createClient({ url }).listRunners());
  expect(error).toMatchObject({ code: 'RIVET_SERVER_REFUSED', message: 'it is RIVET_FUTURE' });
});

test('a server that does not answer is unreachable, exit code 3', async () => {
  const url = await serve(() => undefined);
  const [server] = open.splice(0);
  await new Promise((resolve) => server!.close(resolve));
  const error = await failure(createClient({ url, triesMax: 1 }).listRunners());
  expect(error).toMatchObject({
    code: 'RIVET_SERVER_UNREACHABLE',
    entry: { exit: 3 },
    details: { reason: 'connection refused' },
  });
});

test('another program on the port is named as such', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<html>');
  });
  const error = await failure(createClient({ url }).getHealth());
  expect(error).toMatchObject({ code: 'RIVET_SERVER_ANSWER_INVALID' });
  expect(String(error)).toContain('200 with text/html');
});

test('a call that may be repeated is tried again after a 503, a launch without a key is not', async () => {
  const url = await serve((_, response, count) => {
    if (count % 2 === 1) json(response, problem('RIVET_DATABASE_UNREACHABLE', 503), 503);
    else json(response, { ok: count });
  });
  const client = createClient({ url });
  expect(await client.getHealth()).toEqual({ ok: 2 });
  const error = await failure(client.launchPipeline({ ref: 'x', body: {} }));
  expect(error).toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
  await client.getHealth();
  const args = { ref: 'x', body: {}, idempotencyKey: 'k' };
  expect(await client.launchPipeline(args)).toEqual({ ok: 6 });
});

test('a call can be aborted and then rejects with the reason', async () => {
  const url = await serve(() => undefined);
  const controller = new AbortController();
  const calling = failure(createClient({ url }).listRunners({ signal: controller.signal }));
  controller.abort(new Error('enough'));
  expect(await calling).toMatchObject({ message: 'enough' });
});

test('a call without an answer ends at its deadline', async () => {
  const url = await serve(() => undefined);
  const error = await failure(createClient({ url, triesMax: 1 }).listRunners({ timeoutMs: 50 }));
  expect(String(error)).toContain('no answer within 50ms');
});

test('a followed stream resumes after the last event that came and ends at `end`', async () => {
  const asked: (string | undefined)[] = [];
  const url = await serve((request, response, count) => {
    asked.push(request.headers['last-event-id'] as string | undefined);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (count === 1) {
      response.write('retry: 1\n\nevent: line\nid: 1:1\ndata: {"n":1}\n\nevent: li');
      setImmediate(() => response.destroy());
    } else {
      response.write('event: line\nid: 1:2\ndata: {"n":2}\n\n');
      response.end('event: end\ndata: {"state":"failed"}\n\n');
    }
  });
  const seen: unknown[] = [];
  for await (const event of createClient({ url }).streamJobLogs({ id: 'abcd' })) {
    seen.push(event.event === 'line' ? event.data.n : event.data.state);
  }
  expect(seen).toEqual([1, 2, 'failed']);
  expect(asked).toEqual([undefined, '1:1']);
});

test('a stream that is refused fails at once', async () => {
  const url = await serve((_, response) =>
    json(response, problem('RIVET_JOB_NOT_FOUND', 404), 404),
  );
  const stream = createClient({ url }).streamJobLogs({ id: 'abcd' });
  const error = await failure(stream[Symbol.asyncIterator]().next());
  expect(error).toMatchObject({ code: 'RIVET_JOB_NOT_FOUND' });
});

test('leaving a stream early closes its connection', async () => {
  const closed = Promise.withResolvers<void>();
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: line\nid: 1:1\ndata: {"n":1}\n\n');
    response.on('close', () => closed.resolve());
  });
  for await (const event of createClient({ url }).streamJobLogs({ id: 'abcd' })) {
    expect(event.id).toBe('1:1');
    break;
  }
  await closed.promise;
});

test.each(['', 'localhost:1', 'ftp://x', 'http://x/?a=b'])('%j is no address', (url) => {
  expect(() => createClient({ url })).toThrow('is not the address of a Rivet server');
});

test('an answer that is no JSON is not quoted, as it may hold a secret', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"token":hvs.0123456789}');
  });
  const id = '01980000-0000-7000-8000-000000000001';
  const body = { attempt: 1, lease_id: 'l', audience: 'a' };
  const error = (await failure(createClient({ url }).issueIdToken({ id, body }))) as Error;
  expect(error).toMatchObject({ code: 'RIVET_SERVER_ANSWER_INVALID' });
  expect([error.message, error.stack, String(error.cause)].join()).not.toContain('hvs');
});
