// Signing keys: made once for all orchestrators, replaced in use, readable by nobody.
import { randomBytes } from 'node:crypto';
import type { OpenIdConfiguration } from '@rivet/protocol';
import { type Database, listSigningKeys } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { masterKeyOf } from '../sealing/master-key.ts';
import { createSealer } from '../sealing/sealer.ts';
import {
  openTestDatabase,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createSigningKeys, type SigningKeys } from './signing-keys.ts';
import { clientWith, seedPersonWithPassword, send, signIn } from './test-people.ts';

const run = (db: Database, text: string): Promise<Record<string, unknown>[]> =>
  db.query({ name: '', text, repeatable: true });
const kidOf = (token: string): string => decodeProtectedHeader(token).kid ?? '';

describe('by themselves', () => {
  const testDatabase = useTestDatabase();
  let database: Database;
  const sealer = createSealer({ current: masterKeyOf(randomBytes(32)) }, randomBytes(32));
  const orchestrator = (): SigningKeys => createSigningKeys({ database, sealer });
  const identity = {
    typ: 'JWT',
    issuer: 'https://rivet.example.com',
    audience: 'cloud',
    ttlSeconds: 300,
  } as const;

  beforeAll(() => {
    database = openTestDatabase(testDatabase.url);
  });
  afterAll(() => database?.close());

  /** Moves the time of all keys on. */
  const passSeconds = (seconds: number): Promise<unknown> =>
    run(
      database,
      `UPDATE signing_keys SET signs_from = signs_from - interval '${seconds} seconds',
         verifies_until = verifies_until - interval '${seconds} seconds'`,
    );
  const rotate = (keys: SigningKeys, atOnce: boolean): Promise<void> =>
    database.transaction((tx) => keys.rotate(tx, { atOnce }), { repeatable: false });

  test('of ten orchestrators that start together one makes the key', async () => {
    await Promise.all(Array.from({ length: 10 }, () => orchestrator().prepare()));
    const keys = await listSigningKeys(database);
    expect(keys.map(({ purpose }) => purpose)).toEqual(['access']);
  });

  test('an identity token is verified by the published keys alone', async () => {
    const token = await orchestrator().sign({ sub: 'job' }, identity);
    const published = (await orchestrator().publish()) as JSONWebKeySet;
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(published), {
      issuer: identity.issuer,
      audience: 'cloud',
    });
    expect(protectedHeader).toEqual({ alg: 'RS256', kid: expect.any(String), typ: 'JWT' });
    expect(payload).toMatchObject({ sub: 'job', jti: expect.any(String) });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
    for (const key of published.keys) {
      expect(Object.keys(key)).not.toEqual(expect.arrayContaining(['d']));
      expect(key).toMatchObject({ use: 'sig', kid: expect.any(String), alg: expect.any(String) });
    }
  });

  test.each([0, -1, 3601, Number.NaN])('a token for %s seconds is not signed', async (ttl) => {
    const refused = orchestrator().sign({}, { ...identity, ttlSeconds: ttl });
    await expect(refused).rejects.toMatchObject({ code: 'RIVET_SIGNING_KEY_TTL' });
  });

  test('a new key is published before it signs, and the old one verifies until its tokens end', async () => {
    const before = orchestrator();
    const old = kidOf(await before.sign({}, identity));
    await rotate(orchestrator(), false);
    const after = orchestrator();
    const states = (await after.list()).filter(({ purpose }) => purpose === 'identity');
    expect(states.map(({ state }) => state)).toEqual(['next', 'signs']);
    const next = states[0]?.id ?? '';
    expect(kidOf(await after.sign({}, identity))).toBe(old);
    expect((await after.publish()).keys.map(({ kid }) => kid)).toContain(next);

    await passSeconds(901);
    expect(kidOf(await orchestrator().sign({}, identity))).toBe(next);
    expect(await orchestrator().find(old, 'identity')).toBeDefined();
    expect(await orchestrator().find(old, 'access')).toBeUndefined();

    await passSeconds(3601 + 900);
    expect(await orchestrator().find(old, 'identity')).toBeUndefined();
    expect((await orchestrator().publish()).keys.map(({ kid }) => kid)).not.toContain(old);
  });

  test('a stolen key is replaced at once, also where an orchestrator still knows it', async () => {
    const session = { id: crypto.randomUUID(), userId: crypto.randomUUID() };
    const [thief, other] = [orchestrator(), orchestrator()];
    const tokens = createAccessTokens({ database, signingKeys: other });
    const { token } = await createAccessTokens({ database, signingKeys: thief }).issue(session);
    expect(await tokens.verify(token)).toEqual(session);
    await rotate(orchestrator(), true);
    // Within 5 seconds by itself; at once where it was asked for.
    other.refresh();
    expect(await tokens.verify(token)).toBeUndefined();
    const fresh = await tokens.issue(session);
    expect(kidOf(fresh.token)).not.toBe(kidOf(token));
    expect(await tokens.verify(fresh.token)).toEqual(session);
  });

  test('keys that are a month old are replaced, once, and forgotten a month after their end', async () => {
    const keys = orchestrator();
    const count = async (): Promise<number> =>
      (await run(database, 'SELECT id FROM signing_keys')).length;
    const before = await count();
    await keys.rotateByAge();
    expect(await count()).toBe(before);
    await passSeconds(31 * 86_400);
    await Promise.all([keys.rotateByAge(), orchestrator().rotateByAge()]);
    expect((await orchestrator().list()).map(({ state }) => state).sort()).toEqual([
      'next',
      'next',
      'signs',
      'signs',
    ]);
    await passSeconds(32 * 86_400);
    await keys.rotateByAge();
    expect((await run(database, 'SELECT id FROM signing_keys')).length).toBeLessThanOrEqual(4);
  });

  test('private keys are in the database only sealed, each bound to its own row', async () => {
    const rows = await run(
      database,
      'SELECT k::text AS text, encode(box, $$escape$$) FROM signing_keys k',
    );
    for (const row of rows) expect(JSON.stringify(row)).not.toMatch(/PRIVATE|"d"/);
    await rotate(orchestrator(), true);
    await run(
      database,
      `UPDATE signing_keys k SET wrapped_key = o.wrapped_key, box = o.box FROM signing_keys o
       WHERE k.purpose = 'identity' AND o.purpose = 'access'`,
    );
    await expect(orchestrator().sign({}, identity)).rejects.toMatchObject({
      code: 'RIVET_SECRET_SEAL_BROKEN',
    });
  });
});

