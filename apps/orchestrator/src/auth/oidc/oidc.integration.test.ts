// Sign-in elsewhere against a real provider (oidc-provider): the way there and back, and everything
// that somebody could change on it.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@rivet/protocol';
import { type Database, findUser } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { OidcConfig } from '../../oidc-config.ts';
import {
  openTestDatabase,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../../test-orchestrator.ts';
import { clientWith, PASSWORD, seedPersonWithPassword, signIn } from '../test-people.ts';
import { challengeOf, readHandshake } from './handshake.ts';
import { startTestProvider, TestBrowser, type TestProvider } from './test-provider.ts';

const testDatabase = useTestDatabase();
let database: Database;
let provider: TestProvider;
const servers: TestOrchestrator[] = [];

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  provider = await startTestProvider();
});

afterEach(async () => {
  for (const { orchestrator } of servers.splice(0)) await orchestrator.stop();
});

afterAll(async () => {
  await provider?.close();
  await database?.close();
});

async function startWith(changes: Partial<OidcConfig> = {}): Promise<TestOrchestrator> {
  const server = await startTestOrchestrator(testDatabase.url, { oidc: provider.config(changes) });
  servers.push(server);
  provider.allowRedirect(callbackOf(server));
  return server;
}

const callbackOf = ({ orchestrator }: TestOrchestrator): string =>
  `${orchestrator.url}/api/auth/oidc/callback`;
const startOf = ({ orchestrator }: TestOrchestrator): string =>
  `${orchestrator.url}/api/auth/oidc/start`;

/** An account at the provider; its subject. */
function account(claims: Record<string, unknown> = {}): { subject: string; name: string } {
  const subject = randomUUID();
  const name = `grace-${subject.slice(0, 8)}`;
  provider.accounts.set(subject, { preferred_username: name, ...claims });
  return { subject, name };
}

/** The whole way in a browser; the answer to the return. */
async function signInBrowser(
  server: TestOrchestrator,
  subject: string,
  browser = new TestBrowser(),
): Promise<Response> {
  const back = await browser.signIn(startOf(server), subject, callbackOf(server));
  return browser.open(back);
}

async function codeOf(response: Response): Promise<string> {
  return /RIVET_[A-Z_]+/.exec(await response.text())?.[0] ?? String(response.status);
}

const count = async (table: string): Promise<number> => {
  const text = `SELECT count(*)::int AS count FROM ${table}`;
  return Number(
    (await database.query<{ count: number }>({ name: '', text, repeatable: true }))[0]?.count,
  );
};

