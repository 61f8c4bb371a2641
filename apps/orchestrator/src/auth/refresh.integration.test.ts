// Refreshing over HTTP: sessions go on, repeats are harmless, copies end them.
import { createClient, type SessionTokens } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  openTestDatabase,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';
import { firstRefreshToken } from './refresh-tokens.ts';
import { clientWith, seedPersonWithPassword, send, signIn } from './test-people.ts';

const testDatabase = useTestDatabase();
let database: Database;
let one: TestOrchestrator;
let two: TestOrchestrator;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  one = await startTestOrchestrator(testDatabase.url);
  two = await startTestOrchestrator(testDatabase.url);
});

afterAll(async () => {
  await one?.orchestrator.stop();
  await two?.orchestrator.stop();
  await database?.close();
});

const run = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  database.query({ name: '', text, repeatable: true }, values);

function refresh(token: string, { orchestrator } = one): Promise<SessionTokens> {
  const client = createClient({ url: orchestrator.url, triesMax: 1 });
  return client.refreshSession({ body: { refresh_token: token } });
}

async function newSession(): Promise<SessionTokens & { name: string }> {
  const { name } = await seedPersonWithPassword(database);
  return { name, ...(await signIn(one.orchestrator.url, name)) };
}

const isValid = async ({ access_token: token }: SessionTokens): Promise<boolean> =>
  (await send(`${two.orchestrator.url}/api/auth/me`, { token })).status === 200;

const refused = { code: 'RIVET_AUTH_INVALID' };

test('a session goes on at any orchestrator, with new tokens each time', async () => {
  const first = await newSession();
  const second = await refresh(first.refresh_token, two);
  const third = await refresh(second.refresh_token, one);
  expect(new Set([first, second, third].map((tokens) => tokens.refresh_token)).size).toBe(3);
  expect(await isValid(third)).toBe(true);
  const me = await Promise.all(
    [first, third].map((tokens) => clientWith(one.orchestrator.url, tokens).getMe()),
  );
  expect(me[0]?.via_id).toBe(me[1]?.via_id);
});

test('twenty refreshes at once, at both orchestrators, agree on the next token', async () => {
  const first = await newSession();
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, turn) => refresh(first.refresh_token, turn % 2 ? one : two)),
  );
  expect(new Set(all.map((tokens) => tokens.refresh_token)).size).toBe(1);
  expect(await isValid(all[0] as SessionTokens)).toBe(true);
});

test('a token that comes again later ends the session for the thief and for the owner', async () => {
  const stolen = await newSession();
  const owner = await refresh(stolen.refresh_token);
  await run(`UPDATE sessions SET rotated_at = rotated_at - interval '31 seconds'`);
  await expect(refresh(stolen.refresh_token)).rejects.toMatchObject(refused);
  expect(await isValid(owner)).toBe(false);
  await expect(refresh(owner.refresh_token)).rejects.toMatchObject(refused);
  const [row] = await run(
    `SELECT end_reason FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.name = $1`,
    [stolen.name],
  );
  expect(row).toEqual({ end_reason: 'reuse' });
  const { items } = await one.client.listAuditEntries({ query: { action: 'auth.session_stolen' } });
  expect(items).toHaveLength(1);
});

test('a token from two refreshes ago ends the session at once', async () => {
  const first = await newSession();
  const second = await refresh(first.refresh_token);
  const third = await refresh(second.refresh_token);
  await expect(refresh(first.refresh_token)).rejects.toMatchObject(refused);
  expect(await isValid(third)).toBe(false);
});

test('a text that somebody made up ends nobody’s session', async () => {
  const session = await newSession();
  const own = session.refresh_token;
  const forged = firstRefreshToken().token.reveal();
  for (const token of [forged, forged.slice(0, 47) + own.slice(47), 'rvf_', own.slice(0, -1)]) {
    await expect(refresh(token)).rejects.toMatchObject(refused);
  }
  expect(await isValid(session)).toBe(true);
  expect(await refresh(own)).toHaveProperty('access_token');
});

test('a session ends that was not used for 30 days, and one that is 90 days old', async () => {
  for (const change of [`used_at = now() - interval '30 days'`, 'expires_at = now()']) {
    const session = await newSession();
    expect(await isValid(session)).toBe(true);
    await run(
      `UPDATE sessions SET ${change} WHERE user_id = (SELECT id FROM users WHERE name = $1)`,
      [session.name],
    );
    expect(await isValid(session)).toBe(false);
    await expect(refresh(session.refresh_token)).rejects.toMatchObject(refused);
  }
});

test('one user has a hundred sessions at most: the ones not used for longest end', async () => {
  const first = await newSession();
  await run(
    `INSERT INTO sessions (id, user_id, kind, token_hash, token_version, address, user_agent,
       expires_at, used_at)
     SELECT gen_random_uuid(), u.id, 'cli', sha256(n::text::bytea), 1, '127.0.0.1', '',
       now() + interval '1 day', now() + interval '1 second'
     FROM users u, generate_series(1, 99) n WHERE u.name = $1`,
    [first.name],
  );
  expect(await isValid(first)).toBe(true);
  const last = await signIn(one.orchestrator.url, first.name);
  expect([await isValid(first), await isValid(last)]).toEqual([false, true]);
});

test('the database keeps no token from which a session could be taken over', async () => {
  const first = await newSession();
  const second = await refresh(first.refresh_token);
  const rows = await run('SELECT s::text AS text FROM sessions s');
  const dump = JSON.stringify(rows);
  for (const { access_token, refresh_token } of [first, second]) {
    const halves = [refresh_token.slice(4, 47), refresh_token.slice(47)];
    for (const part of [access_token, refresh_token, ...halves]) {
      expect(dump).not.toContain(part);
      expect(dump).not.toContain(Buffer.from(part).toString('hex'));
      expect(dump).not.toContain(Buffer.from(part, 'base64url').toString('hex'));
    }
  }
});
