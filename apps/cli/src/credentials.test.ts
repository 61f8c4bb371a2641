// By what a command is known: which token goes where, and how sessions go on without being lost.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoredContext } from './config-file.ts';
import { chooseServer, type ServerChoice } from './contexts.ts';
import { authorizedFetch, credentialsFor } from './credentials.ts';
import type { Fetch } from './server-fetch.ts';

const KEY = `rvt_${'k'.repeat(43)}`;
const URL_A = 'https://a.example.com';
const URL_B = 'https://b.example.com';
const SOON = new Date(Date.now() + 600_000).toISOString();
const PAST = new Date(Date.now() - 1000).toISOString();

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-credentials-'));
  path = join(directory, 'config');
  await writeFile(path, '{}');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(directory, { recursive: true, force: true });
});

const keep = (contexts: Record<string, StoredContext>, context?: string): Promise<void> =>
  writeFile(path, JSON.stringify({ contexts, ...(context && { context }) }), { mode: 0o600 });
const kept = async (name: string): Promise<StoredContext> =>
  JSON.parse(await readFile(path, 'utf8')).contexts[name];
const session = (n: number, expiresAt = SOON): StoredContext => ({
  url: URL_A,
  user: 'ada',
  access_token: `access-${n}`,
  access_expires_at: expiresAt,
  refresh_token: `rvf_${n}`,
});

/** The token that a command with these options and variables would send. */
const tokenFor = async (choice: ServerChoice, env: Record<string, string> = {}) => {
  const all = { RIVET_CONFIG: path, ...env };
  const server = await chooseServer(all, choice);
  const credentials = await credentialsFor(server, all);
  return { url: server.url, kind: credentials.kind, token: await credentials.current() };
};

/** A server whose sessions rotate like the real one's: a token of two turns before ends them. */
class FakeServer {
  readonly seen: string[] = [];
  refreshes = 0;
  turn = 1;
  ended = false;
  /** Access tokens that are refused, though their time has not come. */
  readonly revoked = new Set<string>();

  readonly fetch: Fetch = async (input, init) => {
    const { pathname } = new URL(String(input));
    if (pathname === '/api/auth/refresh') return this.#refresh(String(init?.body));
    const token = new Headers(init?.headers).get('authorization') ?? 'none';
    this.seen.push(token);
    const valid = token === `Bearer access-${this.turn}` && !this.ended;
    if (!valid || this.revoked.has(token)) return refused();
    return Response.json({ items: [], next_cursor: null });
  };

  #refresh(body: string): Response {
    this.refreshes += 1;
    const given = JSON.parse(body).refresh_token;
    if (given !== `rvf_${this.turn}`) this.ended = true;
    if (this.ended) return refused();
    this.turn += 1;
    return Response.json({
      access_token: `access-${this.turn}`,
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: `rvf_${this.turn}`,
    });
  }
}

const refused = (): Response =>
  Response.json(
    { code: 'RIVET_AUTH_INVALID', detail: 'the token is not valid', status: 401, solve: 's' },
    { status: 401 },
  );

/** What `rivet job list` does, as one of several processes. */
const listJobs = async (server: FakeServer, env: Record<string, string> = {}): Promise<void> => {
  const all = { RIVET_CONFIG: path, ...env };
  vi.stubGlobal('fetch', server.fetch);
  const chosen = await chooseServer(all, {});
  const credentials = await credentialsFor(chosen, all);
  const fetch = authorizedFetch(chosen.url, credentials, server.fetch);
  await createClient({ url: chosen.url, fetch, triesMax: 1 }).listJobs();
};

