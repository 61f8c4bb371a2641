// Signing in and out, with two orchestrators: what is ended at one has ended at the other.
import { randomUUID } from 'node:crypto';
import { createClient, type SessionTokens } from '@rivet/protocol';
import { type Database, findUser } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  openTestDatabase,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';
import { createPasswords } from './passwords.ts';
import { checkCredentials } from './sign-in.ts';
import {
  clientWith,
  PASSWORD,
  passwords,
  seedPersonWithPassword,
  send,
  signIn,
} from './test-people.ts';

const testDatabase = useTestDatabase();
let database: Database;
let one: TestOrchestrator;
let two: TestOrchestrator;
let url: string;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  one = await startTestOrchestrator(testDatabase.url);
  two = await startTestOrchestrator(testDatabase.url);
  url = one.orchestrator.url;
});

afterAll(async () => {
  await one?.orchestrator.stop();
  await two?.orchestrator.stop();
  await database?.close();
});

/** Codes of what both orchestrators answer to a token. */
async function answersOfBoth(token: string): Promise<(string | number)[]> {
  const answers = await Promise.all(
    [one, two].map(({ orchestrator }) => send(`${orchestrator.url}/api/auth/me`, { token })),
  );
  return answers.map(({ status, code }) => code ?? status);
}

const REFUSED = ['RIVET_AUTH_INVALID', 'RIVET_AUTH_INVALID'];

describe('signing in', () => {
  test('gives tokens that every orchestrator takes, and says who one is', async () => {
    const person = await seedPersonWithPassword(database, 'viewer');
    const tokens = await signIn(url, person.name);
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 600 });
    expect(await answersOfBoth(tokens.access_token)).toEqual([200, 200]);
    expect(await clientWith(two.orchestrator.url, tokens).getMe()).toEqual({
      id: person.id,
      name: person.name,
      role: 'viewer',
      permissions: [],
      teams: ['everyone'],
      via: 'session',
      via_id: expect.any(String),
    });
    expect((await findUser(database, person.name))?.last_login_at).toBeInstanceOf(Date);
  });

  test('takes the name in capitals too', async () => {
    const { name } = await seedPersonWithPassword(database);
    expect(await signIn(url, name.toUpperCase())).toHaveProperty('access_token');
  });

  test('answers alike for an unknown name, a wrong password and a disabled user', async () => {
    const known = await seedPersonWithPassword(database);
    const disabled = await seedPersonWithPassword(database);
    await one.client.changeUser({ ref: disabled.name, body: { disabled: true } });
    const tries = [
      { name: known.name, password: 'wrong' },
      { name: `nobody-${randomUUID()}`, password: PASSWORD },
      { name: disabled.name, password: PASSWORD },
      { name: "x' OR '1'='1", password: PASSWORD },
      { name: '', password: 'x' },
    ];
    const answers = [];
    for (const body of tries) {
      answers.push(await send(`${url}/api/auth/login`, { method: 'POST', body }));
    }
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, code: 'RIVET_AUTH_LOGIN_FAILED' });
  });

  test('takes the same time for an unknown name as for a wrong password', async () => {
    const { name } = await seedPersonWithPassword(database);
    const one = createPasswords({ parallel: 1 });
    const free = { login: async () => ({ giveBack: async () => {} }), failed: async () => {} };
    const audit = { record: async () => {} };
    const parts = { database, passwords: one, throttle: free, audit };
    const from = { address: '127.0.0.1', requestId: '' };
    const timed = async (who: string): Promise<number> => {
      const start = performance.now();
      const refused = checkCredentials(parts, { name: who, password: 'wrong' }, from);
      await expect(refused).rejects.toMatchObject({ code: 'RIVET_AUTH_LOGIN_FAILED' });
      return performance.now() - start;
    };
    await timed(name);
    const [known, unknown]: number[][] = [[], []];
    for (let turn = 0; turn < 40; turn += 1) {
      known?.push(await timed(name));
      unknown?.push(await timed(`nobody-${turn}`));
    }
    const ratio = fast(unknown ?? []) / fast(known ?? []);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.4);
  });

  test('hashes a password anew whose hash has become too cheap, once', async () => {
    const person = await seedPersonWithPassword(database);
    const cheap = createPasswords({ cost: { memoryKib: 1024, passes: 1, lanes: 1 } });
    const old = await cheap.hash(PASSWORD);
    await database.query(
      { name: '', text: 'UPDATE users SET password_hash = $2 WHERE id = $1', repeatable: true },
      [person.id, old],
    );
    await signIn(url, person.name);
    const first = (await findUser(database, person.name))?.password_hash ?? '';
    expect(first).toContain('m=19456');
    await signIn(url, person.name);
    expect((await findUser(database, person.name))?.password_hash).toBe(first);
  });

  test('refuses a password that is too large before hashing it, and shows none of it', async () => {
    const { name } = await seedPersonWithPassword(database);
    const body = { name, password: `hunter2${'x'.repeat(1100)}` };
    const large = await send(`${url}/api/auth/login`, { method: 'POST', body });
    expect(large).toMatchObject({ status: 400, code: 'RIVET_AUTH_PASSWORD_SIZE' });
    expect(large.text).not.toContain('hunter2');
    const huge = { name, password: 'x'.repeat(1_100_000) };
    const answer = await send(`${url}/api/auth/login`, { method: 'POST', body: huge });
    expect(answer.status).toBe(413);
  });

  test('shows no password in the message of a mistake', async () => {
    const mistakes = [
      { name: 'x', password: 12345678901 },
      { name: 'x', password: ['hunter2-secret'] },
      { name: 'x', password: 'hunter2-secret\0' },
      ['x', 'hunter2-secret'],
      { name: 'x', password: 'y', new_password: { text: 'hunter2-secret' } },
    ];
    for (const body of mistakes) {
      const answer = await send(`${url}/api/auth/login`, { method: 'POST', body });
      expect(answer).toMatchObject({ status: 400, code: 'RIVET_REQUEST_INVALID' });
      expect(answer.text).not.toMatch(/hunter2|12345678901/);
    }
  });
});

