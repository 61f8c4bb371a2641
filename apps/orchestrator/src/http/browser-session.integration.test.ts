// Sessions in cookies, and what other sites cannot make a browser do with them (S20).
import { request as httpRequest } from 'node:http';
import { uuidv7 } from '@rivet/base';
import { type Route, routePath, routes } from '@rivet/protocol';
import { insertUser, readJob } from '@rivet/store';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPasswords } from '../auth/passwords.ts';
import { seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();
const PASSWORD = 'correct horse battery staple';
const passwords = createPasswords({ cost: { memoryKib: 1024, passes: 2, lanes: 1 } });

beforeAll(async () => {
  await makeUser('ada');
});

async function makeUser(name: string): Promise<string> {
  const id = uuidv7();
  const passwordHash = await passwords.hash(PASSWORD);
  await insertUser(server.database, { id, name, role: 'admin', passwordHash });
  return id;
}

async function sql(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = await server.database.connect();
  try {
    return (await client.query(statement, values)).rows;
  } finally {
    await client.end();
  }
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Sends exactly these headers; fetch would decide about some of them itself. */
function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = { method, headers: { ...headers, ...length } };
    const sent = httpRequest(`${server.url}${path}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const JSON_BODY = { 'content-type': 'application/json' };
const SAME = { 'sec-fetch-site': 'same-origin' };

async function signIn(name = 'ada', headers: Record<string, string> = {}): Promise<Answer> {
  const body = JSON.stringify({ name, password: PASSWORD });
  return send('POST', '/api/auth/browser', { ...JSON_BODY, ...SAME, ...headers }, body);
}

function cookieOf({ headers }: Answer): string {
  const [cookie = ''] = headers['set-cookie'] ?? [];
  return cookie.split(';', 1)[0] ?? '';
}

describe('the session of a browser', () => {
  it('begins with a cookie for this host alone, which no script can read', async () => {
    const answer = await signIn();
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ name: 'ada', expires_in: 30 * 24 * 60 * 60 });
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^__Host-rivet=[A-Za-z0-9_-]{43}; Max-Age=2592000; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
      ),
    ]);
  });

  it('says who one is, and is stored as a hash only', async () => {
    const cookie = cookieOf(await signIn());
    const me = await send('GET', '/api/auth/me', { cookie, ...SAME });
    expect(JSON.parse(me.body)).toMatchObject({ name: 'ada', via: 'browser' });
    const value = cookie.split('=')[1] ?? '';
    const rows = await sql('SELECT sessions::text AS row FROM sessions');
    expect(JSON.stringify(rows)).not.toContain(value);
  });

  it('gets a new token at every sign-in, and the one before ends', async () => {
    const planted = `__Host-rivet=${'A'.repeat(43)}`;
    const first = cookieOf(await signIn('ada', { cookie: planted }));
    expect(first).not.toBe(planted);
    expect((await send('GET', '/api/auth/me', { cookie: planted, ...SAME })).status).toBe(401);
    const second = cookieOf(await signIn('ada', { cookie: first }));
    expect(second).not.toBe(first);
    expect((await send('GET', '/api/auth/me', { cookie: first, ...SAME })).status).toBe(401);
    expect((await send('GET', '/api/auth/me', { cookie: second, ...SAME })).status).toBe(200);
  });

  it('ends when one signs out, at once, and the cookie is taken away', async () => {
    const cookie = cookieOf(await signIn());
    const answer = await send('DELETE', '/api/auth/browser', { cookie, ...SAME });
    expect(answer.status).toBe(204);
    expect(answer.headers['set-cookie']).toEqual([
      '__Host-rivet=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax',
    ]);
    expect((await send('GET', '/api/auth/me', { cookie, ...SAME })).status).toBe(401);
    // Again, as after an answer that was lost.
    expect((await send('DELETE', '/api/auth/browser', { cookie, ...SAME })).status).toBe(204);
  });

  it.each([
    ['the user is disabled', 'UPDATE users SET disabled_at = now() WHERE id = $1'],
    ['all sessions were ended', 'UPDATE users SET token_version = token_version + 1 WHERE id = $1'],
    [
      'it was not used for 7 days',
      `UPDATE sessions SET used_at = now() - interval '8 days' WHERE user_id = $1`,
    ],
    ['its 30 days are over', 'UPDATE sessions SET expires_at = now() WHERE user_id = $1'],
    ['it was ended elsewhere', 'UPDATE sessions SET ended_at = now() WHERE user_id = $1'],
  ])('counts no more when %s', async (_, statement) => {
    const name = `user-${uuidv7()}`;
    const id = await makeUser(name);
    const cookie = cookieOf(await signIn(name));
    expect((await send('GET', '/api/auth/me', { cookie, ...SAME })).status).toBe(200);
    await sql(statement, [id]);
    const refused = await send('GET', '/api/auth/me', { cookie, ...SAME });
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'RIVET_AUTH_INVALID' });
  });

  it.each([
    ['is short', (value: string) => value.slice(1)],
    ['has another character', (value: string) => `${value.slice(0, -1)}-`],
    ['has SQL in it', () => "' OR 1=1 --"],
    ['is an API key', () => server.token],
    ['comes twice', (value: string) => `${value}; __Host-rivet=${value}`],
    ['is empty', () => ''],
  ])('is not there for a cookie that %s', async (_, change) => {
    const value = cookieOf(await signIn()).split('=')[1] ?? '';
    const cookie = `other=1; __Host-rivet=${change(value)}`;
    expect((await send('GET', '/api/auth/me', { cookie, ...SAME })).status).toBe(401);
  });

  it('does not begin with a wrong password, and no cookie says anything', async () => {
    const body = JSON.stringify({ name: 'ada', password: 'wrong' });
    const answer = await send('POST', '/api/auth/browser', { ...JSON_BODY, ...SAME }, body);
    expect(answer.status).toBe(401);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('another site', () => {
  const foreign: readonly [string, Record<string, string>][] = [
    [
      'a form',
      {
        'sec-fetch-site': 'cross-site',
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
      },
    ],
    ['a script', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['another port of this host', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }],
    ['another host of this domain', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
    ['somebody who types an address', { 'sec-fetch-site': 'none' }],
    ['an old browser, by its origin', { origin: 'https://evil.invalid' }],
    ['a page without an origin', { origin: 'null' }],
    ['this host over another scheme', { origin: 'https://127.0.0.1' }],
    ['nobody who says anything', {}],
    ['somebody who says it twice', { 'sec-fetch-site': 'same-origin, same-origin' }],
    ['a wrong word', { 'sec-fetch-site': 'SAME-ORIGIN' }],
  ];
  const changing = Object.entries<Route>(routes).filter(
    ([name, { method, permission }]) =>
      method !== 'GET' &&
      !['public', 'runner', 'registration'].includes(permission) &&
      // Signs others of the test out.
      name !== 'logout',
  );

  it.each(foreign)('(%s) can do nothing with the cookie, on any route', async (_, headers) => {
    const cookie = cookieOf(await signIn());
    for (const [name, route] of changing) {
      const path = routePath(route).replaceAll(/:\w+/g, '0190a0a0-0000-7000-8000-000000000000');
      for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
        const sent = { cookie, ...headers, 'content-type': type };
        const answer = await send(route.method, path, sent, '{}');
        expect(answer.status, `${name} ${type}`).toBe(403);
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'RIVET_WEB_CROSS_SITE' });
      }
    }
    // The session is what it was.
    expect((await send('GET', '/api/auth/me', { cookie, ...SAME })).status).toBe(200);
  });

  it('changes nothing: the job that it would cancel runs on, and a page of ours cancels it', async () => {
    const ref = await seedPipeline(server.database);
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const cookie = cookieOf(await signIn());
    for (const [, headers] of foreign) {
      await send('POST', `/api/jobs/${id}/cancel`, { cookie, ...headers });
      expect((await readJob(server.database, id))?.state).toBe('queued');
    }
    expect((await send('POST', `/api/jobs/${id}/cancel`, { cookie, ...SAME })).status).toBe(200);
    expect((await readJob(server.database, id))?.state).toBe('canceled');
  });

  it('is told from a page of ours by its origin where a browser says nothing else', async () => {
    const ref = await seedPipeline(server.database);
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const cookie = cookieOf(await signIn());
    const answer = await send('POST', `/api/jobs/${id}/cancel`, { cookie, origin: server.url });
    expect(answer.status).toBe(200);
  });

  it('cannot sign a browser in as somebody of its choice, nor out', async () => {
    const body = JSON.stringify({ name: 'ada', password: PASSWORD });
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.invalid' };
    const answer = await send('POST', '/api/auth/browser', { ...headers, ...JSON_BODY }, body);
    expect(answer.status).toBe(403);
    expect(answer.headers['set-cookie']).toBeUndefined();
    const cookie = cookieOf(await signIn());
    const out = await send('DELETE', '/api/auth/browser', { cookie, ...headers });
    expect(out.status).toBe(403);
    expect((await send('GET', '/api/auth/me', { cookie, ...SAME })).status).toBe(200);
    const form = {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'cross-site',
    };
    const fields = new URLSearchParams({ name: 'ada', password: PASSWORD, next: '/' }).toString();
    const page = await send('POST', '/login', form, fields);
    expect(page.status).toBe(403);
    expect(page.headers['set-cookie']).toBeUndefined();
  });

  it('reads nothing with the cookie, but may link to a page', async () => {
    const cookie = cookieOf(await signIn());
    const image = {
      cookie,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'image',
    };
    expect((await send('GET', '/api/jobs', image)).status).toBe(403);
    const frame = {
      cookie,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'iframe',
    };
    expect((await send('GET', '/', frame)).status).toBe(403);
    const link = {
      cookie,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await send('GET', '/', link)).status).toBe(200);
  });

  it('does not matter to a program with an API key, which nobody sends for it', async () => {
    const ref = await seedPipeline(server.database);
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const answer = await send('POST', `/api/jobs/${id}/cancel`, {
      authorization: `Bearer ${server.token}`,
      cookie: `__Host-rivet=${'A'.repeat(43)}`,
      'sec-fetch-site': 'cross-site',
      origin: 'https://evil.invalid',
    });
    expect(answer.status).toBe(200);
  });
});

describe('a request that only reads', () => {
  it('changes nothing in the database, on any route', async () => {
    const cookie = cookieOf(await signIn());
    const ref = await seedPipeline(server.database);
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    // What is made when it is first asked for, such as a signing key, is there after this.
    await readEverything(cookie, { id, ref });
    const before = await fingerprint();
    await readEverything(cookie, { id, ref });
    expect(await fingerprint()).toEqual(before);
  });

  async function readEverything(cookie: string, of: { id: string; ref: string }): Promise<void> {
    for (const route of Object.values<Route>(routes)) {
      if (route.method !== 'GET' || route.stream === 'sse') continue;
      const value = route.path.startsWith('/jobs') ? of.id : of.ref;
      const path = routePath(route).replaceAll(/:\w+/g, value);
      await send('GET', path, { cookie, ...SAME });
    }
    for (const path of ['/', '/login', `/jobs/${of.id}`, `/jobs/${of.id}/log?attempt=1`]) {
      await send('GET', path, { cookie, ...SAME });
    }
  }

  /** What the tables hold, without the time of last use and what is noted about requests. */
  async function fingerprint(): Promise<unknown> {
    const tables = await sql(
      `SELECT table_name AS name FROM information_schema.tables
       WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`,
    );
    // The last one is written by a duty, each second.
    const noted = [
      ...['audit_log', 'audit_head', 'sessions', 'api_keys', 'runners', 'attempt_limits'],
      'cluster_heartbeat',
    ];
    const sums: Record<string, unknown> = {};
    for (const { name } of tables.filter((table) => !noted.includes(String(table.name)))) {
      const rows = await sql(
        `SELECT count(*)::int AS rows, md5(string_agg(t::text, '' ORDER BY t::text)) AS sum FROM "${name}" t`,
      );
      sums[String(name)] = rows[0];
    }
    return sums;
  }
});
