// TLS: a trusted certificate for the right name, and words for everything else.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listening, send, serveHttp, serveTcp, type TestServer } from '../testing/http-client.ts';
import type { ResolveName } from './connect.ts';

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

let directory: string;
let good: Certificate;
let expired: Certificate;
const servers: TestServer[] = [];

/** A certificate that is its own authority, for git.example. */
function certificate(name: string, days: number): Certificate {
  const [key, request] = [join(directory, `${name}.key`), join(directory, `${name}.csr`)];
  const run = (...args: string[]): string =>
    execFileSync('openssl', args, { stdio: 'pipe', encoding: 'utf8' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', '/CN=git.example', '-addext', 'subjectAltName=DNS:git.example'];
  run('req', '-new', ...newKey, '-keyout', key, '-out', request, ...subject);
  const validity = ['-days', String(days), '-copy_extensions', 'copy'];
  const cert = run('x509', '-req', '-in', request, '-signkey', key, ...validity);
  return { key: readFileSync(key, 'utf8'), cert };
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rivet-tls-'));
  good = certificate('good', 2);
  expired = certificate('expired', -1);
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  rmSync(directory, { recursive: true });
});

async function serve(identity: Certificate): Promise<TestServer> {
  const server = createServer({ ...identity }, (request, response) => {
    response.end(`${request.headers.host} ${request.url}`);
  });
  const started = await listening(server, () => server.closeAllConnections());
  servers.push(started);
  return started;
}

const resolve: ResolveName = async () => [{ address: '127.0.0.1', family: 4 }];
const ask = (url: string, ca?: string) => send({ url }, { sender: { resolve, ca } });

describe('https', () => {
  it('is answered by a server whose certificate is trusted', async () => {
    const { port } = await serve(good);
    const answer = await ask(`https://git.example:${port}/x`, good.cert);
    expect(answer).toMatchObject({ status: 200, body: `git.example:${port} /x` });
  });

  it('says that a certificate is signed by itself, expired, or for another name', async () => {
    const { port } = await serve(good);
    const old = await serve(expired);
    await expect(ask(`https://git.example:${port}/`)).rejects.toThrow(
      `GET https://git.example:${port}/: no trusted connection to git.example:${port}: its certificate is signed by itself only`,
    );
    await expect(ask(`https://git.example:${old.port}/`, expired.cert)).rejects.toThrow(
      'its certificate has expired',
    );
    await expect(ask(`https://other.example:${port}/`, good.cert)).rejects.toThrow(
      'its certificate is for another name',
    );
    await expect(ask(`https://127.0.0.1:${port}/`, good.cert)).rejects.toThrow(
      'its certificate is for another name',
    );
  });

  it('says that a server does not speak TLS, or hangs in the middle of it', async () => {
    const plain = await serveHttp((_, response) => response.end());
    const silent = await serveTcp(() => {});
    servers.push(plain, silent);
    await expect(ask(`https://git.example:${plain.port}/`)).rejects.toThrow('does not speak TLS');
    const url = `https://git.example:${silent.port}/`;
    await expect(send({ url, connect_timeout: '400ms' }, { sender: { resolve } })).rejects.toThrow(
      `within its connect_timeout of 400ms: it was agreeing on TLS with git.example:${silent.port}`,
    );
  });

  it('is not left for http by a redirect', async () => {
    const server = createServer({ ...good }, (_, response) => {
      response.writeHead(302, { location: 'http://git.example/' }).end();
    });
    const started = await listening(server, () => server.closeAllConnections());
    servers.push(started);
    await expect(ask(`https://git.example:${started.port}/`, good.cert)).rejects.toThrow(
      'redirects to http:, which everybody on the way can read',
    );
  });
});
