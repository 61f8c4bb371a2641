// Pages show nobody more than the API does: each is like a route, and asks for the same rights.
import { randomUUID } from 'node:crypto';
import { get } from 'node:http';
import { type RouteName, routes } from '@rivet/protocol';
import { expect, test } from 'vitest';
import { PASSWORD, seedPersonWithPassword } from '../../auth/test-people.ts';
import {
  seedPerson,
  seedPipeline,
  startTestOrchestrator,
  useTestOrchestrator,
} from '../../test-orchestrator.ts';
import type { Handlers } from '../handler.ts';
import { pageRoutes } from './serve-pages.ts';
import { ownPath } from './session-pages.ts';

const server = useTestOrchestrator();

const pages = pageRoutes({} as Handlers<RouteName>);

test('the pages are these, each with the rights of a route', () => {
  const table = pages.map(({ method, path, like }) => [
    `${method} ${path}`,
    routes[like].permission,
  ]);
  expect(Object.fromEntries(table)).toEqual({
    'GET /login': 'public',
    'POST /login': 'public',
    'POST /logout': 'public',
    'GET /': 'pipelines.view',
    'GET /jobs/:id': 'pipelines.view',
    'GET /jobs/:id/log': 'pipelines.view',
  });
});

test('whoever is not signed in is sent to the sign-in, and back after it', async () => {
  for (const page of pages.filter(({ like }) => routes[like].permission !== 'public')) {
    const path = page.path.replace(':id', '0190a0a0');
    const answer = await fetch(`${server.url}${path}?attempt=1`, { redirect: 'manual' });
    expect(answer.status).toBe(303);
    const next = encodeURIComponent(`${path}?attempt=1`);
    expect(answer.headers.get('location')).toBe(`/login?next=${next}`);
    const wrong = { authorization: `Bearer rvt_${'A'.repeat(43)}` };
    const refused = await fetch(`${server.url}${path}`, { redirect: 'manual', headers: wrong });
    expect(refused.status).toBe(303);
    const piece = await fetch(`${server.url}${path}`, { headers: { 'hx-request': 'true' } });
    expect(piece.status).toBe(401);
    expect(piece.headers.get('hx-redirect')).toBe('/login');
  }
});

test('a job that one may not see is not there, and in no list', async () => {
  const ref = await seedPipeline(server.database);
  const { id } = await server.client.launchPipeline({ ref, body: {} });
  const { token } = await seedPerson(server.database, 'user');
  const headers = { authorization: `Bearer ${token}` };
  const unknown = randomUUID();
  for (const end of ['', '/log?attempt=1']) {
    const foreign = await fetch(`${server.url}/jobs/${id}${end}`, { headers });
    const missing = await fetch(`${server.url}/jobs/${unknown}${end}`, { headers });
    expect([foreign.status, missing.status]).toEqual([404, 404]);
    expect((await foreign.text()).replaceAll(id, unknown)).toBe(await missing.text());
  }
  expect(await (await fetch(`${server.url}/`, { headers })).text()).not.toContain(ref);
  const admin = { authorization: `Bearer ${server.token}` };
  expect(await (await fetch(`${server.url}/`, { headers: admin })).text()).toContain(ref);
});

