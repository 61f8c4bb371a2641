// Downloads: whole or not at all, resumed only when the file is the same, within the workspace.
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import type { LuaValue } from '@rivet/lua';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inJail } from '../fs/jail.ts';
import { createSpaceLimits } from '../fs/space-limits.ts';
import { createWorkspaceUsage } from '../fs/workspace-usage.ts';
import { serveHttp, type TestServer, testSender } from '../testing/http-client.ts';
import { downloadFile } from './download-file.ts';
import { downloadDigest, downloadOptions, downloadRequest } from './http-options.ts';

const CONTENT = randomBytes(300_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

let workspace: string;
const servers: TestServer[] = [];
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'rivet-download-'));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  rmSync(workspace, { recursive: true });
});

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = await serveHttp(listener);
  servers.push(server);
  return server;
}

interface Options {
  readonly fileMax?: number;
  readonly signal?: AbortSignal;
  readonly log?: string[];
}

async function download(
  url: string,
  path: string,
  given: Record<string, LuaValue> = {},
  { fileMax, signal = new AbortController().signal, log = [] }: Options = {},
) {
  const name = 'http.download';
  const read = downloadOptions.read({ retries: 0, ...given }, { function: name, path: '' });
  const request = downloadRequest(name, url, read);
  const options = {
    path,
    parents: read.parents ?? false,
    overwrite: read.overwrite ?? true,
    mode: read.mode,
    sha256: downloadDigest(name, read.sha256),
  };
  const call = { function: name, workspace, signal };
  const policy = { fileBytesMax: fileMax, workspaceBytesMax: undefined };
  const limits = createSpaceLimits(policy, createWorkspaceUsage(call));
  const sender = testSender(log, { sender: { signal } });
  return await inJail(call, (jail) => downloadFile(request, sender, jail, options, limits));
}

const file = (name: string): Buffer => readFileSync(join(workspace, name));