describe('the token', () => {
  it('is that of RIVET_TOKEN for the server of RIVET_URL', async () => {
    await keep({ a: { url: URL_A, api_key: 'stored' } }, 'a');
    const env = { RIVET_TOKEN: KEY, RIVET_URL: URL_B };
    expect(await tokenFor({}, env)).toEqual({ url: URL_B, kind: 'variable', token: KEY });
  });

  it('is that of RIVET_TOKEN for the address of the file where RIVET_URL is not set', async () => {
    await writeFile(path, JSON.stringify({ url: URL_A }));
    expect(await tokenFor({}, { RIVET_TOKEN: KEY })).toMatchObject({ url: URL_A, token: KEY });
  });

  it('of RIVET_TOKEN does not follow the current context, which somebody may change', async () => {
    await keep({ a: { url: URL_A, api_key: 'stored' }, b: { url: URL_B, api_key: 'two' } }, 'a');
    const error = await tokenFor({}, { RIVET_TOKEN: KEY }).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'RIVET_CLI_TOKEN_ELSEWHERE',
      message: expect.stringMatching(/the server of RIVET_URL, which is not set/),
    });
    const other = await tokenFor({ context: 'b' }, { RIVET_TOKEN: KEY });
    expect(other).toMatchObject({ url: URL_B, token: 'two' });
  });

  it('of RIVET_TOKEN goes to no other server than its own', async () => {
    await keep({ a: { url: URL_A, api_key: 'stored' } });
    const env = { RIVET_TOKEN: KEY, RIVET_URL: URL_B };
    expect(await tokenFor({ context: 'a' }, env)).toMatchObject({ url: URL_A, token: 'stored' });
    for (const variables of [env, { RIVET_TOKEN: KEY }]) {
      const error = await tokenFor({ url: 'https://c.example.com' }, variables).catch((e) => e);
      expect(error).toMatchObject({ code: 'RIVET_CLI_TOKEN_ELSEWHERE' });
      expect(error.message).not.toContain(KEY);
    }
  });

  it('of a context is for its address, by whatever name that is asked for', async () => {
    await keep({ a: { url: URL_A, api_key: 'one' }, b: { url: URL_B, api_key: 'two' } }, 'a');
    expect((await tokenFor({})).token).toBe('one');
    expect((await tokenFor({ url: `${URL_B}/` })).token).toBe('two');
    expect((await tokenFor({}, { RIVET_CONTEXT: 'b' })).token).toBe('two');
    expect((await tokenFor({}, { RIVET_URL: URL_B })).token).toBe('two');
    expect(await tokenFor({ url: 'https://b.example.com:8443' })).toMatchObject({ kind: 'none' });
    await expect(tokenFor({ context: 'c' })).rejects.toThrow(/no context "c"/);
    await expect(tokenFor({ context: 'a', url: URL_B })).rejects.toThrow(/--url and --context/);
  });

  it.each([
    ['another kind of token', `rvr_${'k'.repeat(43)}`, /RIVET_TOKEN is a runner token/],
    ['a line end', `${KEY}\n`, /RIVET_TOKEN is text with spaces, line ends/],
    ['what is far too long', 'k'.repeat(5000), /RIVET_TOKEN is text/],
  ])('is refused without being shown when it is %s', async (_name, token, message) => {
    const error = await tokenFor({}, { RIVET_TOKEN: token }).catch((thrown) => thrown);
    expect(error.message).toMatch(message);
    expect(JSON.stringify(error)).not.toContain('kkk');
  });

  it('is not sent unencrypted, except on this machine or when somebody says so', async () => {
    const token = { RIVET_TOKEN: KEY };
    for (const url of ['http://127.0.0.1:7450', 'http://localhost', 'http://[::1]:1']) {
      expect((await tokenFor({}, { ...token, RIVET_URL: url })).token).toBe(KEY);
    }
    for (const url of ['http://10.0.0.1', 'http://127.0.0.1.example.com', 'http://localhost.x']) {
      await expect(tokenFor({}, { ...token, RIVET_URL: url })).rejects.toThrow(/unencrypted/);
      const allowed = { ...token, RIVET_URL: url, RIVET_ALLOW_PLAINTEXT: 'yes' };
      expect((await tokenFor({}, allowed)).token).toBe(KEY);
    }
  });

  it('is attached to requests to its server only', async () => {
    const seen: (string | null)[] = [];
    const credentials = {
      kind: 'api_key',
      current: async () => KEY,
      renew: async () => undefined,
    } as const;
    const fetch = authorizedFetch(URL_A, credentials, async (_input, init) => {
      seen.push(init.headers.authorization ?? null);
      return new Response();
    });
    const init = {
      method: 'GET',
      headers: {},
      redirect: 'error',
      signal: new AbortController().signal,
    } as const;
    await fetch(`${URL_A}/api/jobs`, init);
    await fetch(`${URL_B}/api/jobs`, init);
    await fetch('http://a.example.com/api/jobs', init);
    expect(seen).toEqual([`Bearer ${KEY}`, null, null]);
  });
});

