// `rivet login` at a server with a certificate of an authority of its own, and for the first
// administrator; the server is a stand-in.
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { createTestAuthority, type TestAuthority } from '@rivet/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CliRun, cli } from '../testing/run-cli.ts';

// Each test starts programs, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const PASSWORD = 'a password for ada';
const SETUP_TOKEN = `rvs_${'s'.repeat(43)}`;
const TOKENS = {
  access_token: 'access-token-of-ada',
  token_type: 'Bearer',
  expires_in: 600,
  refresh_token: 'rvf_of-ada',
};
const ME = { id: '1', name: 'ada', role: 'admin', permissions: [], teams: [] };

let directory: string;
let authority: TestAuthority;
let server: Server;
let url: string;
let received: { path: string; body: unknown }[];

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const path = request.url ?? '';
  const body = request.method === 'POST' ? await json(request) : undefined;
  received.push({ path, body });
  const known: Record<string, unknown> = {
    '/api/auth/login': TOKENS,
    '/api/auth/setup': TOKENS,
    '/api/auth/me': { ...ME, via: 'session', via_id: '2' },
    '/api/auth/sessions': { items: [] },
  };
  const found = known[path];
  response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(found ?? {}));
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-login-'));
  authority = await createTestAuthority(directory);
  const { certFile, keyFile } = await authority.issue('server');
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  server = createServer({ cert, key }, (request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  received = [];
  await writeFile(join(directory, 'config'), '{}');
});

const rivet = (...args: string[]): CliRun =>
  cli(...args)
    .in(directory)
    .env({ RIVET_CONFIG: join(directory, 'config') });

describe('a server whose certificate is from an authority of its own', () => {
  const login = (): CliRun =>
    rivet('login', url, '--name', 'ada', '--password-stdin').stdin(PASSWORD);

  it('is told nothing while nobody has said to trust that authority', async () => {
    await login().exits(3).run();
    const other = await createTestAuthority(directory, 'other');
    await login().env({ RIVET_CA_FILE: other.caFile }).exits(3).run();
    expect(received).toEqual([]);
  });

  it('is trusted by RIVET_CA_FILE at the sign-in, and by its context from then on', async () => {
    await login().env({ RIVET_CA_FILE: authority.caFile }).exits(0).run();
    await rivet('whoami')
      .exits(0)
      .stdout(/Name +ada/)
      .run();
    // This server knows no logout, so it goes on there; nothing of it stays here.
    await rivet('logout')
      .exits(3)
      .stderr(/Signed out here only/)
      .run();
    const { contexts, context } = JSON.parse(await readFile(join(directory, 'config'), 'utf8'));
    expect(contexts[context]).toEqual({ url, user: 'ada', ca_file: authority.caFile });
  });

  it('is kept in the file that RIVET_CONFIG names, also when there is none yet', async () => {
    const path = join(directory, 'of', 'somebody');
    await login().env({ RIVET_CA_FILE: authority.caFile, RIVET_CONFIG: path }).exits(0).run();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toContain('rvf_of-ada');
  });

  it('is an error that names the file when that is no certificate', async () => {
    const file = join(directory, 'empty.pem');
    await writeFile(file, '');
    await login()
      .env({ RIVET_CA_FILE: file })
      .exits(2)
      .stderr(new RegExp(`certificate authority in the file ${file}`))
      .run();
  });
});

describe('the first administrator', () => {
  const setUp = (token: string): CliRun =>
    rivet('login', url, '--setup-token', '--name', 'ada', '--password-stdin')
      .stdin(`${PASSWORD}\n`)
      .env({ RIVET_CA_FILE: authority.caFile, RIVET_SETUP_TOKEN: token });

  it('is made with the set-up token, and is signed in', async () => {
    const { stdout, stderr } = await setUp(SETUP_TOKEN)
      .exits(0)
      .stdout(/Signed in to \S+ as ada \(admin\)/)
      .run();
    expect(stdout + stderr).not.toMatch(/rvs_|rvf_|access-token|a password/);
    expect(received[0]).toEqual({
      path: '/api/auth/setup',
      body: { token: SETUP_TOKEN, name: 'ada', password: PASSWORD },
    });
  });

  it('is not made without one, where nobody can be asked for it', async () => {
    await setUp('')
      .exits(2)
      .stderr(/no terminal[\s\S]*Give RIVET_SETUP_TOKEN/)
      .run();
    expect(received).toEqual([]);
  });
});
