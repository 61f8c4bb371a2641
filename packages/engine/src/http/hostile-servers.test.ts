// Servers that mean no good: each ends within its limits, with an error that says what it did.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { RivetError } from '@rivet/base';
import type { LuaValue } from '@rivet/lua';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { send, serveHttp, serveTcp, type TestServer } from '../testing/http-client.ts';
import { createSlots } from './slots.ts';

const BIG = 10 * 1024 * 1024;
const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

// What sends requests is loaded with the first one, which may take longer than the timeouts below.
beforeAll(async () => {
  await send({ url: await raw('HTTP/1.1 204 No Content\r\n\r\n') });
});

async function tcp(answer: (socket: Socket) => void): Promise<string> {
  const server = await serveTcp(answer);
  servers.push(server);
  return server.url;
}

/** Answers the first request of a connection with these bytes, and closes it. */
const raw = (bytes: string | Buffer): Promise<string> =>
  tcp((socket) => socket.once('data', () => socket.end(bytes)));

async function body(encoding: string, bytes: Buffer): Promise<string> {
  const server = await serveHttp((_, response) =>
    response.writeHead(200, { 'content-encoding': encoding }).end(bytes),
  );
  servers.push(server);
  return server.url;
}

async function failure(given: Record<string, LuaValue>): Promise<RivetError> {
  const error: unknown = await send(given).then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RivetError);
  return error as RivetError;
}

describe('a server that', () => {
  it('never answers is left at the timeout', async () => {
    const url = await tcp(() => {});
    const before = performance.now();
    const error = await failure({ url, timeout: '400ms' });
    expect(error.message).toBe(
      `GET ${url}/ did not end within its timeout of 400ms: it was waiting for the answer`,
    );
    // The default is 30 s.
    expect(performance.now() - before).toBeLessThan(15_000);
  });

  it('sends a byte now and then is left at the timeout, which says how far it came', async () => {
    const url = await tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    const { message } = await failure({ url, timeout: '400ms' });
    expect(message).toMatch(/it was reading the body of the answer, \d+B so far$/);
  });

  it('sends headers byte by byte is left at the timeout', async () => {
    const url = await tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket.write('x'), 10);
      socket.on('close', () => clearInterval(timer));
    });
    expect((await failure({ url, timeout: '400ms' })).message).toContain('waiting for the answer');
  });

  it('never stops sending is left at max_bytes', async () => {
    let sent = 0;
    const url = await tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const pump = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
      };
      socket.on('drain', pump);
      pump();
    });
    const error = await failure({ url, max_bytes: '1MB' });
    expect(error.message).toBe(`GET ${url}/: the answer is larger than max_bytes = 1MB`);
    expect(sent).toBeLessThan(50 * 1024 * 1024);
  });

  it('says that its body is too large is left before it is read', async () => {
    const url = await raw('HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx');
    expect((await failure({ url })).message).toContain(
      'larger than max_bytes = 10MB: it says it has 93GB',
    );
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(200 * 1024 * 1024))],
    ['br', brotliCompressSync(Buffer.alloc(50 * 1024 * 1024))],
    ['deflate', deflateSync(Buffer.alloc(50 * 1024 * 1024))],
    ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(50 * 1024 * 1024)))],
  ])(
    'sends a bomb of %s is left at max_bytes, without the memory for it',
    async (encoding, bomb) => {
      const url = await body(encoding, bomb);
      const before = process.memoryUsage().rss;
      expect((await failure({ url, max_bytes: '1MB' })).code).toBe('RIVET_HTTP_TOO_LARGE');
      expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024);
    },
  );

  it('compresses its compression without end is refused', async () => {
    const url = await body('gzip, gzip, gzip', Buffer.from('x'));
    expect((await failure({ url })).message).toContain('content-encoding is "gzip, gzip, gzip"');
  });

  it.each([
    ['gzip', Buffer.from('this is no gzip'), 'is damaged'],
    ['gzip', gzipSync(randomBytes(9000)).subarray(0, 5000), 'ends too early'],
    ['br', brotliCompressSync(randomBytes(9000)).subarray(0, 5000), 'ends too early'],
    ['br', Buffer.alloc(100, 0xff), 'is damaged'],
    ['deflate', deflateSync(randomBytes(9000)).subarray(0, 5000), 'ends too early'],
  ])('sends bad %s is told so', async (encoding, bytes, message) => {
    const error = await failure({ url: await body(encoding, bytes) });
    expect(error.code).toBe('RIVET_HTTP_INVALID');
    expect(error.message).toContain(`its compressed body ${message}`);
  });

  it('encodes in a way that was not offered is refused', async () => {
    const error = await failure({ url: await body('zstd', Buffer.from('x')) });
    expect(error.message).toContain(
      'its content-encoding is "zstd"; gzip, br, deflate were offered',
    );
  });

  it.each([
    ['a header of 10 MB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(10 * 1024 * 1024)}\r\n\r\n`],
    ['100,000 headers', `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(100_000)}\r\n`],
  ])('sends %s is refused', async (_, bytes) => {
    const { message } = await failure({ url: await raw(bytes) });
    expect(message).toContain('its headers are larger than 64KB');
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'RIVET_HTTP_INVALID'],
    [
      'bad chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'RIVET_HTTP_INVALID',
    ],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      'RIVET_HTTP_BROKEN',
    ],
    ['a bad status', 'HTTP/1.1 9999 OK\r\n\r\n', 'RIVET_HTTP_INVALID'],
    ['less than it said', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc', 'RIVET_HTTP_BROKEN'],
    [
      'an unfinished chunk',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nabc',
      'RIVET_HTTP_BROKEN',
    ],
    ['nothing', '', 'RIVET_HTTP_BROKEN'],
    ['half a header', 'HTTP/1.1 200 OK\r\nx: ', 'RIVET_HTTP_BROKEN'],
  ])('sends %s is told so', async (_, bytes, code) => {
    const error = await failure({ url: await raw(bytes) });
    expect([error.code, error.message]).toEqual([code, error.message]);
    expect(error.message).not.toContain('\n');
  });

  it('says more than its content-length is taken at its word', async () => {
    const url = await raw('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef');
    expect((await send({ url })).body).toBe('abc');
  });

  it('resets the connection is told so', async () => {
    const url = await tcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const error = await failure({ url });
    expect(error.message).toMatch(/: the connection broke while waiting for the answer: /);
  });
});

