// The server on a network: TLS and its renewal, clients that pin an authority, proxies, names of
// hosts, and requests that two programs could read differently. On the wire.
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createClient, createPinnedFetch } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { createTestAuthority, type TestAuthority, useTestDatabase } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../config.ts';
import {
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
let directory: string;
let authority: TestAuthority;
let servers: TestOrchestrator[] = [];

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  directory = await mkdtemp(join(tmpdir(), 'rivet-tls-'));
  authority = await createTestAuthority(directory);
});

afterEach(async () => {
  await Promise.all(servers.map(({ orchestrator }) => orchestrator.stop()));
  servers = [];
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await database.close();
});

async function start(changes: Partial<Config> = {}): Promise<TestOrchestrator> {
  const server = await startTestOrchestrator(testDatabase.url, changes);
  servers.push(server);
  return server;
}

/** What comes back on a bare connection. */
async function wire(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.on('error', () => undefined);
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: Error) => error.message,
  );

describe('with TLS', () => {
  test('a client that pins the authority is served, in calls and streams; others see no answer', async () => {
    const { orchestrator, token } = await start({ certificate: await authority.issue('server') });
    expect(orchestrator.url).toMatch(/^https:/);
    const fetch = createPinnedFetch(authority.pem, 'test');
    const url = orchestrator.url.replace('127.0.0.1', 'localhost');
    const client = createClient({ url, token, fetch });
    const { id } = await client.launchPipeline({ ref: await seedPipeline(database), body: {} });
    const states: string[] = [];
    const following = (async () => {
      for await (const event of client.streamJobEvents({ id })) states.push(event.data.state);
    })();
    await expect.poll(() => states).toEqual(['queued']);
    await client.cancelJob({ id });
    await following;
    expect(states.at(-1)).toBe('canceled');
    await expect(client.getJob({ id: 'ffffffff' })).rejects.toMatchObject({
      code: 'RIVET_JOB_NOT_FOUND',
    });

    const stranger = await createTestAuthority(directory, 'stranger');
    const elsewhere = createPinnedFetch(stranger.pem, 'test');
    for (const other of [elsewhere, globalThis.fetch]) {
      const as = createClient({ url, token, fetch: other, triesMax: 1 });
      expect(await failure(as.getHealth())).toMatch(
        /^the certificate of .* is not trusted: .*(certificate|issuer)/,
      );
    }
  });

  test('a certificate for another name is refused by a client that pins', async () => {
    const certificate = await authority.issue('elsewhere', ['DNS:rivet.example.com']);
    const { orchestrator } = await start({ certificate });
    const fetch = createPinnedFetch(authority.pem, 'test');
    const client = createClient({ url: orchestrator.url, fetch, triesMax: 1 });
    expect(await failure(client.getHealth())).toMatch(/is not trusted: .*altnames/);
  });

  test('versions before 1.2, and requests without TLS, get no answer', async () => {
    const { orchestrator } = await start({ certificate: await authority.issue('server') });
    const { port } = new URL(orchestrator.url);
    const handshake = (versions: object) =>
      new Promise<string>((resolve) => {
        const socket: TLSSocket = connectTls(
          { port: Number(port), host: '127.0.0.1', ca: authority.pem, ...versions },
          () => resolve(socket.getProtocol() ?? ''),
        );
        socket.once('error', (error) => resolve(String((error as { code?: string }).code)));
        socket.once('secureConnect', () => socket.end());
      });
    expect(await handshake({ maxVersion: 'TLSv1.3' })).toBe('TLSv1.3');
    expect(await handshake({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
    expect(
      await handshake({
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
    ).toMatch(/^E/);
    const plain = await wire(
      orchestrator.url.replace('https', 'http'),
      'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n',
    );
    expect(plain).not.toContain('"status":"ok"');
  });

  test('a certificate that is replaced is shown without a restart, a broken one is not', async () => {
    const [first, second] = [await authority.issue('first'), await authority.issue('second')];
    const files = { certFile: join(directory, 'used.pem'), keyFile: join(directory, 'used.key') };
    const use = async ({ certFile, keyFile }: typeof files): Promise<void> => {
      await copyFile(certFile, files.certFile);
      await copyFile(keyFile, files.keyFile);
    };
    await use(first);
    const { orchestrator } = await start({ certificate: files });
    const { port } = new URL(orchestrator.url);
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket: TLSSocket = connectTls(
          { port: Number(port), host: '127.0.0.1', ca: authority.pem },
          () => {
            resolve(String(socket.getPeerCertificate().subject.CN));
            socket.end();
          },
        );
        socket.once('error', reject);
      });
    expect(await shown()).toBe('first');
    // As in the middle of a renewal: the certificate is there, its key is not yet.
    await copyFile(second.certFile, files.certFile);
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(await shown()).toBe('first');
    await use(second);
    await expect.poll(shown, { timeout: 30_000, interval: 200 }).toBe('second');
  });

  test('a key that is not that of the certificate is told at the start', async () => {
    const [first, second] = [await authority.issue('first'), await authority.issue('second')];
    const certificate = { certFile: first.certFile, keyFile: second.keyFile };
    await expect(start({ certificate })).rejects.toMatchObject({
      code: 'RIVET_TLS_INVALID',
      message: expect.stringContaining('the key is not that of the certificate'),
    });
  });

  test.each(['', 'nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'])(
    'an authority that is no certificate is refused: %j',
    (pem) => {
      expect(() => createPinnedFetch(pem, '/etc/ca.pem')).toThrow(
        expect.objectContaining({
          code: 'RIVET_CA_INVALID',
          message: expect.stringContaining('/etc/ca.pem'),
        }),
      );
    },
  );
});

describe('the address of a client', () => {
  /** The address that the server has for whoever sends these headers. */
  async function seen(server: TestOrchestrator, headers: Record<string, string>): Promise<unknown> {
    const { orchestrator, token } = server;
    const name = `t-${Math.random()}`;
    const response = await fetch(`${orchestrator.url}/api/runners/tokens`, {
      method: 'POST',
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ description: name }),
    });
    const { id } = (await response.json()) as { id: string };
    const text = `SELECT address FROM audit_log WHERE object_id = $1`;
    const [row] = await database.query<{ address: string }>({ name: '', text, repeatable: true }, [
      id,
    ]);
    return row?.address;
  }

  test('is that of the connection, whatever X-Forwarded-For says', async () => {
    const server = await start();
    expect(await seen(server, { 'x-forwarded-for': '203.0.113.7' })).toBe('127.0.0.1');
  });

  test('is what a trusted proxy says, and only as far as it is trusted', async () => {
    const server = await start({ trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
    expect(await seen(server, { 'x-forwarded-for': '203.0.113.7' })).toBe('203.0.113.7');
    const forged = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 10.0.0.9' };
    expect(await seen(server, forged)).toBe('203.0.113.7');
  });

  test('is that of a proxy that is not trusted', async () => {
    const server = await start({ trustedProxies: ['192.0.2.1'] });
    expect(await seen(server, { 'x-forwarded-for': '203.0.113.7' })).toBe('127.0.0.1');
  });
});

describe('the host of a request', () => {
  let server: TestOrchestrator;
  const statusFor = async (host: string, path = '/healthz'): Promise<number> => {
    const text = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    return Number((await wire(server.orchestrator.url, text)).split(' ')[1]);
  };

  test('is the public name, one that is allowed, a local name or an address', async () => {
    server = await start({
      publicUrl: 'https://rivet.example.com',
      allowedHosts: ['rivet.internal', '*.ci.example.com'],
    });
    for (const host of [
      'rivet.example.com',
      'RIVET.example.com:7450',
      'rivet.example.com.',
      'rivet.internal',
      'a.ci.example.com',
      'localhost:7450',
      'x.localhost',
      '127.0.0.1:1',
      '192.168.1.5',
      '[::1]:7450',
    ]) {
      expect([host, await statusFor(host)]).toEqual([host, 200]);
    }
  });

  test('is no other: a page of a stranger whose name leads here reads nothing', async () => {
    server = await start({
      publicUrl: 'https://rivet.example.com',
      allowedHosts: ['*.ci.example.com'],
    });
    for (const host of [
      'attacker.example',
      'rivet.example.com.attacker.example',
      'ci.example.com',
      'xci.example.com',
      '127.0.0.1.attacker.example',
      'localhost.attacker.example',
      'a@localhost',
      'localhost,attacker.example',
      '[::1',
      '',
    ]) {
      for (const path of ['/healthz', '/readyz', '/api/jobs', '/metrics', '/nothing']) {
        expect([host, path, await statusFor(host, path)]).toEqual([host, path, 421]);
      }
    }
  });
});

describe('what two programs could read differently is refused', () => {
  const post = 'POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\n';
  const json = 'content-type: application/json\r\n';

  test.each([
    ['two lengths', `${post}${json}content-length: 2\r\ncontent-length: 30\r\n\r\n{}`],
    ['a list of lengths', `${post}${json}content-length: 2, 2\r\n\r\n{}`],
    ['a signed length', `${post}${json}content-length: +2\r\n\r\n{}`],
    ['a negative length', `${post}${json}content-length: -1\r\n\r\n{}`],
    [
      'a length and chunks',
      `${post}${json}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['chunks that are no chunks', `${post}${json}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`],
    [
      'chunks after another coding',
      `${post}${json}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    ],
    ['a header that goes on in the next line', `${post}${json}x-a: b\r\n c: d\r\n\r\n`],
    ['a space before the colon', `${post}content-length : 2\r\n\r\n{}`],
    ['a bare line feed', 'GET /healthz HTTP/1.1\nhost: localhost\n\n'],
    ['a carriage return in a value', `${post}x-a: b\rc: d\r\n\r\n`],
    ['NUL in a value', `${post}x-a: b\0c\r\n\r\n`],
    ['two hosts', 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: attacker.example\r\n\r\n'],
    [
      'two tokens',
      'GET /api/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n',
    ],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    [
      'a chunk size that overflows',
      `${post}${json}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
    ],
  ])('%s', async (_, text) => {
    const { orchestrator } = await start();
    // The second request would be what is smuggled.
    const answer = await wire(
      orchestrator.url,
      `${text}GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).not.toContain('"openapi"');
  });
});
