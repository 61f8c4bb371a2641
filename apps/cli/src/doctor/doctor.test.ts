// What `rivet doctor` finds on machines that differ.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../config.ts';
import { databaseFindings } from './database.ts';
import type { DoctorInput } from './findings.ts';
import { diskFinding, nodeFinding } from './machine.ts';
import { podmanFindings } from './podman.ts';
import { serverFindings } from './server.ts';

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
  return { env, config, wantsServer: false, signal: new AbortController().signal, ...more };
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
    const [server, token] = await serverFindings(input({}));
    expect(server).toMatchObject({ level: 'ok', seen: expect.stringContaining('none at') });
    expect(token).toMatchObject({ subject: 'Token', level: 'ok' });
  });

  it('is a problem when one was named and does not answer', async () => {
    const [server] = await serverFindings(input({}, { wantsServer: true }));
    expect(server).toMatchObject({ level: 'problem', fix: expect.stringMatching(/rivet/) });
  });
});
