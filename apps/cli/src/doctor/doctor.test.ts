// What `rivet doctor` finds on machines that differ.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../config.ts';
import { databaseFindings } from './database.ts';
import type { DoctorInput } from './findings.ts';
import { diskFinding, nodeFinding } from './machine.ts';
import { podmanFindings } from './podman.ts';
import { clockFinding, serverFindings } from './server.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-doctor-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const input = (env: Record<string, string>, more: Partial<DoctorInput> = {}): DoctorInput => {
  const config: Config = {
    url: 'http://127.0.0.1:1',
    urlIsSet: false,
    context: undefined,
    defaultImage: 'localhost/rivet/base:latest',
    policyFile: undefined,
    logLevel: 'warn',
    dataDirectory: directory,
    pluginPlaces: [],
  };
  const server = { url: config.url, stored: undefined };
  return {
    env: { HOME: directory, ...env },
    config,
    server,
    wantsServer: false,
    signal: new AbortController().signal,
    ...more,
  };
};

describe('Node', () => {
  it('must be 24 or newer', () => {
    expect(nodeFinding('24.1.0').level).toBe('ok');
    expect(nodeFinding('26.0.0').level).toBe('ok');
    expect(nodeFinding('22.20.1')).toMatchObject({
      level: 'problem',
      fix: expect.stringMatching(/npm install/),
    });
  });
});

describe('the disk', () => {
  it('is looked at where Rivet keeps its data', async () => {
    const finding = await diskFinding(directory);
    expect(finding.seen).toMatch(new RegExp(`free in ${directory}`));
  });

  it('is a problem where the directory is none', async () => {
    await writeFile(join(directory, 'file'), '');
    expect(await diskFinding(join(directory, 'file', 'data'))).toMatchObject({
      level: 'problem',
      fix: expect.stringContaining('RIVET_DATA_DIRECTORY'),
    });
  });
});

describe('Podman', () => {
  it('is a problem with a fix when it is not installed', async () => {
    const [finding] = await podmanFindings(input({ PATH: directory }));
    expect(finding).toMatchObject({ level: 'problem', fix: expect.stringMatching(/\w/) });
  });
});

describe('the database', () => {
  it('is fine when none is named', async () => {
    expect(await databaseFindings(input({}))).toMatchObject([{ level: 'ok' }]);
  });

  it('is a problem when the address is none, without showing it', async () => {
    const [finding] = await databaseFindings(input({ DATABASE_URL: 'mysql://u:secret@h/d' }));
    expect(finding).toMatchObject({ level: 'problem' });
    expect(JSON.stringify(finding)).not.toContain('secret');
  });

  it('is a problem when nothing answers, and fine when something does', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const url = `postgres://u:secret@127.0.0.1:${port}/d`;
    const [answers] = await databaseFindings(input({ DATABASE_URL: url }));
    expect(answers).toMatchObject({ level: 'ok', seen: `127.0.0.1:${port} answers` });
    await new Promise((resolve) => server.close(resolve));
    const [silent] = await databaseFindings(input({ DATABASE_URL: url }));
    expect(silent).toMatchObject({
      level: 'problem',
      seen: expect.stringMatching(/127\.0\.0\.1:\d+ does not answer/),
    });
    expect(JSON.stringify(silent)).not.toContain('secret');
  });
});

describe('the server', () => {
  it('need not be there when nobody named one', async () => {
    const [server, ...more] = await serverFindings(input({}));
    expect(server).toMatchObject({ level: 'ok', seen: expect.stringContaining('none at') });
    expect(more).toEqual([]);
  });

  it('is a problem when one was named and does not answer', async () => {
    const [server] = await serverFindings(input({}, { wantsServer: true }));
    expect(server).toMatchObject({ level: 'problem', fix: expect.stringMatching(/rivet/) });
  });
});

describe('signing in', () => {
  const answer = async (
    routes: Record<string, { status: number; body: unknown }>,
    env: Record<string, string>,
  ) => {
    const server = createHttpServer((request, response) => {
      const { status, body } = routes[request.url ?? ''] ?? { status: 404, body: {} };
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const named = { ...env, RIVET_URL: url };
    const findings = await serverFindings(
      input(named, { server: { url, stored: undefined }, wantsServer: true }),
    );
    server.close();
    return findings;
  };
  const health = { status: 200, body: { status: 'ok' } };
  const refused = {
    status: 401,
    body: { code: 'RIVET_AUTH_INVALID', detail: 'the token is not valid', status: 401, solve: '' },
  };
  const token = `rvt_${'s'.repeat(43)}`;

  it('says who one is, and what runners there are', async () => {
    const me = {
      id: '1',
      name: 'ada',
      role: 'admin',
      permissions: ['runners.view'],
      teams: [],
      via: 'api_key',
      via_id: '2',
    };
    const findings = await answer(
      {
        '/healthz': health,
        '/api/auth/me': { status: 200, body: me },
        '/api/runners': { status: 200, body: { items: [], next_cursor: null } },
      },
      { RIVET_TOKEN: token },
    );
    expect(findings).toMatchObject([
      { subject: 'Server', level: 'ok' },
      { subject: 'Sign-in', level: 'ok', seen: 'as ada (admin), with an API key' },
      { subject: 'Runners', level: 'note', seen: '0 of 0 online: jobs will wait' },
    ]);
  });

  it('is a problem with a token that is refused, which is not shown', async () => {
    const findings = await answer(
      { '/healthz': health, '/api/auth/me': refused },
      { RIVET_TOKEN: token },
    );
    expect(findings[1]).toMatchObject({ subject: 'Sign-in', level: 'problem' });
    expect(JSON.stringify(findings)).not.toContain('sss');
  });

  it('tells of a configuration file with tokens that others can read', async () => {
    const path = join(directory, 'config');
    const contexts = { a: { url: 'http://127.0.0.1:1', api_key: token } };
    await writeFile(path, JSON.stringify({ contexts }), { mode: 0o644 });
    const [config] = await serverFindings(input({ RIVET_CONFIG: path }));
    expect(config).toMatchObject({
      subject: 'Configuration',
      level: 'problem',
      fix: expect.stringContaining(`chmod 600 ${path}`),
    });
  });
});

describe('the clock', () => {
  it('is told of when it is far from that of the server', () => {
    const date = 'Sat, 21 Nov 2026 09:00:00 GMT';
    const at = Date.parse(date);
    expect(clockFinding(date, at + 5000)).toEqual([]);
    expect(clockFinding(date, at + 90_000)[0]?.seen).toBe(
      'this machine is 90 s ahead of the server',
    );
    expect(clockFinding(date, at - 90_000)[0]?.seen).toBe('this machine is 90 s behind the server');
    expect(clockFinding(null, at)).toEqual([]);
  });
});
