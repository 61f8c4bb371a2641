// The settings of the network: what may be listened on without TLS, whom it believes, its names.
import { readSettings } from '@rivet/base';
import { describe, expect, test } from 'vitest';
import { networkSettings, readNetwork } from './network-config.ts';

const read = (env: Record<string, string>) => readNetwork(readSettings(networkSettings, env));
const code = (expected: string) => expect.objectContaining({ code: expected });

test('without a setting it listens on loopback alone', () => {
  expect(read({})).toEqual({
    host: '127.0.0.1',
    port: 7450,
    publicUrl: undefined,
    certificate: undefined,
    trustedProxies: [],
    allowedHosts: [],
  });
});

describe('plain text', () => {
  test.each(['127.0.0.1:1', '127.8.9.10:1', '[::1]:1', 'localhost:0'])(
    'is taken on %s',
    (listen) => {
      expect(read({ RIVET_LISTEN: listen }).port).toBeLessThan(2);
    },
  );

  test.each([
    '0.0.0.0:7450',
    '[::]:7450',
    '[::ffff:127.0.0.1]:7450',
    '10.0.0.5:7450',
    '0:7450',
    '127.0.0.1.example.com:7450',
    'ci.example.com:7450',
  ])('is not on %s, unless somebody has said so, or that there is TLS', (listen) => {
    const env = { RIVET_LISTEN: listen };
    expect(() => read(env)).toThrow(code('RIVET_LISTEN_PLAINTEXT'));
    for (const enough of [
      { RIVET_ALLOW_PLAINTEXT: 'yes' },
      { RIVET_TRUSTED_PROXIES: '10.0.0.9' },
      { RIVET_TLS_CERT: '/etc/rivet.pem', RIVET_TLS_KEY: '/etc/rivet.key' },
    ]) {
      expect(read({ ...env, ...enough }).port).toBe(7450);
    }
  });
});

test.each(['7450', '127.0.0.1', '::1:7450', '127.0.0.1:65536', '127.0.0.1:-1', 'http://a:1'])(
  'it listens on no %j',
  (listen) => {
    expect(() => read({ RIVET_LISTEN: listen })).toThrow(code('RIVET_LISTEN_INVALID'));
  },
);

test.each<[string, Record<string, string>]>([
  ['a certificate without its key', { RIVET_TLS_CERT: '/a' }],
  ['a key without its certificate', { RIVET_TLS_KEY: '/a' }],
  ['a path that is relative', { RIVET_TLS_CERT: 'a', RIVET_TLS_KEY: '/a' }],
  ['everybody as a proxy', { RIVET_TRUSTED_PROXIES: '0.0.0.0/0' }],
  ['everybody as a proxy, of IPv6', { RIVET_TRUSTED_PROXIES: '::/0' }],
  ['a proxy by its name', { RIVET_TRUSTED_PROXIES: 'proxy.example.com' }],
  ['a network with too long a prefix', { RIVET_TRUSTED_PROXIES: '10.0.0.0/33' }],
  ['a prefix that is no number', { RIVET_TRUSTED_PROXIES: '10.0.0.0/x' }],
  ['a public URL with a path', { RIVET_PUBLIC_URL: 'https://a.example/rivet' }],
  ['a public URL with a password', { RIVET_PUBLIC_URL: 'https://u:p@a.example' }],
  ['a public URL of another kind', { RIVET_PUBLIC_URL: 'ftp://a.example' }],
  ['a host with a port', { RIVET_ALLOWED_HOSTS: 'a.example:1' }],
  ['every host', { RIVET_ALLOWED_HOSTS: '*' }],
])('%s is refused', (_, env) => {
  expect(() => read(env)).toThrow(code('RIVET_CONFIG_INVALID'));
});

test('names and addresses are taken as they are meant', () => {
  expect(
    read({
      RIVET_PUBLIC_URL: 'https://CI.example.com/',
      RIVET_TRUSTED_PROXIES: '10.0.0.9, 10.1.0.0/16,fd00::/8',
      RIVET_ALLOWED_HOSTS: 'Rivet.internal,*.ci.example.com',
    }),
  ).toMatchObject({
    publicUrl: 'https://ci.example.com',
    trustedProxies: ['10.0.0.9', '10.1.0.0/16', 'fd00::/8'],
    allowedHosts: ['rivet.internal', '*.ci.example.com'],
  });
});