describe('a session', () => {
  it('goes on with its access token while that is valid', async () => {
    const server = new FakeServer();
    await keep({ a: session(1) }, 'a');
    await listJobs(server);
    expect(server).toMatchObject({ seen: ['Bearer access-1'], refreshes: 0 });
  });

  it('takes the next tokens before the access token ends, and keeps them', async () => {
    const server = new FakeServer();
    await keep({ a: session(1, PAST) }, 'a');
    await listJobs(server);
    expect(server).toMatchObject({ seen: ['Bearer access-2'], refreshes: 1 });
    expect(await kept('a')).toMatchObject({
      refresh_token: 'rvf_2',
      access_token: 'access-2',
      user: 'ada',
    });
    await listJobs(server);
    expect(server.refreshes).toBe(1);
  });

  it('takes the next tokens when the server refuses the one that it has, once', async () => {
    const server = new FakeServer();
    server.revoked.add('Bearer access-1');
    await keep({ a: session(1) }, 'a');
    await listJobs(server);
    expect(server.seen).toEqual(['Bearer access-1', 'Bearer access-2']);
    server.revoked.add('Bearer access-2').add('Bearer access-3');
    await expect(listJobs(server)).rejects.toMatchObject({ code: 'RIVET_AUTH_INVALID' });
    expect(server.refreshes).toBe(2);
  });

  it('survives twenty commands at once: one of them takes the tokens for all', async () => {
    const server = new FakeServer();
    await keep({ a: session(1, PAST) }, 'a');
    await Promise.all(Array.from({ length: 20 }, () => listJobs(server)));
    expect(server).toMatchObject({ refreshes: 1, ended: false });
    expect(server.seen).toHaveLength(20);
  });

  it('that has ended is said so once and for all, and its tokens are forgotten', async () => {
    const server = new FakeServer();
    server.ended = true;
    await keep({ a: session(1, PAST) }, 'a');
    const error = await listJobs(server).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'RIVET_CLI_SESSION_ENDED',
      message: `the session of ada at ${URL_A} has ended`,
    });
    expect(await kept('a')).toEqual({ url: URL_A, user: 'ada' });
    expect(JSON.stringify(error)).not.toMatch(/rvf_|access-/);
  });

  it('is kept when the server cannot be asked', async () => {
    const server = new FakeServer();
    const offline: Fetch = () => Promise.reject(new TypeError('fetch failed'));
    await keep({ a: session(1, PAST) }, 'a');
    vi.stubGlobal('fetch', offline);
    const all = { RIVET_CONFIG: path };
    const credentials = await credentialsFor(await chooseServer(all, {}), all);
    await expect(credentials.current()).rejects.toMatchObject({ code: 'RIVET_SERVER_UNREACHABLE' });
    expect(await kept('a')).toEqual(session(1, PAST));
    await listJobs(server);
  });

  it('is not renewed for a context that has become another server', async () => {
    const server = new FakeServer();
    const all = { RIVET_CONFIG: path };
    await keep({ a: session(1, PAST) }, 'a');
    vi.stubGlobal('fetch', server.fetch);
    const credentials = await credentialsFor(await chooseServer(all, {}), all);
    await keep({ a: { ...session(1, PAST), url: URL_B } }, 'a');
    await expect(credentials.current()).rejects.toMatchObject({ code: 'RIVET_CLI_SESSION_ENDED' });
    expect(server.refreshes).toBe(0);
    expect(await kept('a')).toMatchObject({ url: URL_B, refresh_token: 'rvf_1' });
  });
});