describe('in a browser', () => {
  test('somebody new becomes a viewer, is signed in by a cookie, and is the same the next time', async () => {
    const server = await startWith();
    expect(await server.client.getSignInOptions()).toEqual({ oidc: { name: 'Example ID' } });
    const { subject, name } = account();
    const browser = new TestBrowser();
    const answer = await signInBrowser(server, subject, browser);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const cookies = answer.headers.getSetCookie();
    expect(cookies).toHaveLength(2);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__Host-rivet(-oidc)?=.*; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
    }
    const me = await browser.open(`${server.orchestrator.url}/api/auth/me`);
    expect(await me.json()).toMatchObject({ name, role: 'viewer', via: 'browser' });
    const first = await findUser(database, name);
    provider.accounts.set(subject, { preferred_username: 'somebody-else' });
    await signInBrowser(server, subject);
    const again = await findUser(database, name);
    expect(again?.id).toBe(first?.id);
    expect(await findUser(database, 'somebody-else')).toBeUndefined();
    await expect(signIn(server.orchestrator.url, name, PASSWORD)).rejects.toMatchObject({
      code: 'RIVET_AUTH_LOGIN_FAILED',
    });
  });

  test('the return works once', async () => {
    const server = await startWith();
    const { subject } = account();
    const browser = new TestBrowser();
    const back = await browser.signIn(startOf(server), subject, callbackOf(server));
    const cookie = new Map(browser.cookiesOf(back));
    expect((await browser.open(back)).status).toBe(303);
    for (const [name, value] of cookie) browser.cookiesOf(back).set(name, value);
    expect(await codeOf(await browser.open(back))).toBe('RIVET_OIDC_FAILED');
  });

  test('a return after ten minutes is refused', async () => {
    const server = await startWith();
    const browser = new TestBrowser();
    const back = await browser.signIn(startOf(server), account().subject, callbackOf(server));
    const text = 'UPDATE oidc_sign_ins SET expires_at = now()';
    await database.query({ name: '', text, repeatable: true });
    const sessions = await count('sessions');
    expect(await codeOf(await browser.open(back))).toBe('RIVET_OIDC_FAILED');
    expect(await count('sessions')).toBe(sessions);
  });

  test('a return in another browser is refused: nobody is signed in as somebody else', async () => {
    const server = await startWith();
    const { subject } = account();
    const back = await new TestBrowser().signIn(startOf(server), subject, callbackOf(server));
    const sessions = await count('sessions');
    const victim = new TestBrowser();
    expect(await codeOf(await victim.open(back))).toBe('RIVET_OIDC_FAILED');
    // Also where the victim has begun a sign-in of its own.
    await victim.open(startOf(server));
    expect(await codeOf(await victim.open(back))).toBe('RIVET_OIDC_FAILED');
    expect(await count('sessions')).toBe(sessions);
  });

  test.each([
    ['state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['code', (url: URL) => url.searchParams.set('code', randomBytes(32).toString('base64url'))],
    ['no code', (url: URL) => url.searchParams.delete('code')],
    ['iss of another provider', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['no iss', (url: URL) => url.searchParams.delete('iss')],
    ['an error', (url: URL) => url.searchParams.set('error', 'access_denied')],
    ['state twice', (url: URL) => url.searchParams.append('state', 'x')],
  ])('a return with another %s is refused and leaves no session', async (_, change) => {
    const server = await startWith();
    const { subject } = account();
    const browser = new TestBrowser();
    const back = await browser.signIn(startOf(server), subject, callbackOf(server));
    const sessions = await count('sessions');
    const changed = new URL(back);
    change(changed);
    const code = await codeOf(await browser.open(changed.href));
    expect(['RIVET_OIDC_FAILED', 'RIVET_REQUEST_INVALID']).toContain(code);
    expect(await count('sessions')).toBe(sessions);
  });

  test('an id token with another nonce is refused: it answers to another sign-in', async () => {
    const server = await startWith();
    const { subject } = account();
    const browser = new TestBrowser();
    const started = await browser.open(startOf(server));
    const there = new URL(started.headers.get('location') ?? '');
    there.searchParams.set('nonce', 'of another sign-in');
    const back = await browser.signIn(there.href, subject, callbackOf(server));
    expect(await codeOf(await browser.open(back))).toBe('RIVET_OIDC_FAILED');
  });

  test('a code that was meant for another challenge is refused', async () => {
    const server = await startWith();
    const { subject } = account();
    const browser = new TestBrowser();
    const started = await browser.open(startOf(server));
    const there = new URL(started.headers.get('location') ?? '');
    expect(there.searchParams.get('code_challenge_method')).toBe('S256');
    there.searchParams.set('code_challenge', challengeOf('x'.repeat(43)));
    const back = await browser.signIn(there.href, subject, callbackOf(server));
    expect(await codeOf(await browser.open(back))).toBe('RIVET_OIDC_FAILED');
  });

  test('somebody whose account here is disabled stays out', async () => {
    const server = await startWith();
    const { subject, name } = account();
    await signInBrowser(server, subject);
    await server.client.changeUser({ ref: name, body: { disabled: true } });
    expect(await codeOf(await signInBrowser(server, subject))).toBe('RIVET_OIDC_NOT_ALLOWED');
  });

  test('the database keeps nothing with which a sign-in under way could be finished', async () => {
    const server = await startWith();
    const browser = new TestBrowser();
    await browser.open(startOf(server));
    const secret = browser.cookiesOf(startOf(server)).get('__Host-rivet-oidc');
    const handshake = readHandshake(secret);
    const text = 'SELECT s::text AS text FROM oidc_sign_ins s';
    const dump = JSON.stringify(await database.query({ name: '', text, repeatable: true }));
    for (const part of ['secret', 'state', 'nonce', 'codeVerifier'] as const) {
      const value = handshake?.[part] ?? '';
      expect(value).toHaveLength(43);
      expect(dump).not.toContain(value);
      expect(dump).not.toContain(Buffer.from(value, 'base64url').toString('hex'));
    }
  });
});

describe('accounts', () => {
  test('a name that is taken gives no way into that account, whatever the mail says', async () => {
    const server = await startWith();
    const { name } = await seedPersonWithPassword(database, 'admin', `root-${randomUUID()}@x.org`);
    const { subject } = account({ preferred_username: name, email: name, email_verified: true });
    expect(await codeOf(await signInBrowser(server, subject))).toBe('RIVET_OIDC_NOT_ALLOWED');
  });

  test('an administrator can let somebody take an account over, once', async () => {
    const server = await startWith({ create: undefined });
    const { id, name } = await seedPersonWithPassword(database, 'user');
    const [right, late] = [
      account({ preferred_username: name }),
      account({ preferred_username: name }),
    ];
    expect(await codeOf(await signInBrowser(server, right.subject))).toBe('RIVET_OIDC_NOT_ALLOWED');
    await server.client.changeUser({ ref: name, body: { link: true } });
    const browser = new TestBrowser();
    expect((await signInBrowser(server, right.subject, browser)).status).toBe(303);
    const me = await browser.open(`${server.orchestrator.url}/api/auth/me`);
    expect(await me.json()).toMatchObject({ id, name, role: 'user' });
    expect(await codeOf(await signInBrowser(server, late.subject))).toBe('RIVET_OIDC_NOT_ALLOWED');
  });

  test('where domains are given, mail must be of one of them, and verified', async () => {
    const server = await startWith({ domains: ['example.com'] });
    const tries: [Record<string, unknown>, string | number][] = [
      [{ email: 'a@example.com', email_verified: true }, 303],
      [{ email: 'a@EXAMPLE.COM', email_verified: true }, 303],
      [{ email: 'a@example.com', email_verified: false }, 'RIVET_OIDC_NOT_ALLOWED'],
      [{ email: 'a@example.com', email_verified: 'true' }, 'RIVET_OIDC_NOT_ALLOWED'],
      [{ email: 'a@example.com' }, 'RIVET_OIDC_NOT_ALLOWED'],
      [{ email: 'a@example.com.evil.org', email_verified: true }, 'RIVET_OIDC_NOT_ALLOWED'],
      [{ email: 'a@evil.org@notexample.com', email_verified: true }, 'RIVET_OIDC_NOT_ALLOWED'],
      [{}, 'RIVET_OIDC_NOT_ALLOWED'],
    ];
    for (const [claims, expected] of tries) {
      const { subject } = account(claims);
      const answer = await signInBrowser(server, subject);
      const found = answer.status === 303 ? 303 : await codeOf(answer);
      expect(found, JSON.stringify(claims)).toBe(expected);
    }
  });

  test('mail that is not verified names nobody', async () => {
    const server = await startWith();
    const email = `lin-${randomUUID().slice(0, 8)}@example.com`;
    const claims = { preferred_username: 'Not A Name', email, email_verified: false };
    const { subject } = account(claims);
    expect(await codeOf(await signInBrowser(server, subject))).toBe('RIVET_OIDC_NOT_ALLOWED');
    provider.accounts.set(subject, { ...claims, email_verified: true });
    expect((await signInBrowser(server, subject)).status).toBe(303);
    expect(await findUser(database, email)).toMatchObject({ role: 'viewer' });
  });

  test('roles and teams follow the claims at each sign-in; the last administrator stays one', async () => {
    const roles = {
      claim: 'realm_access.roles',
      of: { admin: ['ops'], user: ['dev'], viewer: [] },
    };
    const server = await startWith({ roles, teamsClaim: 'groups', create: undefined });
    const team = `t-${randomUUID().slice(0, 8)}`;
    await server.client.createTeam({ body: { name: team } });
    const { subject, name } = account();
    const become = async (groups: string[], teams: string[]): Promise<string | number> => {
      provider.accounts.set(subject, {
        preferred_username: name,
        groups: teams,
        realm_access: { roles: groups },
      });
      const answer = await signInBrowser(server, subject);
      return answer.status === 303 ? 303 : codeOf(answer);
    };
    expect(await become(['other'], [])).toBe('RIVET_OIDC_NOT_ALLOWED');
    await server.client.createUser({ body: { name, role: 'viewer', password: false, link: true } });
    const membersOf = async (): Promise<string[]> =>
      (await server.client.listTeams()).items.find((each) => each.name === team)?.members ?? [];
    expect(await become(['dev'], [team, 'everyone', 'no-such-team'])).toBe(303);
    expect(await findUser(database, name)).toMatchObject({ role: 'user' });
    expect(await membersOf()).toEqual([name]);
    expect(await become(['dev', 'ops'], [])).toBe(303);
    expect(await findUser(database, name)).toMatchObject({ role: 'admin' });
    expect(await membersOf()).toEqual([]);
    const { items } = await server.client.listAuditEntries({ query: { action: 'team.*' } });
    const ofTeam = items.filter(({ object }) => object.name === team && object.kind === 'team');
    expect(ofTeam.map(({ action, details }) => [action, details.user])).toEqual([
      ['team.remove', name],
      ['team.add', name],
      ['team.create', undefined],
    ]);
    await database.query({
      name: '',
      text: `UPDATE users SET disabled_at = now() WHERE role = 'admin' AND password_hash IS NOT NULL`,
      repeatable: true,
    });
    expect(await become(['dev'], [])).toBe(303);
    expect(await findUser(database, name)).toMatchObject({ role: 'admin' });
  });
});

describe('from a command line', () => {
  const verifier = randomBytes(32).toString('base64url');
  const cliOf = (server: TestOrchestrator, redirect: string): string => {
    const query = new URLSearchParams({
      cli_redirect: redirect,
      cli_state: 'state-of-the-cli-1',
      cli_challenge: challengeOf(verifier),
    });
    return `${startOf(server)}?${query}`;
  };
  const LOOPBACK = 'http://127.0.0.1:1/signed-in';

  /** The address that the command line waits at, as the browser would open it. */
  async function returnToCli(server: TestOrchestrator, subject: string): Promise<URL> {
    const browser = new TestBrowser();
    return new URL(await browser.signIn(cliOf(server, LOOPBACK), subject, LOOPBACK));
  }

  test('it gets a code, and tokens for it with its verifier, once', async () => {
    const server = await startWith();
    const { subject, name } = account();
    const { searchParams } = await returnToCli(server, subject);
    expect(searchParams.get('state')).toBe('state-of-the-cli-1');
    const code = searchParams.get('code') ?? '';
    const plain = createClient({ url: server.orchestrator.url, triesMax: 1 });
    const tokens = await plain.exchangeOidcCode({ body: { code, verifier } });
    expect(await clientWith(server.orchestrator.url, tokens).getMe()).toMatchObject({
      name,
      via: 'session',
    });
    await expect(plain.exchangeOidcCode({ body: { code, verifier } })).rejects.toMatchObject({
      code: 'RIVET_AUTH_INVALID',
    });
  });

  test.each([
    ['cross-site', 403],
    ['same-site', 403],
    ['none', 303],
    [undefined, 303],
  ])('a browser that is sent to the start by a page (%s) is answered %i', async (site, status) => {
    const server = await startWith();
    const headers = site === undefined ? {} : { 'sec-fetch-site': site };
    const answer = await fetch(cliOf(server, LOOPBACK), { redirect: 'manual', headers });
    expect(answer.status).toBe(status);
    if (status === 403) expect(await codeOf(answer)).toBe('RIVET_OIDC_LURED');
    // A browser that stays one gets nothing that somebody else could have.
    const browser = await fetch(startOf(server), { redirect: 'manual', headers });
    expect(browser.status).toBe(303);
  });

  test('a code is worth nothing after a minute', async () => {
    const server = await startWith();
    const code = (await returnToCli(server, account().subject)).searchParams.get('code') ?? '';
    const text = 'UPDATE oidc_codes SET expires_at = now()';
    await database.query({ name: '', text, repeatable: true });
    const plain = createClient({ url: server.orchestrator.url, triesMax: 1 });
    const late = plain.exchangeOidcCode({ body: { code, verifier } });
    await expect(late).rejects.toMatchObject({ code: 'RIVET_AUTH_INVALID' });
  });

  test('a code is worth nothing without the verifier, and after that with it neither', async () => {
    const server = await startWith();
    const code = (await returnToCli(server, account().subject)).searchParams.get('code') ?? '';
    const plain = createClient({ url: server.orchestrator.url, triesMax: 1 });
    for (const tried of [randomBytes(32).toString('base64url'), verifier]) {
      const refused = plain.exchangeOidcCode({ body: { code, verifier: tried } });
      await expect(refused).rejects.toMatchObject({ code: 'RIVET_AUTH_INVALID' });
    }
  });

  test.each([
    'http://evil.example:1/x',
    'https://127.0.0.1:1/x',
    'http://127.0.0.1.evil.example:1/x',
    'http://127.0.0.1:1@evil.example/x',
    'http://localhost:1/x',
    'http://127.0.0.1/x',
    'javascript:alert(1)',
    '//evil.example/x',
    'http://127.0.0.1:1/x?next=y',
  ])('the code goes to no other machine: %s', async (redirect) => {
    const server = await startWith();
    const answer = await new TestBrowser().open(cliOf(server, redirect));
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'RIVET_OIDC_REDIRECT']);
  });
});

