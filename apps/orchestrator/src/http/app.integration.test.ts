// The route table as it is served, and every kind of bad input against it.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { type Route, routePath, routes } from '@rivet/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import { FakeRunner, seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let runner: FakeRunner;

beforeAll(async () => {
  runner = await FakeRunner.register(server.client);
});

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors: { path: string; nearest?: string }[] | undefined;
}

const signedIn = () => ({ authorization: `Bearer ${server.token}` });

async function ask(
  method: string,
  path: string,
  body?: string | object,
  token = server.token,
): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const problem = text === '' ? {} : JSON.parse(text);
  if (response.status >= 400) {
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(problem).toMatchObject({ status: response.status, solve: expect.any(String) });
  }
  return { status: response.status, ...problem };
}

/** What a runner says about itself, as it is on the wire. */
const offer = (body: object | string) => ask('POST', '/api/runner/connect', body, runner.token);
const offered = { tags: [], capacity: 1, version: '1' };

describe('the route table', () => {
  test('is what the client, the server and the OpenAPI document have', async () => {
    const document = (await server.client.getOpenApi()) as {
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { operationId }]) => [operationId, method, path]),
    );
    const table = Object.entries<Route>(routes).map(([name, route]) => [
      name,
      route.method.toLowerCase(),
      routePath(route).replaceAll(/:(\w+)/g, '{$1}'),
    ]);
    expect(described.sort()).toEqual(table.sort());
    expect(Object.keys(server.client).sort()).toEqual(Object.keys(routes).sort());
  });

  test('says in the OpenAPI document who may call what, and what they bring', async () => {
    const document = (await server.client.getOpenApi()) as {
      paths: Record<string, Record<string, { 'x-permission': string; security: object[] }>>;
      components: { securitySchemes: object };
    };
    const schemes = Object.keys(document.components.securitySchemes);
    for (const route of Object.values<Route>(routes)) {
      const path = routePath(route).replaceAll(/:(\w+)/g, '{$1}');
      const operation = document.paths[path]?.[route.method.toLowerCase()];
      expect(operation?.['x-permission'], path).toBe(route.permission);
      const names = operation?.security.flatMap((scheme) => Object.keys(scheme));
      const runners = ['runner', 'registration'].includes(route.permission);
      const expected = route.permission === 'public' ? [] : runners ? ['bearer'] : schemes;
      expect(names, path).toEqual(expected);
    }
  });

  test.each(Object.entries<Route>(routes))('%s is served', async (_, route) => {
    const path = routePath(route).replaceAll(/:\w+/g, randomUUID());
    const controller = new AbortController();
    const response = await fetch(server.url + path, {
      method: route.method,
      signal: controller.signal,
      headers: { ...signedIn(), ...(route.body && { 'content-type': 'application/json' }) },
      ...(route.body && { body: '{}' }),
    });
    const { code } = response.ok ? { code: '' } : ((await response.json()) as { code: string });
    controller.abort();
    expect(['RIVET_REQUEST_PATH', 'RIVET_REQUEST_METHOD', 'RIVET_INTERNAL']).not.toContain(code);
  });

  test('has every method; another one is refused with those that are possible', async () => {
    for (const method of ['PATCH', 'PUT', 'HEAD', 'OPTIONS']) {
      const response = await fetch(`${server.url}/api/pipelines/x`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('GET, DELETE');
    }
  });
});

