// Every answer there is carries the headers that make browsers careful.
import { connect } from 'node:net';
import { type Route, routePath, routes } from '@rivet/protocol';
import { afterAll, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { API_CONTENT_POLICY, PAGE_CONTENT_POLICY, securityHeaders } from './security-headers.ts';

const server = useTestOrchestrator();

afterAll(() => server.orchestrator.stop());

const withoutPolicy = Object.entries(securityHeaders).filter(
  ([name]) => name !== 'content-security-policy' && name !== 'cache-control',
);

async function answerTo(path: string, options: RequestInit = {}): Promise<Response> {
  const signal = AbortSignal.timeout(60_000);
  const answer = await fetch(`${server.url}${path}`, { redirect: 'manual', signal, ...options });
  for (const [name, value] of withoutPolicy) {
    expect(answer.headers.get(name), `${name} of ${path}`).toBe(value);
  }
  return answer;
}

test.each(Object.entries<Route>(routes))('%s', async (_, route) => {
  const path = routePath(route).replaceAll(/:\w+/g, '0190a0a0-0000-7000-8000-000000000000');
  for (const headers of [{}, { authorization: `Bearer ${server.token}` }]) {
    const answer = await answerTo(path, { method: route.method, headers });
    expect(answer.headers.get('content-security-policy')).toBe(API_CONTENT_POLICY);
    // Public keys are the same for everybody; all else depends on who asks.
    const keys = path.startsWith('/.well-known/');
    expect(answer.headers.get('cache-control')).toBe(keys ? 'public, max-age=300' : 'no-store');
    // Only over TLS: a browser would refuse to come back without.
    expect(answer.headers.get('strict-transport-security')).toBeNull();
    await answer.body?.cancel();
  }
});

test.each(['/', '/login', '/jobs/0190a0a0', '/jobs/0190a0a0/log?attempt=1'])(
  'the page %s',
  async (path) => {
    const answer = await answerTo(path);
    expect(answer.headers.get('content-security-policy')).toBe(PAGE_CONTENT_POLICY);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  },
);

test('the policy of pages allows nothing inline, nothing evaluated and no other site', () => {
  expect(PAGE_CONTENT_POLICY).not.toMatch(/unsafe|\*|https?:|blob:/);
  expect(PAGE_CONTENT_POLICY).toMatch(/^default-src 'none';/);
  for (const part of ["base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"]) {
    expect(PAGE_CONTENT_POLICY).toContain(part);
  }
});

test('files of pages are kept, as their names change with their content', async () => {
  const page = await (await answerTo('/login')).text();
  const paths = [...page.matchAll(/"(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '');
  expect(paths).toHaveLength(2);
  for (const path of paths) {
    const answer = await answerTo(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(answer.headers.get('content-type')).toMatch(/^text\/(css|javascript); charset=utf-8$/);
  }
  expect((await answerTo('/assets/..%2f..%2fpackage.json')).status).toBe(404);
});

test('what is not there, a wrong method and a path that cannot be read', async () => {
  expect((await answerTo('/nothing')).status).toBe(404);
  expect((await answerTo('/api/jobs', { method: 'PATCH' })).status).toBe(405);
  expect((await answerTo('/api/jobs/%zz')).status).toBe(404);
});

test('what is no HTTP request at all', async () => {
  const { hostname, port } = new URL(server.url);
  const text = await new Promise<string>((resolve, reject) => {
    let received = '';
    const socket = connect(Number(port), hostname);
    socket.setEncoding('utf8');
    socket.on('data', (piece) => {
      received += piece;
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
    socket.write('NONSENSE\r\n\r\n');
  });
  for (const [name, value] of Object.entries(securityHeaders)) {
    expect(text).toContain(`\r\n${name}: ${value}\r\n`);
  }
});

test('over TLS, also that of a trusted proxy, browsers are told to come back over TLS only', async () => {
  const behind = await startTestOrchestrator(server.databaseUrl, { trustedProxies: ['127.0.0.1'] });
  try {
    const address = `${behind.orchestrator.url}/login`;
    const secure = await fetch(address, { headers: { 'x-forwarded-proto': 'https' } });
    expect(secure.headers.get('strict-transport-security')).toBe('max-age=63072000');
    const plain = await fetch(address, { headers: { 'x-forwarded-proto': 'http' } });
    expect(plain.headers.get('strict-transport-security')).toBeNull();
    // From somebody who is no trusted proxy it says nothing.
    const forged = await fetch(`${server.url}/login`, {
      headers: { 'x-forwarded-proto': 'https' },
    });
    expect(forged.headers.get('strict-transport-security')).toBeNull();
  } finally {
    await behind.orchestrator.stop();
  }
});

test('a raw log is a file of plain text, whatever was printed', async () => {
  const database = openTestDatabase(server.databaseUrl);
  try {
    await server.client.launchPipeline({ ref: await seedPipeline(database), body: {} });
    const runner = await FakeRunner.register(server.client);
    const job = await runner.claimOne();
    const html = '<html><script>alert(1)</script>';
    await runner.report(job, { logs: [logLine(1, html)], outcome: { state: 'succeeded' } });
    const answer = await answerTo(`/api/jobs/${job.id}/logs/raw`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${job.id}.log"`);
    expect(await answer.text()).toBe(`${html}\n`);
  } finally {
  }
});