describe('a temporary password', () => {
  test('lets its user set another one and nothing else, and works once', async () => {
    const { name } = await seedPersonWithPassword(database);
    const before = await signIn(url, name);
    const reset = await one.client.resetUserPassword({ ref: name });
    expect(reset.user.password).toBe('temporary');
    expect(await answersOfBoth(before.access_token)).toEqual(REFUSED);
    await expect(signIn(url, name)).rejects.toMatchObject({ code: 'RIVET_AUTH_LOGIN_FAILED' });
    const { temporary_password: password } = reset;
    await expect(signIn(url, name, password)).rejects.toMatchObject({
      code: 'RIVET_AUTH_PASSWORD_TEMPORARY',
    });
    const plain = createClient({ url, triesMax: 1 });
    const weak = plain.login({ body: { name, password, new_password: 'password1234' } });
    await expect(weak).rejects.toMatchObject({ code: 'RIVET_AUTH_PASSWORD_WEAK' });
    const next = 'staple of the battery';
    const tokens = await plain.login({ body: { name, password, new_password: next } });
    expect(await answersOfBoth(tokens.access_token)).toEqual([200, 200]);
    const again = plain.login({ body: { name, password, new_password: next } });
    await expect(again).rejects.toMatchObject({ code: 'RIVET_AUTH_LOGIN_FAILED' });
    expect(await signIn(url, name, next)).toHaveProperty('refresh_token');
    const both = plain.login({ body: { name, password: next, new_password: next } });
    await expect(both).rejects.toMatchObject({ code: 'RIVET_REQUEST_INVALID' });
  });

  test('ends after a week', async () => {
    const { name } = await seedPersonWithPassword(database);
    const { temporary_password: password } = await one.client.resetUserPassword({ ref: name });
    await database.query({
      name: '',
      text: `UPDATE users SET password_expires_at = now() WHERE name = '${name}'`,
      repeatable: true,
    });
    expect(await one.client.getUser({ ref: name })).toMatchObject({ password: 'expired' });
    const late = createClient({ url, triesMax: 1 }).login({
      body: { name, password, new_password: 'staple of the battery' },
    });
    await expect(late).rejects.toMatchObject({ code: 'RIVET_AUTH_LOGIN_FAILED' });
  });
});