describe('a body', () => {
  it.each([
    ['gzip', gzipSync('text')],
    ['x-gzip', gzipSync('text')],
    ['br', brotliCompressSync('text')],
    ['deflate', deflateSync('text')],
    ['deflate', deflateRawSync('text')],
    ['deflate, gzip', gzipSync(deflateSync('text'))],
    ['identity', Buffer.from('text')],
    ['gzip', Buffer.alloc(0)],
  ])('in %s is decompressed', async (encoding, bytes) => {
    const { body: text } = await send({ url: await body(encoding, bytes) });
    expect(text).toBe(bytes.length === 0 ? '' : 'text');
  });

  it('of several megabytes arrives whole', async () => {
    const bytes = randomBytes(5_000_000);
    const { body: text } = await send({ url: await body('gzip', gzipSync(bytes)) });
    expect(Buffer.from(text, 'latin1').equals(bytes)).toBe(true);
  });

  it('that is large waits for its place, and holds the server back meanwhile', async () => {
    const slots = createSlots(1);
    const { signal } = new AbortController();
    const large = { slots, signal };
    let written = 0;
    const server = await serveHttp((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const pump = (): void => {
        while (written < BIG) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
        response.end();
      };
      pump();
    });
    servers.push(server);
    const free = await slots.take(signal);
    const sent = send({ url: server.url, max_bytes: BIG }, { large });
    expect((await send({ url: await raw('HTTP/1.1 200 OK\r\n\r\nsmall') }, { large })).body).toBe(
      'small',
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBeLessThan(BIG);
    free();
    expect((await sent).body).toHaveLength(BIG);
  });
});