describe('bad input', () => {
  test.each([
    ['{"name": ', 'line 1, column 10: the end; expected a value'],
    ['{"a":1,}', 'line 1, column 8: "}"; expected a key in double quotes'],
    ['{"a":1} x', 'line 1, column 9: "x"; expected the end'],
    ['{\n "a" 1}', 'line 2, column 6: "1"; expected ":"'],
    ['\uFEFF{}', 'line 1, column 1: "\uFEFF"; expected a value'],
    ["{'a':1}", `line 1, column 2: "'"; expected a key in double quotes`],
    ['[1 2]', 'line 1, column 4: "2"; expected "," or "]"'],
    ['"a\nb"', 'line 1, column 1: "\\""; expected a value'],
  ])('%j is no JSON, and the answer says where', async (text, problem) => {
    const answer = await offer(text);
    expect(answer).toMatchObject({ status: 400, code: 'RIVET_REQUEST_JSON' });
    expect(answer.detail).toContain(problem);
  });

  test('an unknown field is named with the one that was meant', async () => {
    const answer = await offer({
      ...offered,
      capasity: 2,
      tags: [{ key: 'a', value: 'b', vlaue: 1 }],
    });
    expect(answer).toMatchObject({ status: 400, code: 'RIVET_REQUEST_INVALID' });
    expect(answer.errors).toMatchObject([
      { path: 'body.tags[1].vlaue', nearest: 'value' },
      { path: 'body.capasity', nearest: 'capacity' },
    ]);
  });

  test('all mistakes of a body are told at once', async () => {
    const answer = await offer({ tags: 'x', capacity: 0 });
    const paths = answer.errors?.map(({ path }) => path) ?? [];
    expect(paths).toEqual(expect.arrayContaining(['body.tags', 'body.capacity', 'body.version']));
  });

  test('text that the database could not store is refused with its field', async () => {
    const ref = await seedPipeline(server.database);
    for (const text of ['a\0b', 'half \ud800']) {
      const answer = await ask('POST', `/api/pipelines/${ref}/launch`, { inputs: { a: text } });
      expect(answer).toMatchObject({ status: 400, errors: [{ path: 'body.inputs.a' }] });
    }
    expect(await ask('GET', '/api/pipelines/%00')).toMatchObject({ status: 400 });
    expect(await ask('GET', '/api/pipelines?search=%00')).toMatchObject({ status: 400 });
  });

  test('__proto__ is a field like any other', async () => {
    const answer = await offer(`{"__proto__": {"polluted": 1}, "version": "1"}`);
    expect(answer.status).toBe(400);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test.each([
    '0',
    '-1',
    '9223372036854775808',
    '1e3',
    '%201',
    'zzzzzzzz',
    '----',
    '0195-0000',
    "'%20OR%201=1--",
    '%25',
    'a'.repeat(300),
  ])('the id %s is refused or not found, never an error of ours', async (id) => {
    for (const path of [`/api/jobs/${id}`, `/api/jobs/${id}/logs`, `/api/pipelines/${id}`]) {
      expect([400, 404, 414]).toContain((await ask('GET', path)).status);
    }
    const report = `/api/runner/jobs/${id}/report`;
    expect([400, 404]).toContain((await ask('POST', report, {}, runner.token)).status);
  });

  test.each(['limit=0', 'limit=1e9', 'limit=501', 'limit=-1', 'limit=x', 'state=done', 'limt=1'])(
    'the query %s is refused',
    async (query) => {
      expect(await ask('GET', `/api/jobs?${query}`)).toMatchObject({
        status: 400,
        code: 'RIVET_REQUEST_INVALID',
      });
    },
  );

  test('a cursor that was not given out is refused', async () => {
    const other = Buffer.from('["pipelines","a"]').toString('base64url');
    const forged = Buffer.from('["jobs","x OR 1"]').toString('base64url');
    for (const cursor of ['x', '%00', other, forged, 'AAAA'.repeat(50)]) {
      expect((await ask('GET', `/api/jobs?cursor=${cursor}`)).status).toBe(400);
    }
  });

  test('a body that is too large is refused with the limit', async () => {
    const answer = await offer({ ...offered, version: 'x'.repeat(2 * 1024 * 1024) });
    expect(answer).toMatchObject({ status: 413, detail: 'the body is larger than 1MB' });
  });

  test('a body of another type is refused with its name', async () => {
    const headers = signedIn();
    const response = await fetch(`${server.url}/api/pipelines`, {
      method: 'POST',
      body: 'x=1',
      headers,
    });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: 'RIVET_REQUEST_MEDIA_TYPE' });
  });

  test('an unknown path is refused, however it is written', async () => {
    for (const path of ['/api/nothing', '/api/..%2f..%2fetc', '/api//jobs', '/api/jobs/%c0%ae']) {
      expect([400, 404]).toContain((await ask('GET', path)).status);
    }
  });

  test('a search takes every character literally', async () => {
    const name = `100%_\\ ${randomUUID()}`;
    await seedPipeline(server.database, { name });
    await seedPipeline(server.database, { name: `1000 ${randomUUID()}` });
    const { items } = await server.client.listPipelines({ query: { search: '100%_\\' } });
    expect(items.map((item) => item.name)).toEqual([name]);
  });

  test('headers that never end are cut off', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: ');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // Larger than what Node takes as a header, so that the test need not wait for the timeout.
    socket.write('a'.repeat(70_000));
    socket.on('error', () => undefined);
    socket.resume();
    await closed;
    expect((await server.client.getHealth()).status).toBe('ok');
  });
});

describe('a list', () => {
  test('is read page by page without a gap or a repeat', async () => {
    const ref = await seedPipeline(server.database);
    const launched: string[] = [];
    for (let count = 0; count < 7; count += 1) {
      launched.push((await server.client.launchPipeline({ ref, body: {} })).id);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: { id: string }[]; next_cursor: string | null } =
        await server.client.listJobs({
          query: { pipeline: ref, limit: 3, ...(cursor !== null && { cursor }) },
        });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(launched.toReversed());
  });
});

describe('an id', () => {
  test('may be cut short as long as it is unique', async () => {
    const ref = await seedPipeline(server.database);
    const one = await server.client.launchPipeline({ ref, body: {} });
    const two = await server.client.launchPipeline({ ref, body: {} });
    expect((await server.client.getJob({ id: one.id.slice(0, 30) })).id).toBe(one.id);
    expect((await server.client.getJob({ id: one.id.toUpperCase() })).id).toBe(one.id);
    let same = 0;
    while (one.id[same] === two.id[same]) same += 1;
    await expect(
      server.client.getJob({ id: one.id.slice(0, Math.max(4, same)) }),
    ).rejects.toMatchObject({
      code: 'RIVET_ID_AMBIGUOUS',
      entry: { exit: 2 },
    });
  });
});

test('a pipeline that does not exist is answered with the nearest name', async () => {
  await seedPipeline(server.database, { name: 'release-everything' });
  await expect(server.client.getPipeline({ ref: 'release-everthing' })).rejects.toMatchObject({
    message: 'there is no pipeline "release-everthing"; did you mean "release-everything"?',
  });
});

test('metrics tell how many jobs wait', async () => {
  await FakeRunner.register(server.client);
  let text = '';
  for await (const piece of server.client.getMetrics()) text += piece;
  expect(text).toMatch(/^rivet_jobs_queued \d+$/m);
  expect(text).toContain('rivet_http_request_seconds_bucket');
});