test.each([
  ['/jobs/<script>alert(1)<script>', 400],
  ["/jobs/0190a0a0' OR 1=1 --", 400],
  ['/jobs/..%2f..%2fetc%2fpasswd', 400],
  ['/?cursor=<script>', 400],
  ['/?state=<script>', 400],
  ['/?nothing=<script>', 400],
  ['/jobs/0190a0a0/log?attempt=-1', 400],
  ['/<script>alert(1)</script>', 404],
])('%s is refused by a page in which it stands as text', async (path, status) => {
  const headers = { authorization: `Bearer ${server.token}`, accept: 'text/html' };
  const answer = await fetch(`${server.url}${path}`, { headers });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const text = await answer.text();
  expect(text.replace(/<script src="\/assets\/[^"]+" defer>/, '')).not.toContain('<script');
});

test.each([
  ['a form of 1 MB', 'application/x-www-form-urlencoded', `name=${'x'.repeat(1024 * 1024)}`, 413],
  ['JSON', 'application/json', '{"name":"x"}', 415],
  ['many parts', 'multipart/form-data; boundary=x', '--x--', 415],
  ['nothing', 'application/x-www-form-urlencoded', '', 400],
  ['a field too many', 'application/x-www-form-urlencoded', 'name=a&password=x&role=admin', 400],
  ['two names', 'application/x-www-form-urlencoded', 'name=a&name=b&password=x', 401],
  ['no text', 'application/x-www-form-urlencoded', 'name=%00&password=%ff', 400],
])('a sign-in with %s is refused', async (_, type, body, status) => {
  const headers = { 'content-type': type, 'sec-fetch-site': 'same-origin' };
  const answer = await fetch(`${server.url}/login`, {
    method: 'POST',
    headers,
    body,
    redirect: 'manual',
  });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('set-cookie')).toBeNull();
});

test('a sign-in that is refused on the page is in the audit log, and so is one that works', async () => {
  const { name, id } = await seedPersonWithPassword(server.database);
  const enter = (password: string): Promise<Response> =>
    fetch(`${server.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ name, password, next: '/' }),
    });
  expect((await enter('wrong')).status).toBe(401);
  expect((await enter(PASSWORD)).status).toBe(303);
  const actions = async (): Promise<string[]> => {
    const { items } = await server.client.listAuditEntries({ query: { limit: 50 } });
    return items
      .filter(({ object }) => object.id === id)
      .map(({ action, actor }) => `${action} ${actor.via}`.trim());
  };
  await expect
    .poll(actions, { timeout: 60_000 })
    .toEqual(expect.arrayContaining(['auth.refused', 'auth.login browser']));
});

test('over plain HTTP from elsewhere the sign-in page says that no session is kept', async () => {
  const behind = await startTestOrchestrator(server.databaseUrl, {
    allowedHosts: ['rivet.example.com'],
    trustedProxies: ['127.0.0.1'],
  });
  const read = (headers: Record<string, string>): Promise<string> =>
    askAs('rivet.example.com', `${behind.orchestrator.url}/login`, headers);
  try {
    expect(await read({})).toContain('plain HTTP');
    expect(await read({ 'x-forwarded-proto': 'https' })).not.toContain('plain HTTP');
    expect(await read({ 'sec-fetch-site': 'none' })).not.toContain('plain HTTP');
  } finally {
    await behind.orchestrator.stop();
  }
  expect(await (await fetch(`${server.url}/login`)).text()).not.toContain('plain HTTP');
});

/** What a server answers whoever knows it by another name; fetch would not say so. */
function askAs(host: string, address: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    get(address, { headers: { ...headers, host } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

test('the API takes no forms', async () => {
  const headers = {
    authorization: `Bearer ${server.token}`,
    'content-type': 'application/x-www-form-urlencoded',
  };
  const answer = await fetch(`${server.url}/api/auth/login`, {
    method: 'POST',
    headers,
    body: 'name=x',
  });
  expect(answer.status).toBe(415);
});

test.each([
  ['/', '/'],
  ['/jobs/1?attempt=2#L3', '/jobs/1?attempt=2#L3'],
  ['//evil.invalid', '/'],
  ['/\\evil.invalid', '/'],
  ['/\t/evil.invalid', '/'],
  ['https://evil.invalid', '/'],
  ['javascript:alert(1)', '/'],
  ['/a\r\nset-cookie: x=1', '/'],
  ['/login?next=/login', '/'],
  ['', '/'],
  [['/a', '/b'], '/'],
  [undefined, '/'],
])('after signing in, %j leads to %s', (next, path) => {
  expect(ownPath(next)).toBe(path);
});