describe('the provider', () => {
  test('one that is away is told of, and asked again the next time', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const server = await startWith({ issuer: `http://127.0.0.1:${port}` });
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await new TestBrowser().open(startOf(server));
      expect([answer.status, await codeOf(answer)]).toEqual([502, 'RIVET_OIDC_UNREACHABLE']);
    }
  });

  test('one that calls itself by another name than the settings is not used', async () => {
    const impostor = createServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ issuer: 'https://login.example.com' }));
    });
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
    const { port } = impostor.address() as AddressInfo;
    const server = await startWith({ issuer: `http://127.0.0.1:${port}` });
    const answer = await new TestBrowser().open(startOf(server));
    expect(answer.status).toBe(502);
    await new Promise((resolve) => impostor.close(resolve));
  });

  test('a secret that cannot be read is told at the start, without its path', async () => {
    const path = '/nowhere/secret-of-the-client';
    const started = startWith({ clientSecret: { kind: 'file', path } });
    await expect(started).rejects.toMatchObject({ code: 'RIVET_OIDC_CONFIG' });
    await expect(started).rejects.toThrow(/cannot be read: ENOENT$/);
  });

  test('without one the routes say so', async () => {
    const server = await startTestOrchestrator(testDatabase.url);
    servers.push(server);
    expect(await server.client.getSignInOptions()).toEqual({ oidc: null });
    for (const address of [startOf(server), `${callbackOf(server)}?code=x&state=y`]) {
      expect(await codeOf(await new TestBrowser().open(address))).toBe('RIVET_OIDC_OFF');
    }
  });
});
