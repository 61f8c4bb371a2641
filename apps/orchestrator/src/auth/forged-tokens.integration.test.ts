// Tokens that somebody forged, changed or found elsewhere: all get one and the same answer.
import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listSigningKeys, readInstallationRoot } from '@rivet/store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseMasterKey } from '../sealing/master-key.ts';
import { createSealer } from '../sealing/sealer.ts';
import { sealedOf } from '../sealing/sealing.ts';
import { testMasterKey, useTestOrchestrator } from '../test-orchestrator.ts';
import { createSigningKeys } from './signing-keys.ts';
import { seedPersonWithPassword, send, signIn } from './test-people.ts';
import { makeToken } from './token.ts';

const server = useTestOrchestrator();
/** Whoever asks here follows an address that a token brings. */
let trap: Server;
let trapUrl: string;
let asked = 0;

type Json = Record<string, unknown>;
let real: { token: string; header: Json; claims: Json; privateKey: string; publicKey: KeyObject };

beforeAll(async () => {
  const { name } = await seedPersonWithPassword(server.database);
  const { access_token: token } = await signIn(server.url, name);
  const [header, claims] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json);
  const row = (await listSigningKeys(server.database)).find(({ purpose }) => purpose === 'access');
  if (row === undefined || header === undefined || claims === undefined) throw new Error('no key');
  const sealer = testSealer();
  const privateKey = sealer.open(sealedOf(row), ['signing-key', 'access', row.id]).toString();
  const publicKey = createPublicKey({ key: row.public_key, format: 'jwk' });
  real = { token, header, claims, privateKey, publicKey };
  trap = createServer((_, response) => {
    asked += 1;
    response.end(JSON.stringify({ keys: [own.publicJwk] }));
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/jwks.json`;
});

afterAll(async () => {
  await new Promise((resolve) => trap?.close(resolve));
});

const testSealer = () =>
  createSealer({ current: parseMasterKey(testMasterKey.text.reveal(), 'test') }, Buffer.alloc(32));

const pair = generateKeyPairSync('ed25519');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** Keys of the attacker's own. */
const own = {
  privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  publicJwk: pair.publicKey.export({ format: 'jwk' }),
};

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with the real header and claims but for the changes, signed with `key`. */
function forge(changes: { header?: Json; claims?: Json }, key: string = real.privateKey): string {
  const input = [
    encode({ ...real.header, ...changes.header }),
    encode({ ...real.claims, ...changes.claims }),
  ].join('.');
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
}

/** Signed as HMAC with a public key as the secret. */
function hmac(alg: string, secret: string | Buffer): string {
  const input = `${encode({ ...real.header, alg })}.${encode(real.claims)}`;
  const hash = `sha${alg.slice(2)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
}

function unsigned(alg: string): string {
  return `${encode({ ...real.header, alg })}.${encode(real.claims)}.`;
}

const now = (): number => Math.floor(Date.now() / 1000);
const OTHER_UUID = '01890a5d-ac96-774b-bcce-b302099a8057';

/** By what is wrong with them. */
const forgeries: Record<string, () => string | Promise<string>> = {
  'alg none': () => unsigned('none'),
  'alg None': () => unsigned('None'),
  'alg nOnE': () => unsigned('nOnE'),
  'alg empty': () => unsigned(''),
  'no signature': () => `${real.token.split('.').slice(0, 2).join('.')}.`,
  'HS256 with the public key as PEM': () =>
    hmac('HS256', real.publicKey.export({ type: 'spki', format: 'pem' })),
  'HS256 with the bytes of the public key': () =>
    hmac('HS256', Buffer.from(String(real.publicKey.export({ format: 'jwk' }).x), 'base64url')),
  'HS512 with an empty secret': () => hmac('HS512', ''),
  'RS256 with a key of the attacker': () => {
    const input = `${encode({ ...real.header, alg: 'RS256' })}.${encode(real.claims)}`;
    const signature = sign('sha256', Buffer.from(input), rsa.privateKey);
    return `${input}.${signature.toString('base64url')}`;
  },
  'a key of the attacker under our kid': () => forge({}, own.privateKey),
  'kid that is a path': () => forge({ header: { kid: '../../dev/null' } }),
  'kid that is SQL': () => forge({ header: { kid: "' UNION SELECT '{}' --" } }),
  'kid that nobody has': () => forge({ header: { kid: 'x'.repeat(43) } }),
  'kid that is a number': () => forge({ header: { kid: 1 } }),
  'kid of a prototype': () => forge({ header: { kid: '__proto__' } }),
  'no kid': () => forge({ header: { kid: undefined } }),
  'jwk in the header': () => forge({ header: { jwk: own.publicJwk } }, own.privateKey),
  'jwk in the header, and no kid': () =>
    forge({ header: { jwk: own.publicJwk, kid: undefined } }, own.privateKey),
  'jku in the header': () => forge({ header: { jku: trapUrl } }, own.privateKey),
  'x5u in the header': () => forge({ header: { x5u: trapUrl } }, own.privateKey),
  'x5c in the header': () => forge({ header: { x5c: ['MIIB'] } }, own.privateKey),
  'a critical extension': () => forge({ header: { crit: ['exp'], b64: true } }),
  'a payload that is not encoded': () => forge({ header: { b64: false, crit: ['b64'] } }),
  'typ of an identity token': () => forge({ header: { typ: 'JWT' } }),
  'no typ': () => forge({ header: { typ: undefined } }),
  'no exp': () => forge({ claims: { exp: undefined } }),
  'exp in the past': () => forge({ claims: { exp: now() - 60, iat: now() - 90 } }),
  'exp far in the future, from long ago': () => forge({ claims: { exp: 9e15, iat: now() - 7200 } }),
  'exp that is a text': () => forge({ claims: { exp: 'never' } }),
  'nbf in the future': () => forge({ claims: { nbf: now() + 300 } }),
  'iat in the future': () => forge({ claims: { iat: now() + 300 } }),
  'no iat': () => forge({ claims: { iat: undefined } }),
  'another audience': () => forge({ claims: { aud: 'https://cloud.example.com' } }),
  'no audience': () => forge({ claims: { aud: undefined } }),
  'another issuer': () => forge({ claims: { iss: 'urn:rivet:00000000' } }),
  'no session': () => forge({ claims: { sid: undefined } }),
  'a session that nobody has': () => forge({ claims: { sid: OTHER_UUID } }),
  'a session that is SQL': () => forge({ claims: { sid: "' OR true --" } }),
  'a session of somebody else': async () => {
    const other = await seedPersonWithPassword(server.database, 'admin');
    return forge({ claims: { sub: other.id } });
  },
  'no subject': () => forge({ claims: { sub: undefined } }),
  'no jti': () => forge({ claims: { jti: undefined } }),
  'a list of claims': () => {
    const input = `${encode(real.header)}.${encode([real.claims])}`;
    return `${input}.${sign(null, Buffer.from(input), real.privateKey).toString('base64url')}`;
  },
  'five parts': () => `${real.token}.a.b`,
  'one letter of the signature changed': () =>
    real.token.slice(0, -10) + (real.token.at(-10) === 'A' ? 'B' : 'A') + real.token.slice(-9),
  'a refresh token': async () => {
    const { name } = await seedPersonWithPassword(server.database);
    return (await signIn(server.url, name)).refresh_token;
  },
  'an API key with one letter changed': () =>
    server.token.slice(0, -1) + (server.token.endsWith('A') ? 'E' : 'A'),
  'only the prefix of an API key': () => 'rvt_',
  'an API key that nobody has': () => makeToken('apiKey').token.reveal(),
  'a runner token': () => makeToken('runner').token.reveal(),
  'a registration token': () => makeToken('registration').token.reveal(),
  'a set-up token': () => makeToken('setup').token.reveal(),
  'an API key twice': () => server.token + server.token,
  'something long': () => 'x'.repeat(5000),
};

test('the forger has what it takes: the real header and claims, signed alike, are taken', async () => {
  const token = forge({});
  expect(await send(`${server.url}/api/auth/me`, { token })).toMatchObject({ status: 200 });
});

test('every forged token gets the same answer, and no address of theirs is asked', async () => {
  const expected = await send(`${server.url}/api/auth/me`, { token: 'nonsense' });
  expect(expected).toMatchObject({ status: 401, code: 'RIVET_AUTH_INVALID' });
  expect(expected.headers.get('www-authenticate')).toMatch(/^Bearer/);
  const wrong: string[] = [];
  for (const [what, make] of Object.entries(forgeries)) {
    const { status, text } = await send(`${server.url}/api/auth/me`, { token: await make() });
    if (status !== 401 || text !== expected.text) wrong.push(`${what}: ${status} ${text}`);
  }
  expect(wrong).toEqual([]);
  expect(Object.keys(forgeries).length).toBeGreaterThan(50);
  expect(asked).toBe(0);
});

test('a token that this installation signed for somebody else opens nothing here', async () => {
  const { id } = await readInstallationRoot(server.database);
  const signingKeys = createSigningKeys({ database: server.database, sealer: testSealer() });
  const claims = { sub: real.claims.sub as string, sid: real.claims.sid as string };
  const issuer = `urn:rivet:${id}`;
  const ours = { issuer, audience: 'rivet-api', ttlSeconds: 600 } as const;
  const [access, identity] = [
    await signingKeys.sign(claims, { ...ours, typ: 'at+jwt' }),
    await signingKeys.sign(claims, { ...ours, typ: 'JWT' }),
  ];
  expect((await send(`${server.url}/api/auth/me`, { token: access })).status).toBe(200);
  expect((await send(`${server.url}/api/auth/me`, { token: identity })).code).toBe(
    'RIVET_AUTH_INVALID',
  );
});

test('headers that are no bearer token are refused alike', async () => {
  for (const authorization of [
    'Basic YWRtaW46YWRtaW4=',
    'Bearer',
    'Bearer  ',
    `Bearer ${real.token}, Bearer ${server.token}`,
    `Digest ${real.token}`,
    real.token,
    '',
  ]) {
    const response = await fetch(`${server.url}/api/auth/me`, { headers: { authorization } });
    const { code } = (await response.json()) as { code: string };
    expect([response.status, code], authorization).toEqual([401, 'RIVET_AUTH_INVALID']);
  }
});

// The last one, as it uses the attempts of this address up.
test('after three hundred wrong tokens more are told to wait, and valid ones work', async () => {
  const codes = new Map<string, number>();
  const tries = Array.from({ length: 320 }, () => makeToken('apiKey').token.reveal());
  for (const token of tries) {
    const { code = '' } = await send(`${server.url}/api/auth/me`, { token });
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect([...codes.keys()].sort()).toEqual(['RIVET_AUTH_INVALID', 'RIVET_AUTH_THROTTLED']);
  for (const token of [server.token, real.token]) {
    expect((await send(`${server.url}/api/auth/me`, { token })).status).toBe(200);
  }
});
