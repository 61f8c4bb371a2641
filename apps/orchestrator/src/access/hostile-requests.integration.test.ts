// Requests that are meant to reach what they should not, or to cost more than they should: paths
// that climb, bodies that are too large or too deep, and what belongs to somebody else in every
// place that refers to something.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import {
  type Client,
  type Job,
  type Route,
  type RouteName,
  routePath,
  routes,
} from '@rivet/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  logLine,
  seedPerson,
  seedPipeline,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { recipes, sendRequest, type World } from './test-requests.ts';

const server = useTestOrchestrator();
let world: World;
let runner: FakeRunner;
let registration: string;

beforeAll(async () => {
  world = {
    admin: server.client,
    database: server.database,
    base: `x-${randomBytes(4).toString('hex')}`,
  };
  runner = await FakeRunner.register(server.client, { pipelines: [`${world.base}-*`] });
  ({ token: registration } = await server.client.createRegistrationToken({
    body: { uses_max: 1000 },
  }));
});

const allRoutes = Object.keys(routes) as RouteName[];

function tokenFor(permission: Route['permission']): string {
  if (permission === 'runner') return runner.token;
  return permission === 'registration' ? registration : server.token;
}

/** Sends a path as it stands here: a URL would be tidied up first. */
async function sendPath(method: string, path: string, token: string) {
  const { hostname, port } = new URL(server.url);
  const sent = request({
    ...{ hostname, port, method, path, agent: false },
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(60_000),
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return { status: response.statusCode ?? 0, text, headers: response.headers };
}

describe('a path', () => {
  const climbing = [
    ...['..', '.', '%2e%2e', '%2E%2E%2F%2E%2E%2Fetc%2Fpasswd', '..%2f..%2f..%2fhealthz'],
    ...['%00', 'a%00b', '%0a', '%0d%0aset-cookie:x=1', '%', '%zz', '%ff', '%c0%ae%c0%ae', '%u002e'],
    ...['%252e%252e', '..;', '..%5c..%5c', '%5c..', '%20', '-', '--help', '*', '%2a', '%25'],
    ...['%ef%bc%8e%ef%bc%8e', '%e2%80%ae', '%e2%85%b0', '%f0%9f%92%a3', '%cd%a5'.repeat(20)],
    ...['constructor', '__proto__', 'toString', 'null', 'undefined', '0', '-1', '1e999'],
    ...['a'.repeat(4096), '%41'.repeat(1400), '00000000-0000-0000-0000-000000000000'],
  ];
  const withParams = allRoutes.filter((name) => {
    const { path, permission }: Route = routes[name];
    return path.includes('/:') && permission !== 'public';
  });

  test.each(withParams)('of %s does not climb', async (name) => {
    const route: Route = routes[name];
    const names = [...route.path.matchAll(/:(\w+)/g)].map(([, param = '']) => param);
    for (const place of names) {
      for (const text of climbing) {
        const path = routePath(route).replaceAll(/:(\w+)/g, (_, param: string) =>
          param === place ? text : 'everyone',
        );
        const answer = await sendPath(route.method, path, tokenFor(route.permission));
        const label = `${route.method} ${path.slice(0, 100)}: ${answer.status}`;
        expect(answer.status, label).toBeGreaterThanOrEqual(400);
        expect(answer.status, label).toBeLessThan(500);
        expect(answer.headers['content-type'], label).toMatch(/^application\/problem\+json/);
        expect(answer.headers['set-cookie'], label).toBeUndefined();
        expect(answer.text, label).not.toMatch(/root:|node_modules|\/home\/|\.ts:\d/);
      }
    }
  });

  test.each([
    '//api/jobs',
    '/api//jobs',
    '/api/./jobs',
    '/api/x/../jobs',
    '/API/jobs',
    '/api/jobs/',
  ])('that only looks like one of ours is none: %s', async (path) => {
    const { status } = await sendPath('GET', path, server.token);
    // The last of them is a job without an id.
    expect(status).toBe(path.endsWith('/') ? 400 : 404);
  });

  test('is for its method only: another is no way around the permission', async () => {
    for (const name of allRoutes) {
      const route: Route = routes[name];
      const path = routePath(route).replaceAll(/:(\w+)/g, '00000000-0000-0000-0000-000000000000');
      const others = Object.values<Route>(routes).filter((each) => each.path === route.path);
      const taken = new Set<string>(others.map(({ method }) => method));
      for (const method of ['HEAD', 'PATCH', 'OPTIONS'].filter((each) => !taken.has(each))) {
        const { status } = await sendPath(method, path, 'garbage');
        // A page may stand at the path of no route; what is refused is refused like any other.
        expect([401, 403, 404, 405], `${method} ${path}`).toContain(status);
      }
    }
  });
});

describe('a body', () => {
  const withBody = allRoutes.filter((name) => (routes[name] as Route).body !== undefined);
  const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const bodies: Readonly<Record<string, { text: string; type?: string }>> = {
    'nested a hundred thousand times': { text: deep(100_000) },
    'nested in lists': { text: '['.repeat(100_000) },
    'with 300,000 values': { text: `[${'0,'.repeat(300_000)}0]` },
    'of 40 MB': { text: `{"a":"${'x'.repeat(40_000_000)}"}` },
    'with __proto__': {
      text: '{"__proto__":{"role":"admin"},"constructor":{"prototype":{"a":1}}}',
    },
    'that is a list': { text: '[]' },
    'that is text': { text: '"x"' },
    'that is null': { text: 'null' },
    'that is a number': { text: '1e400' },
    'that is nothing': { text: '' },
    'that is no JSON': { text: '{"a":}' },
    'with a half of a character': { text: '"\\ud800"' },
    'of broken UTF-8': { text: '\u0080' },
    'that is a form': { text: 'a=b', type: 'application/x-www-form-urlencoded' },
    'that is XML': { text: '<a/>', type: 'application/xml' },
    'of plain text': { text: '{}', type: 'text/plain' },
  };

  test.each(withBody)('of %s that cannot be is refused at once', async (name) => {
    const route: Route = routes[name];
    const token = tokenFor(route.permission);
    const sample = await recipes[name].make(world, { token });
    const path = routePath(route).replaceAll(/:(\w+)/g, (_, param: string) =>
      encodeURIComponent(sample.params?.[param] ?? ''),
    );
    for (const [what, { text, type = 'application/json' }] of Object.entries(bodies)) {
      const response = await fetch(server.url + path, {
        method: route.method,
        headers: { authorization: `Bearer ${token}`, 'content-type': type },
        body: text,
        signal: AbortSignal.timeout(60_000),
      }).catch((error: unknown) => error);
      // A server that does not read the rest of a body may hang up before it was sent.
      if (!(response instanceof Response)) {
        expect(text.length, `${name}, a body ${what}: ${response}`).toBeGreaterThan(1_000_000);
        continue;
      }
      const answer = await response.text();
      const label = `${name}, a body ${what}: ${response.status} ${answer.slice(0, 300)}`;
      // Where every field may be absent, an unknown one is still refused, and so is a list.
      expect(response.status, label).toBeGreaterThanOrEqual(400);
      expect(response.status, label).toBeLessThan(500);
      expect(answer.length, label).toBeLessThan(20_000);
    }
  });

  test('of somebody who may not send it is not read', async () => {
    const { hostname, port } = new URL(server.url);
    for (const name of ['createPipeline', 'checkPipeline', 'reportJob'] as const) {
      const path = routePath(routes[name]).replace(':id', '00000000-0000-0000-0000-000000000000');
      const sent = request({
        ...{ hostname, port, method: 'POST', path, agent: false },
        // Most of it is never sent: whoever waits for it has not looked at the sender.
        headers: { 'content-type': 'application/json', 'content-length': 30_000_000 },
        signal: AbortSignal.timeout(60_000),
      });
      sent.on('error', () => undefined).write('{');
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(401);
      sent.destroy();
    }
  });

  test('of many at once takes bounded memory', async () => {
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 20);
    const bomb = Buffer.from(`{"bundle":${deep(1_000_000)}}`);
    const send = () =>
      fetch(`${server.url}/api/pipelines/check`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
        body: bomb,
      }).then(({ status }) => status);
    const statuses = await Promise.all(Array.from({ length: 10 }, send));
    clearInterval(watch);
    // Whoever cannot be served at the moment is told to come again.
    expect(statuses).toContain(400);
    expect(statuses.filter((status) => status !== 400 && status !== 503)).toEqual([]);
    // 10 bodies of 6 MB that are there at once, twice; far from what they would be as objects.
    expect((peak - before) / 1024 ** 2).toBeLessThan(600);
  });
});