describe('over HTTP', () => {
  const testDatabase = useTestDatabase();
  let database: Database;
  let server: TestOrchestrator;
  let url: string;

  beforeAll(async () => {
    database = openTestDatabase(testDatabase.url);
    server = await startTestOrchestrator(testDatabase.url, {
      publicUrl: 'https://rivet.example.com',
    });
    url = server.orchestrator.url;
  });
  afterAll(async () => {
    await server?.orchestrator.stop();
    await database?.close();
  });

  test('a rotation signs nobody out, and only administrators may ask for it', async () => {
    const { name } = await seedPersonWithPassword(database);
    const tokens = await signIn(url, name);
    const refused = clientWith(url, tokens).rotateSigningKeys({ body: {} });
    await expect(refused).rejects.toMatchObject({ code: 'RIVET_ACCESS_DENIED' });
    const { items } = await server.client.rotateSigningKeys({ body: {} });
    expect(items.map(({ state }) => state)).toEqual(expect.arrayContaining(['next', 'signs']));
    expect(await clientWith(url, tokens).getMe()).toMatchObject({ name });
    await server.client.rotateSigningKeys({ body: { at_once: true } });
    const { access_token: token, refresh_token } = tokens;
    expect((await send(`${url}/api/auth/me`, { token })).code).toBe('RIVET_AUTH_INVALID');
    const next = await clientWith(url, tokens).refreshSession({ body: { refresh_token } });
    expect(await clientWith(url, next).getMe()).toMatchObject({ name });
  });

  test('clouds find the keys through the discovery document, and may keep them for a while', async () => {
    const discovery = await send(`${url}/.well-known/openid-configuration`);
    expect(discovery.headers.get('cache-control')).toBe('public, max-age=300');
    const document = JSON.parse(discovery.text) as Record<keyof typeof OpenIdConfiguration, string>;
    expect(document).toMatchObject({
      issuer: 'https://rivet.example.com',
      jwks_uri: 'https://rivet.example.com/.well-known/jwks.json',
      id_token_signing_alg_values_supported: ['RS256'],
    });
    const jwks = await send(`${url}/.well-known/jwks.json`);
    expect(jwks).toMatchObject({ status: 200 });
    const { keys } = JSON.parse(jwks.text) as JSONWebKeySet;
    expect(new Set(keys.map(({ alg }) => alg))).toEqual(new Set(['RS256', 'EdDSA']));
    expect(jwks.text).not.toMatch(/"(d|p|q|dp|dq|qi)":/);
  });
});
