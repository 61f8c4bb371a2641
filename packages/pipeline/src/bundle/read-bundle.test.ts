// Reading a bundle from disk: which files belong to it, and which are refused.
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isRivetError } from '@rivet/base';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { bundleDigest } from './bundle-digest.ts';
import { readBundle } from './read-bundle.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rivet-bundle-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array): Promise<string> {
  const full = join(folder, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, content);
  return full;
}

async function failure(path: string): Promise<{ code: string; message: string; solve: string }> {
  try {
    await readBundle(path);
  } catch (error) {
    if (isRivetError(error)) return error;
    throw error;
  }
  throw new Error('it was read');
}

describe('a bundle', () => {
  test('is the main file and every file reached through require', async () => {
    const main = await put(
      'ci/build.lua',
      `local a = require("lib.a") -- require("lib.comment")
       --[[ require("lib.block") ]] local s = "require('lib.text')"
       local b = require 'lib.b'; x.require("lib.method"); require "not.there"; require("git")`,
    );
    await put('ci/lib/a.lua', 'return require[[lib.deep.c]]');
    await put('ci/lib/b/init.lua', 'return require("lib.a")');
    await put('ci/lib/deep/c.lua', 'return 1');
    for (const name of ['comment', 'block', 'text', 'method', 'unused']) {
      await put(`ci/lib/${name}.lua`, 'return 1');
    }
    const bundle = await readBundle(main);
    expect(bundle.main).toBe('build.lua');
    expect(Object.keys(bundle.files)).toEqual([
      'build.lua',
      'lib/a.lua',
      'lib/b/init.lua',
      'lib/deep/c.lua',
    ]);
  });

  test('files that require each other are read once', async () => {
    const main = await put('pipeline.lua', 'require("a")');
    await put('a.lua', 'require("b") require("pipeline")');
    await put('b.lua', 'require("a")');
    expect(Object.keys((await readBundle(main)).files)).toEqual(['pipeline.lua', 'a.lua', 'b.lua']);
  });

  test('has the same digest with CRLF and a byte order mark as without', async () => {
    const unix = await readBundle(await put('unix/pipeline.lua', 'local a\nreturn a -- é\n'));
    const windows = await readBundle(
      await put('windows/pipeline.lua', '\ufefflocal a\r\nreturn a -- é\r\n'),
    );
    expect(windows).toEqual(unix);
    expect(bundleDigest(windows)).toBe(bundleDigest(unix));
  });

  test('may be named by a link, and may have links inside of its folder', async () => {
    await put('real/pipeline.lua', 'require("a")');
    await put('real/b.lua', 'return 1');
    await symlink('b.lua', join(folder, 'real/a.lua'));
    await symlink('real/pipeline.lua', join(folder, 'real/main.lua'));
    expect(Object.keys((await readBundle(join(folder, 'real/pipeline.lua'))).files)).toHaveLength(
      2,
    );
  });

  test('follows no link out of its folder', async () => {
    const main = await put('ci/pipeline.lua', 'require("passwd")');
    await symlink('/etc/passwd', join(folder, 'ci/passwd.lua'));
    const error = await failure(main);
    expect(error.code).toBe('RIVET_PIPELINE_FILE_OUTSIDE');
    expect(error.message).toContain('passwd.lua is a link to /etc/passwd, outside');
  });
});

describe('a file that is no Lua text', () => {
  const utf16 = (text: string, mark: boolean) =>
    Buffer.concat([Buffer.from(mark ? [0xff, 0xfe] : []), Buffer.from(text, 'utf16le')]);

  test.each([
    ['', 'is empty'],
    [' \n\t\n', 'is empty'],
    [utf16('return 1', true), 'is UTF-16 text'],
    [utf16('return 1', false), 'looks like UTF-16 text'],
    [Buffer.from('\x1bLua\x53'), 'is compiled Lua'],
    [
      Buffer.from('local x = 1\nlocal y = "a\0b" -- and more text after it'),
      'is binary (zero byte in line 2)',
    ],
    [Buffer.from('local x\n-- caf\xe9\n', 'latin1'), 'is not UTF-8 (line 2)'],
  ])('%j: %s', async (content, problem) => {
    const path = await put('pipeline.lua', content);
    const error = await failure(path);
    expect(error.code).toBe('RIVET_PIPELINE_FILE_NOT_TEXT');
    expect(error.message).toBe(`${path} ${problem}; expected Lua source as UTF-8 text`);
  });
});

describe('a path that cannot be read', () => {
  test('that is not there', async () => {
    const error = await failure(join(folder, 'nope.lua'));
    expect(error.message).toBe(`there is no file ${join(folder, 'nope.lua')}`);
  });

  test('that is a directory names the pipeline in it', async () => {
    expect(await failure(folder)).toMatchObject({ code: 'RIVET_PIPELINE_FILE_UNREADABLE' });
    const path = await put('pipeline.lua', 'return 1');
    expect((await failure(folder)).solve).toBe(`Give the path of the file in it: ${path}`);
  });

  test('that is a device, a socket or a ring of links ends at once', async () => {
    await symlink('ring.lua', join(folder, 'ring.lua'));
    const server = createServer().listen(join(folder, 'socket.lua'));
    await once(server, 'listening');
    const paths = ['/dev/zero', join(folder, 'socket.lua'), join(folder, 'ring.lua'), 'a\0b'];
    onTestFinished(() => void server.close());
    for (const path of paths) {
      expect((await failure(path)).code).toBe('RIVET_PIPELINE_FILE_UNREADABLE');
    }
  });

  test.skipIf(process.getuid?.() === 0)(
    'without the permission says so (root may read everything)',
    async () => {
      const path = await put('pipeline.lua', 'return 1');
      await chmod(path, 0);
      expect((await failure(path)).message).toContain('permission denied');
    },
  );
});

describe('size', () => {
  test('a file of exactly 1 MB is read, one byte more is refused', async () => {
    const text = `--${'x'.repeat(1024 * 1024 - 2)}`;
    expect((await readBundle(await put('a.lua', text))).files['a.lua']).toHaveLength(1024 * 1024);
    const error = await failure(await put('b.lua', `${text}x`));
    expect(error.code).toBe('RIVET_PIPELINE_TOO_LARGE');
    expect(error.message).toContain('1048577 bytes; the limit is 1048576 bytes');
  });

  test('more than 10 MB in all is refused', async () => {
    const filler = `--${'x'.repeat(1024 * 1024 - 100)}`;
    const names = Array.from({ length: 11 }, (_, index) => `m${index}`);
    for (const name of names) await put(`${name}.lua`, filler);
    const main = await put('pipeline.lua', names.map((name) => `require("${name}")`).join('\n'));
    expect(await failure(main)).toMatchObject({ code: 'RIVET_PIPELINE_TOO_LARGE' });
  });

  test.each([
    ['"', 500_000],
    ['\\"', 400_000],
    ['[=[', 300_000],
    ["require('", 100_000],
    ['--[[', 200_000],
  ])('a megabyte of %s is searched for names in no time', async (piece, count) => {
    const main = await put('pipeline.lua', piece.repeat(count));
    const start = performance.now();
    await readBundle(main);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