describe("what is somebody else's", () => {
  let theirs: Job;
  let mine: string;
  let person: Client;
  let token: string;

  beforeAll(async () => {
    const other = await seedPipeline(server.database, { name: `${world.base}-theirs` });
    mine = await seedPipeline(server.database, { name: `y-${world.base}-mine` });
    theirs = await server.client.launchPipeline({ ref: other, body: {} });
    const own = await FakeRunner.register(server.client, { pipelines: [other] });
    await own.report(await own.claimOne(), { logs: [logLine(1, 'a line of theirs')] });
    const seeded = await seedPerson(server.database, 'user');
    token = seeded.token;
    person = clientFor(server.url, token);
    const permissions = ['pipelines.launch', 'pipelines.cancel', 'pipelines.edit'] as const;
    const body = { user: seeded.name, kind: 'pipeline', pattern: mine } as const;
    await server.client.createGrant({ body: { ...body, permissions: [...permissions] } });
  });

  test.each([
    'getJob',
    'cancelJob',
    'retryJob',
    'getJobLogs',
    'streamJobLogs',
    'getRawJobLogs',
    'streamJobEvents',
    'explainJob',
  ] as const)('is not there for %s, whatever else the request says', async (name) => {
    for (const id of [theirs.id, theirs.id.slice(0, 20), theirs.id.toUpperCase()]) {
      for (const headers of [
        {},
        { 'last-event-id': '1:0' },
        { 'last-event-id': `${theirs.id}:1` },
        { 'idempotency-key': 'theirs' },
      ]) {
        const answer = await sendRequest(server.url, name, { params: { id }, headers }, token);
        expect(answer).toMatchObject({ status: 404, code: 'RIVET_JOB_NOT_FOUND' });
        expect(answer.text).not.toContain('theirs');
      }
    }
  });

  test('comes through no cursor, filter or search of a list', async () => {
    const own = await person.launchPipeline({ ref: mine, body: {} });
    const jobs = await server.client.listJobs({ query: { limit: 1 } });
    const pipelines = await server.client.listPipelines({ query: { limit: 1 } });
    const lists = [
      await person.listJobs({ query: { cursor: jobs.next_cursor ?? '' } }),
      await person.listJobs({ query: { pipeline: theirs.pipeline } }),
      await person.listJobs({ query: { state: 'running' } }),
      await person.listPipelines({ query: { cursor: pipelines.next_cursor ?? '' } }),
      await person.listPipelines({ query: { search: 'theirs' } }),
    ];
    const text = JSON.stringify(lists);
    expect(text).not.toContain('theirs');
    expect(text).not.toContain(theirs.id);
    expect((await person.listJobs({})).items.map(({ id }) => id)).toEqual([own.id]);
    expect((await person.listPipelines({})).items.map(({ name }) => name)).toEqual([mine]);
  });

  test('is told by no cursor that is forged or of another list', async () => {
    const cursors = [
      ['jobs', theirs.id],
      ['pipelines', theirs.pipeline],
      ['jobs', "' OR 1=1--"],
      ['api-keys', theirs.id],
    ].map((content) => Buffer.from(JSON.stringify(content)).toString('base64url'));
    for (const cursor of [...cursors, 'x', 'e30', '']) {
      for (const name of ['listJobs', 'listPipelines', 'listApiKeys'] as const) {
        const { status, text } = await sendRequest(server.url, name, { query: { cursor } }, token);
        expect([200, 400], `${name} ${cursor}`).toContain(status);
        if (status === 200) expect(text).not.toContain('theirs');
      }
    }
  });

  test('is not told apart by a prefix that fits one of theirs and one of mine', async () => {
    const own = await person.launchPipeline({ ref: mine, body: {} });
    // Ids begin with the time, so those of one minute begin alike.
    const shared = [...own.id].findIndex((character, index) => character !== theirs.id[index]);
    const prefix = own.id.slice(0, Math.max(4, shared));
    const mineOnly = (await person.listJobs({})).items.filter(({ id }) => id.startsWith(prefix));
    const answer = await sendRequest(server.url, 'getJob', { params: { id: prefix } }, token);
    expect(answer.text).not.toContain(theirs.id);
    if (mineOnly.length === 1) expect(JSON.parse(answer.text)).toMatchObject({ id: own.id });
    else expect(answer.code).toBe('RIVET_ID_AMBIGUOUS');
  });
});