/** Serves CONTENT with ranges, and breaks the first answers in the middle. */
async function breaking(breaks: number, headers: (index: number) => Record<string, string>) {
  const seen: IncomingMessage['headers'][] = [];
  const server = await serve((request, response) => {
    const index = seen.length;
    seen.push(request.headers);
    const own = headers(index);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const part = from > 0 && request.headers['if-range'] === own.etag;
    const bytes = part ? CONTENT.subarray(from) : CONTENT;
    const range = { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` };
    response.writeHead(part ? 206 : 200, {
      ...own,
      ...(part ? range : {}),
      'content-length': String(bytes.length),
    });
    if (index < breaks) breakOff(response, bytes);
    else response.end(bytes);
  });
  return { ...server, seen };
}

function breakOff(response: ServerResponse, bytes: Buffer): void {
  response.write(bytes.subarray(0, 100_000), () => response.destroy());
}

describe('a download', () => {
  it('writes the bytes as they are sent, and tells their size and sum', async () => {
    const { url } = await serve((request, response) => {
      // Archives are often sent so by mistake; a sum would not fit what was decompressed.
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(request.headers['accept-encoding'] === 'identity' ? CONTENT : 'compressed');
    });
    const done = await download(url, 'out/tool.bin', {
      parents: true,
      sha256: SHA256.toUpperCase(),
    });
    expect(done).toMatchObject({ bytes: CONTENT.length, sha256: SHA256 });
    expect(file('out/tool.bin').equals(CONTENT)).toBe(true);
  });

  it('replaces a file and keeps its mode, unless another is asked for or it must not', async () => {
    const { url } = await serve((_, response) => response.end('new'));
    writeFileSync(join(workspace, 'a'), 'old', { mode: 0o640 });
    await expect(download(url, 'a', { overwrite: false })).rejects.toThrow('a');
    expect(file('a').toString()).toBe('old');
    await download(url, 'a');
    expect([file('a').toString(), statSync(join(workspace, 'a')).mode & 0o777]).toEqual([
      'new',
      0o640,
    ]);
    await download(url, 'a', { mode: '0755' });
    expect(statSync(join(workspace, 'a')).mode & 0o777).toBe(0o755);
  });

  it('of an empty file is an empty file', async () => {
    const { url } = await serve((_, response) => response.end());
    expect(await download(url, 'empty')).toMatchObject({ bytes: 0 });
    expect(file('empty').length).toBe(0);
  });

  it.each([
    ['another sum', { sha256: 'a'.repeat(64) }, {}, 'RIVET_HTTP_DIGEST'],
    ['max_bytes, which the server announces', { max_bytes: 1000 }, {}, 'RIVET_HTTP_TOO_LARGE'],
    [
      'max_bytes, which shows only as it comes',
      { max_bytes: 1000 },
      { 'transfer-encoding': 'chunked' },
      'RIVET_HTTP_TOO_LARGE',
    ],
  ])(
    'that breaks the rule of %s leaves the old file and no part',
    async (_, given, headers, code) => {
      const { url } = await serve((_request, response) => {
        if (Object.keys(headers).length === 0) response.setHeader('content-length', CONTENT.length);
        response.end(CONTENT);
      });
      writeFileSync(join(workspace, 'a'), 'old');
      const error: unknown = await download(url, 'a', given).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RivetError);
      expect((error as RivetError).code).toBe(code);
      expect(readdirSync(workspace)).toEqual(['a']);
      expect(file('a').toString()).toBe('old');
    },
  );

  it('keeps to file_max of the policy, also when the size is not announced', async () => {
    const { url } = await serve((_, response) => {
      response.flushHeaders();
      response.end(CONTENT);
    });
    await expect(download(url, 'a', {}, { fileMax: 200_000 })).rejects.toThrow(/195KB/);
    expect(readdirSync(workspace)).toEqual([]);
  });

  it('of an answer that is no file quotes it', async () => {
    const { url } = await serve((_, response) => response.writeHead(404).end('no such build'));
    await expect(download(url, 'a')).rejects.toThrow(
      'was answered with 404 Not Found:\nno such build',
    );
    expect(readdirSync(workspace)).toEqual([]);
  });

  it('does not leave the workspace, and does not write through a link that does', async () => {
    const { url, connections } = await serve((_, response) => response.end('x'));
    const outside = mkdtempSync(join(tmpdir(), 'rivet-outside-'));
    symlinkSync(outside, join(workspace, 'link'));
    await expect(download(url, '../a')).rejects.toMatchObject({ code: 'RIVET_FS_OUTSIDE' });
    await expect(download(url, 'link/a')).rejects.toMatchObject({ code: 'RIVET_FS_OUTSIDE' });
    mkdirSync(join(workspace, 'directory'));
    await expect(download(url, 'directory')).rejects.toMatchObject({ code: 'RIVET_FS_TYPE' });
    await expect(download(url, 'none/a')).rejects.toMatchObject({ code: 'RIVET_FS_NOT_FOUND' });
    expect([readdirSync(outside), connections()]).toEqual([[], 0]);
    rmSync(outside, { recursive: true });
  });

  it('leaves nothing when the job is canceled in the middle of it', async () => {
    const controller = new AbortController();
    const reason = RivetError.of('RIVET_JOB_CANCELED', {});
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 100_000), () => controller.abort(reason));
    });
    await expect(download(url, 'a', {}, { signal: controller.signal })).rejects.toBe(reason);
    expect(readdirSync(workspace)).toEqual([]);
    expect(existsSync(join(workspace, 'a'))).toBe(false);
  });

  it('takes no headers that ask for a part, and no sum that is none', async () => {
    const headers = { Range: 'bytes=0-1' };
    await expect(download('http://a.example/', 'a', { headers })).rejects.toThrow(
      'asks for parts by itself',
    );
    await expect(download('http://a.example/', 'a', { sha256: 'abc' })).rejects.toThrow(
      '64 hexadecimal digits',
    );
  });
});

describe('a download that breaks', () => {
  const retries = { max: 3, delay: '1ms' };

  it('goes on where it broke when the file is still the same', async () => {
    const server = await breaking(2, () => ({ etag: '"v1"' }));
    const log: string[] = [];
    const done = await download(server.url, 'a', { retries, sha256: SHA256 }, { log });
    expect(done.bytes).toBe(CONTENT.length);
    expect(file('a').equals(CONTENT)).toBe(true);
    expect(server.seen.map(({ range }) => range === undefined)).toEqual([true, false, false]);
    expect(log.filter((line) => line.startsWith('info'))).toHaveLength(2);
    expect(log[1]).toMatch(/the connection broke while reading the file, \d+KB of 293KB so far/);
  });

  it.each([
    ['without an ETag', () => ({})],
    ['with a weak ETag', () => ({ etag: 'W/"v1"' })],
    ['whose ETag has changed', (index: number) => ({ etag: `"v${index}"` })],
  ])('starts anew %s', async (_, headers) => {
    const server = await breaking(1, headers as (index: number) => Record<string, string>);
    await download(server.url, 'a', { retries, sha256: SHA256 });
    expect(file('a').equals(CONTENT)).toBe(true);
  });

  it('starts anew when the server sends another part than it was asked for', async () => {
    let count = 0;
    const { url } = await serve((request, response) => {
      count += 1;
      const headers = { etag: '"v1"', 'content-length': String(CONTENT.length) };
      if (request.headers.range !== undefined) {
        const range = `bytes 5-${CONTENT.length - 1}/${CONTENT.length}`;
        response.writeHead(206, { 'content-range': range }).end(CONTENT.subarray(5));
      } else if (count === 1) breakOff(response.writeHead(200, headers), CONTENT);
      else response.writeHead(200, headers).end(CONTENT);
    });
    await download(url, 'a', { retries, sha256: SHA256 });
    expect(count).toBe(3);
  });

  it('gives up after its tries, and leaves nothing', async () => {
    const server = await breaking(9, () => ({ etag: '"v1"' }));
    const error = download(server.url, 'a', { retries: { max: 1, delay: '1ms' } });
    await expect(error).rejects.toMatchObject({ code: 'RIVET_HTTP_BROKEN' });
    expect(server.seen).toHaveLength(2);
    expect(readdirSync(workspace)).toEqual([]);
  });
});
