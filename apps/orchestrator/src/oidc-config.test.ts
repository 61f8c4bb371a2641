// The settings of the sign-in elsewhere: what they default to, and which do not go together.
import { readSettings } from '@rivet/base';
import { expect, test } from 'vitest';
import { type OidcConfig, oidcSettings, readOidc } from './oidc-config.ts';

const PUBLIC_URL = 'https://rivet.example.com';
const LEAST = {
  RIVET_OIDC_ISSUER: 'https://login.example.com/realms/team',
  RIVET_OIDC_CLIENT_ID: 'rivet',
};

const read = (env: Record<string, string>, publicUrl: string | undefined = PUBLIC_URL) =>
  readOidc(readSettings(oidcSettings, env), publicUrl);

test('without an issuer there is no sign-in elsewhere', () => {
  expect(read({})).toBeUndefined();
});

test('an issuer and a client are enough: somebody new may look, and is named by the provider', () => {
  expect(read(LEAST)).toEqual({
    issuer: 'https://login.example.com/realms/team',
    clientId: 'rivet',
    clientSecret: undefined,
    scopes: 'openid profile email',
    name: 'login.example.com',
    nameClaims: ['preferred_username', 'email'],
    create: 'viewer',
    domains: [],
    roles: undefined,
    teamsClaim: undefined,
  } satisfies OidcConfig);
});

test('everything that can be said is read, and the secret hides itself', () => {
  const config = read({
    ...LEAST,
    RIVET_OIDC_CLIENT_SECRET: 'not to be seen',
    RIVET_OIDC_NAME: 'Example',
    RIVET_OIDC_CREATE: 'off',
    RIVET_OIDC_DOMAINS: 'Example.com, example.org',
    RIVET_OIDC_ROLE_CLAIM: 'groups',
    RIVET_OIDC_ADMINS: 'ops, root',
    RIVET_OIDC_TEAM_CLAIM: 'groups',
  });
  expect(config).toMatchObject({
    name: 'Example',
    create: undefined,
    domains: ['example.com', 'example.org'],
    roles: { claim: 'groups', of: { admin: ['ops', 'root'], user: [], viewer: [] } },
    teamsClaim: 'groups',
  });
  expect(JSON.stringify(config)).not.toContain('not to be seen');
});

test.each<[string, Record<string, string>, RegExp]>([
  ['a client without an issuer', { RIVET_OIDC_CLIENT_ID: 'x' }, /ISSUER is not/],
  ['an issuer without a client', { RIVET_OIDC_ISSUER: 'https://x.example' }, /CLIENT_ID is not/],
  ['plain HTTP', { ...LEAST, RIVET_OIDC_ISSUER: 'http://login.example.com' }, /expected https/],
  ['no address', { ...LEAST, RIVET_OIDC_ISSUER: 'login.example.com' }, /expected https/],
  ['a query', { ...LEAST, RIVET_OIDC_ISSUER: 'https://x.example/?a=b' }, /expected https/],
  ['scopes without openid', { ...LEAST, RIVET_OIDC_SCOPES: 'profile' }, /lacks openid/],
  [
    'two secrets',
    { ...LEAST, RIVET_OIDC_CLIENT_SECRET: 'a', RIVET_OIDC_CLIENT_SECRET_FILE: '/b' },
    /both set/,
  ],
  ['roles without a claim', { ...LEAST, RIVET_OIDC_ADMINS: 'ops' }, /ROLE_CLAIM is not/],
  ['a claim without roles', { ...LEAST, RIVET_OIDC_ROLE_CLAIM: 'groups' }, /none of/],
])('%s: refused', (_, env, message) => {
  expect(() => read(env)).toThrow(message);
});

test('without an address to come back to nobody could', () => {
  expect(() => readOidc(readSettings(oidcSettings, LEAST), undefined)).toThrow(/RIVET_PUBLIC_URL/);
});

test('plain HTTP is possible on this machine, for trying it out', () => {
  const loopback = { ...LEAST, RIVET_OIDC_ISSUER: 'http://127.0.0.1:8080' };
  expect(read(loopback)).toMatchObject({ name: '127.0.0.1:8080' });
});