describe('what ends a session ends it at once on every orchestrator', () => {
  const ends: Record<string, (name: string, tokens: SessionTokens) => Promise<unknown>> = {
    'signing out': (_, tokens) => clientWith(url, tokens).logout({ body: {} }),
    'signing out everywhere': (_, tokens) =>
      clientWith(url, tokens).logout({ body: { everywhere: true } }),
    'an administrator who signs the user out': (name) => one.client.logOutUser({ ref: name }),
    'an administrator who disables the user': (name) =>
      one.client.changeUser({ ref: name, body: { disabled: true } }),
    'an administrator who deletes the user': (name) => one.client.deleteUser({ ref: name }),
    'a new password': (_, tokens) =>
      clientWith(url, tokens).changePassword({
        body: { password: PASSWORD, new_password: 'staple of the battery' },
      }),
  };
  test.each(Object.keys(ends))('%s', async (how) => {
    const { name } = await seedPersonWithPassword(database);
    const tokens = await signIn(url, name);
    expect(await answersOfBoth(tokens.access_token)).toEqual([200, 200]);
    await ends[how]?.(name, tokens);
    expect(await answersOfBoth(tokens.access_token)).toEqual(REFUSED);
    const refresh = createClient({ url: two.orchestrator.url, triesMax: 1 }).refreshSession({
      body: { refresh_token: tokens.refresh_token },
    });
    await expect(refresh).rejects.toMatchObject({ code: 'RIVET_AUTH_INVALID' });
  });

  test('other sessions go on when one signs out, and end when it does so everywhere', async () => {
    const { name } = await seedPersonWithPassword(database);
    const [first, second] = [await signIn(url, name), await signIn(url, name)];
    await clientWith(url, first).logout({ body: {} });
    expect(await answersOfBoth(second.access_token)).toEqual([200, 200]);
    const third = await signIn(url, name);
    await clientWith(url, third).logout({ body: { everywhere: true } });
    expect(await answersOfBoth(second.access_token)).toEqual(REFUSED);
  });

  test('enabling a user again brings no session back', async () => {
    const { name } = await seedPersonWithPassword(database);
    const tokens = await signIn(url, name);
    await one.client.changeUser({ ref: name, body: { disabled: true } });
    await one.client.changeUser({ ref: name, body: { disabled: false } });
    expect(await answersOfBoth(tokens.access_token)).toEqual(REFUSED);
    expect(await signIn(url, name)).toHaveProperty('access_token');
  });
});

describe('one’s own account', () => {
  test('a new password needs the old one, and gives a session that goes on', async () => {
    const { name } = await seedPersonWithPassword(database);
    const client = clientWith(url, await signIn(url, name));
    const next = 'staple of the battery';
    const wrong = client.changePassword({ body: { password: 'wrong', new_password: next } });
    await expect(wrong).rejects.toMatchObject({ code: 'RIVET_AUTH_PASSWORD_WRONG' });
    const weak = client.changePassword({ body: { password: PASSWORD, new_password: 'short' } });
    await expect(weak).rejects.toMatchObject({ code: 'RIVET_AUTH_PASSWORD_WEAK' });
    const { tokens } = await client.changePassword({
      body: { password: PASSWORD, new_password: next },
    });
    expect(await answersOfBoth(tokens?.access_token ?? '')).toEqual([200, 200]);
    await expect(signIn(url, name)).rejects.toMatchObject({ code: 'RIVET_AUTH_LOGIN_FAILED' });
  });

  test('an account that signs in elsewhere is told that it has no password to change', async () => {
    const { id, name } = await seedPersonWithPassword(database);
    const client = clientWith(url, await signIn(url, name));
    const text = `UPDATE users SET password_hash = NULL WHERE id = '${id}'`;
    await database.query({ name: '', text, repeatable: true });
    const body = { password: PASSWORD, new_password: 'staple of the battery' };
    await expect(client.changePassword({ body })).rejects.toMatchObject({
      code: 'RIVET_AUTH_NO_PASSWORD',
    });
  });

  test('an API key changes no password and signs nobody out', async () => {
    const key = one.client;
    const body = { password: PASSWORD, new_password: 'staple of the battery' };
    const needed = { code: 'RIVET_AUTH_SESSION_NEEDED' };
    await expect(key.changePassword({ body })).rejects.toMatchObject(needed);
    await expect(key.logout({ body: {} })).rejects.toMatchObject(needed);
  });

  test('sessions are listed for their own user, who can end them; others cannot', async () => {
    const { name } = await seedPersonWithPassword(database);
    const other = await seedPersonWithPassword(database, 'admin');
    const [first, second] = [await signIn(url, name), await signIn(url, name)];
    const client = clientWith(url, second);
    const { items } = await client.listSessions();
    expect(items).toHaveLength(2);
    expect(items.filter(({ current }) => current)).toHaveLength(1);
    expect(items[0]).toMatchObject({ kind: 'cli', address: '127.0.0.1', user_agent: 'rivet' });
    const id = items.find(({ current }) => !current)?.id ?? '';
    const stranger = clientWith(url, await signIn(url, other.name));
    await expect(stranger.endSession({ id })).rejects.toMatchObject({
      code: 'RIVET_AUTH_SESSION_NOT_FOUND',
    });
    await client.endSession({ id });
    expect(await answersOfBoth(first.access_token)).toEqual(REFUSED);
    expect((await client.listSessions()).items).toHaveLength(1);
  });
});

/** What the fastest tenth takes: the others tell how busy the machine is. */
function fast(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)] ?? 0;
}

test('passwords are hashed, in the table and in what it was made from', async () => {
  const rows = await database.query<{ text: string }>({
    name: '',
    text: 'SELECT u::text AS text FROM users u',
    repeatable: true,
  });
  expect(rows.length).toBeGreaterThan(5);
  for (const { text } of rows) expect(text).not.toContain(PASSWORD);
  expect(await passwords.hash(PASSWORD)).not.toContain(PASSWORD);
});
