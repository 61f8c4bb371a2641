// The functions of the module `fs` as a script sees them.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { RivetError, SecretText } from '@rivet/base';
import type { LuaRecord, LuaValue } from '@rivet/lua';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFsCalls, type FsCallOptions, type FsCalls } from '../testing/fs-calls.ts';

let fs: FsCalls;
beforeEach(() => {
  fs = createFsCalls();
});
afterEach(() => fs.remove());

const at = (path: string) => join(fs.workspace, path);
const put = (path: string, content: string | Buffer = '') => {
  mkdirSync(join(at(path), '..'), { recursive: true });
  writeFileSync(at(path), content);
};
const paths = (entries: LuaValue) => (entries as LuaRecord[]).map(({ path }) => path);

function limited(options: FsCallOptions): void {
  fs.remove();
  fs = createFsCalls(options);
}

describe('fs.read', () => {
  it('gives text, and bytes that are no text as they are', async () => {
    put('a', 'grüß dich\n');
    put('b', Buffer.from([0xff, 0, 1]));
    expect(await fs.call('read', 'a')).toBe('grüß dich\n');
    expect(await fs.call('read', 'b')).toEqual(Buffer.from([0xff, 0, 1]));
    expect(await fs.call('read', '/workspace/./a')).toBe('grüß dich\n');
  });

  it.each([
    [{ offset: 2 }, 'cdef'],
    [{ offset: -2 }, 'ef'],
    [{ offset: -20 }, 'abcdef'],
    [{ offset: 1, length: 2 }, 'bc'],
    [{ length: 100 }, 'abcdef'],
    [{ offset: 10 }, ''],
    [{ length: 0 }, ''],
    [{ max: 6 }, 'abcdef'],
  ])('with %j gives %j of abcdef', async (options, expected) => {
    put('f', 'abcdef');
    expect(await fs.call('read', 'f', options)).toBe(expected);
  });

  it('gives the lines without their ends', async () => {
    put('f', 'a\r\n\nb\rc\nd');
    expect(await fs.call('read', 'f', { lines: true })).toEqual(['a', '', 'b\rc', 'd']);
    put('empty');
    expect(await fs.call('read', 'empty', { lines: true })).toEqual([]);
  });

  it('refuses what is larger than its limit, and says how to read it', async () => {
    put('f', 'abcdef');
    await expect(fs.call('read', 'f', { max: 5 })).rejects.toThrow(
      'fs.read: "f" has 6B; at most 5B can be read at once',
    );
    put('large');
    truncateSync(at('large'), 10 * 1024 ** 3);
    await expect(fs.call('read', 'large')).rejects.toThrow(
      'fs.read: "large" has 10GB; at most 10MB can be read at once',
    );
    expect(await fs.call('read', 'large', { offset: -3 })).toEqual(Buffer.alloc(3));
  });

  it('names the nearest name when there is no such file', async () => {
    put('src/main.rs');
    await expect(fs.call('read', 'src/mian.rs')).rejects.toThrow(
      'fs.read: "src/mian.rs" does not exist in /workspace; did you mean "main.rs"?',
    );
    await expect(fs.call('read', 'scr/main.rs')).rejects.toThrow(
      'fs.read: "scr" does not exist in /workspace; did you mean "src"?',
    );
  });

  it('says what a path is when it is no file', async () => {
    mkdirSync(at('d'));
    put('f');
    await expect(fs.call('read', 'd')).rejects.toThrow('"d" is a directory; expected a file');
    await expect(fs.call('read', 'f/x')).rejects.toThrow('"f" is a file; expected a directory');
  });

  it.each([
    ['', 'it is empty'],
    ['a\0b', 'it has a NUL byte'],
    ['a/'.repeat(3000), 'it is longer than 4096 bytes'],
    ['x'.repeat(256), 'a name in it is longer than 255 bytes'],
  ])('refuses the path %j', async (path, reason) => {
    await expect(fs.call('read', path)).rejects.toThrow(reason);
  });
});

describe('fs.write', () => {
  it('writes a file, with missing directories when they are wanted', async () => {
    await fs.call('write', 'f', 'one');
    await fs.call('write', 'f', Buffer.from([1, 255]));
    expect(readFileSync(at('f'))).toEqual(Buffer.from([1, 255]));
    await expect(fs.call('write', 'a/b/f', 'x')).rejects.toThrow('"a" does not exist');
    await fs.call('write', 'a/b/f', 'x', { parents: true });
    expect(readFileSync(at('a/b/f'), 'utf8')).toBe('x');
    expect(readdirSync(fs.workspace).sort()).toEqual(['a', 'f']);
  });

  it('writes the text of a secret', async () => {
    await fs.call('write', 'f', new SecretText('s3cret') as unknown as LuaValue);
    expect(readFileSync(at('f'), 'utf8')).toBe('s3cret');
  });

  it('keeps the mode of a file that it replaces, and takes another', async () => {
    put('run.sh');
    chmodSync(at('run.sh'), 0o750);
    await fs.call('write', 'run.sh', 'x');
    expect(statSync(at('run.sh')).mode & 0o7777).toBe(0o750);
    await fs.call('write', 'run.sh', 'x', { mode: '600' });
    expect(statSync(at('run.sh')).mode & 0o7777).toBe(0o600);
    await expect(fs.call('write', 'run.sh', 'x', { mode: 755 })).rejects.toThrow(
      'fs.write: mode is 755; expected permissions as text such as "0644" or "755"',
    );
  });

  it('lets those write to something new who may write to its directory', async () => {
    chmodSync(fs.workspace, 0o777);
    await fs.call('write', 'open/f', 'x', { parents: true });
    expect(statSync(at('open')).mode & 0o777).toBe(0o777);
    expect(statSync(at('open/f')).mode & 0o777).toBe(0o666);
    chmodSync(at('open'), 0o755);
    await fs.call('append', 'open/g', 'x');
    await fs.call('mkdir', 'open/d');
    expect(statSync(at('open/g')).mode & 0o777).toBe(0o644);
    expect(statSync(at('open/d')).mode & 0o777).toBe(0o755);
  });

  it('replaces nothing with overwrite = false', async () => {
    await fs.call('write', 'f', 'one', { overwrite: false });
    await expect(fs.call('write', 'f', 'two', { overwrite: false })).rejects.toMatchObject({
      code: 'RIVET_FS_EXISTS',
    });
    expect(readFileSync(at('f'), 'utf8')).toBe('one');
    expect(readdirSync(fs.workspace)).toEqual(['f']);
  });

  it('never shows half of a file to who reads it meanwhile', async () => {
    const sizes = [0, 3_000_000];
    await fs.call('write', 'f', '');
    const write = (size: number) => fs.call('write', 'f', 'x'.repeat(size));
    const seen = new Set<number>();
    for (let round = 0; round < 20; round += 1) {
      const writing = write(sizes[round % 2]!);
      for (let look = 0; look < 20; look += 1) {
        seen.add(((await fs.call('read', 'f')) as string).length);
      }
      await writing;
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(sizes);
  });

  it('writes through a link to a file of the workspace', async () => {
    put('dir/f', 'old');
    symlinkSync('/workspace/dir/f', at('link'));
    await fs.call('write', 'link', 'new');
    expect(readFileSync(at('dir/f'), 'utf8')).toBe('new');
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  });

  it('leaves nothing behind when it is stopped', async () => {
    fs.stop(new Error('enough'));
    await expect(fs.call('write', 'f', 'x')).rejects.toThrow('enough');
    expect(readdirSync(fs.workspace)).toEqual([]);
  });
});

describe('fs.append', () => {
  it('adds to a file, and makes it when it is missing', async () => {
    await fs.call('append', 'f', 'a');
    await fs.call('append', 'f', 'b');
    await Promise.all([1, 2, 3, 4, 5, 6].map(() => fs.call('append', 'f', 'c')));
    expect(readFileSync(at('f'), 'utf8')).toBe('abcccccc');
  });
});

describe('fs.exists and fs.stat', () => {
  it('tell what is there', async () => {
    put('d/f', 'abc');
    chmodSync(at('d/f'), 0o640);
    symlinkSync('d/f', at('link'));
    symlinkSync('nowhere', at('dangling'));
    expect(await fs.call('exists', 'd/f')).toBe(true);
    expect(await fs.call('exists', 'd/f', { type: 'directory' })).toBe(false);
    expect(await fs.call('exists', 'd', { type: 'directory' })).toBe(true);
    expect(await fs.call('exists', 'x/y/z')).toBe(false);
    expect(await fs.call('exists', 'dangling')).toBe(false);
    expect(await fs.call('stat', 'd/f')).toMatchObject({
      path: 'd/f',
      type: 'file',
      size: 3,
      mode: '0640',
      mtime: lstatSync(at('d/f')).mtimeMs / 1000,
    });
    expect(await fs.call('stat', 'link')).toMatchObject({ path: 'd/f', type: 'file' });
    expect(await fs.call('stat', 'link', { follow: false })).toMatchObject({
      path: 'link',
      type: 'link',
      target: 'd/f',
    });
    expect(await fs.call('stat', 'nothing')).toBe(null);
    expect(await fs.call('stat', '.')).toMatchObject({ path: '.', type: 'directory' });
  });
});

describe('fs.list', () => {
  it('gives the entries of a directory in the order of their names', async () => {
    put('b/x', '12');
    put('a');
    symlinkSync('b', at('c'));
    expect(await fs.call('list')).toMatchObject([
      { name: 'a', path: 'a', type: 'file', size: 0 },
      { name: 'b', path: 'b', type: 'directory' },
      { name: 'c', path: 'c', type: 'link' },
    ]);
    expect(await fs.call('list', 'c')).toMatchObject([{ name: 'x', path: 'b/x', size: 2 }]);
    expect(paths(await fs.call('list', null, { recursive: true }))).toEqual(['a', 'b', 'b/x', 'c']);
    expect(paths(await fs.call('list', '.', { recursive: true, type: 'file' }))).toEqual([
      'a',
      'b/x',
    ]);
    await expect(fs.call('list', 'a')).rejects.toThrow('"a" is a file; expected a directory');
  });

  it('keeps names that are no text usable', async () => {
    const name = Buffer.from([0x61, 0xff]);
    writeFileSync(Buffer.concat([Buffer.from(`${fs.workspace}/`), name]), 'x');
    const [entry] = (await fs.call('list')) as LuaRecord[];
    expect(entry!.path).toEqual(new Uint8Array(name));
    expect(await fs.call('read', entry!.path!)).toBe('x');
    expect(await fs.call('remove', entry!.path!)).toBe(true);
  });

  it('refuses directories that are nested without end', async () => {
    execFileSync('sh', ['-c', 'for i in $(seq 200); do mkdir d; cd d; done'], {
      cwd: fs.workspace,
    });
    await expect(fs.call('list', '.', { recursive: true })).rejects.toThrow(
      'it leads through more than 128 directories',
    );
    await expect(fs.call('read', 'd/'.repeat(150))).rejects.toThrow('more than 128 directories');
  });
});

describe('fs.glob', () => {
  it('gives the paths that match, sorted', async () => {
    for (const path of ['src/b.c', 'src/a.h', 'src/gen/x.c', 'src/.hidden/y.c', 'main.c'])
      put(path);
    symlinkSync('b.c', at('src/link.c'));
    symlinkSync('nowhere', at('src/dangling.c'));
    symlinkSync('gen', at('src/linked'));
    const glob = (patterns: LuaValue, options: LuaValue = null) =>
      fs.call('glob', patterns, options);
    expect(await glob('**/*.{c,h}')).toEqual([
      'main.c',
      'src/a.h',
      'src/b.c',
      'src/gen/x.c',
      'src/link.c',
    ]);
    expect(await glob(['*.c', 'src/*.h'], { exclude: 'main.*' })).toEqual(['src/a.h']);
    expect(await glob('**', { cwd: 'src', exclude: ['gen', '*.c'] })).toEqual(['src/a.h']);
    expect(await glob('src/*', { type: 'directory' })).toEqual(['src/gen', 'src/linked']);
    expect(await glob('src/**/y.c', { hidden: true })).toEqual(['src/.hidden/y.c']);
  });

  it('says which pattern is wrong, and what did not match', async () => {
    await expect(fs.call('glob', ['*', 'a[b'])).rejects.toThrow(
      'fs.glob: the pattern "a[b" is not valid: a "[" has no "]"',
    );
    await expect(fs.call('glob', '*.rs', { required: true })).rejects.toThrow(
      'fs.glob: nothing matches "*.rs"',
    );
    expect(await fs.call('glob', '*.rs')).toEqual([]);
    await expect(fs.call('glob', {} as LuaRecord)).rejects.toThrow(
      'expected a pattern such as "src/**/*.lua", or a list of them',
    );
    await expect(fs.call('glob', '*', { cwd: 'nowhere' })).rejects.toThrow('does not exist');
  });
});

describe('fs.mkdir', () => {
  it('makes directories, and is content with those that are there', async () => {
    await fs.call('mkdir', 'a/b/c');
    await fs.call('mkdir', 'a/b/c');
    await fs.call('mkdir', 'private', { mode: '0700' });
    expect(statSync(at('a/b/c')).isDirectory()).toBe(true);
    expect(statSync(at('private')).mode & 0o777).toBe(0o700);
    await expect(fs.call('mkdir', 'x/y', { parents: false })).rejects.toThrow('does not exist');
    put('f');
    await expect(fs.call('mkdir', 'f')).rejects.toThrow('"f" is a file; expected a directory');
  });
});

describe('fs.remove', () => {
  it('removes files, links and, when it is told to, whole directories', async () => {
    put('d/e/f');
    symlinkSync('d', at('link'));
    expect(await fs.call('remove', 'link')).toBe(true);
    await expect(fs.call('remove', 'd')).rejects.toMatchObject({ code: 'RIVET_FS_NOT_EMPTY' });
    expect(await fs.call('remove', 'd', { recursive: true })).toBe(true);
    expect(await fs.call('remove', 'd', { recursive: true })).toBe(false);
    expect(await fs.call('remove', 'x/y')).toBe(false);
    expect(readdirSync(fs.workspace)).toEqual([]);
  });

  it('never removes the workspace itself', async () => {
    put('d/f');
    for (const path of ['.', '/workspace', 'd/..']) {
      await expect(fs.call('remove', path, { recursive: true })).rejects.toMatchObject({
        code: 'RIVET_FS_ROOT',
      });
    }
    expect(existsSync(at('d/f'))).toBe(true);
  });
});

describe('fs.copy', () => {
  it('copies a file with its mode', async () => {
    put('f', 'abc');
    chmodSync(at('f'), 0o755);
    await fs.call('copy', 'f', 'out/g', { parents: true });
    expect(readFileSync(at('out/g'), 'utf8')).toBe('abc');
    expect(statSync(at('out/g')).mode & 0o777).toBe(0o755);
    await expect(fs.call('copy', 'f', 'out/g', { overwrite: false })).rejects.toMatchObject({
      code: 'RIVET_FS_EXISTS',
    });
    await expect(fs.call('copy', 'f', 'out')).rejects.toThrow(
      'fs.copy: "out" is a directory; expected a file or nothing',
    );
  });

  it('copies directories with their links and modes, into one that is there too', async () => {
    put('from/a', '1');
    put('from/closed/b', '2');
    symlinkSync('../../etc', at('from/link'));
    chmodSync(at('from/closed'), 0o500);
    put('to/kept', '3');
    await fs.call('copy', 'from', 'to');
    expect(readFileSync(at('to/closed/b'), 'utf8')).toBe('2');
    expect(readFileSync(at('to/kept'), 'utf8')).toBe('3');
    expect(statSync(at('to/closed')).mode & 0o777).toBe(0o500);
    expect(readlinkSync(at('to/link'))).toBe('../../etc');
    chmodSync(at('from/closed'), 0o700);
    chmodSync(at('to/closed'), 0o700);
  });

  it('refuses to copy a directory into itself', async () => {
    mkdirSync(at('d/e'), { recursive: true });
    symlinkSync('d', at('link'));
    for (const [from, to] of [
      ['d', 'd/e/new'],
      ['d', 'd'],
      ['link', 'd/e/f'],
      ['.', 'd/all'],
    ]) {
      await expect(fs.call('copy', from!, to!)).rejects.toMatchObject({
        code: 'RIVET_FS_INTO_ITSELF',
      });
    }
  });

  it('keeps the holes of a file', async () => {
    put('sparse', 'begin');
    truncateSync(at('sparse'), 50 * 1024 ** 2);
    await fs.call('copy', 'sparse', 'copy');
    expect(statSync(at('copy')).size).toBe(50 * 1024 ** 2);
    expect(statSync(at('copy')).blocks).toBeLessThan(10_000);
    expect(await fs.call('sha256', 'copy')).toBe(await fs.call('sha256', 'sparse'));
  });
});

describe('fs.move', () => {
  it('gives another name, and replaces files', async () => {
    put('a', '1');
    put('b', '2');
    await fs.call('move', 'a', 'b');
    await fs.call('move', 'b', 'd/c', { parents: true });
    expect(readFileSync(at('d/c'), 'utf8')).toBe('1');
    put('x');
    await expect(fs.call('move', 'x', 'd/c', { overwrite: false })).rejects.toMatchObject({
      code: 'RIVET_FS_EXISTS',
    });
    await expect(fs.call('move', 'x', 'd')).rejects.toThrow(
      '"d" is a directory; expected a file or nothing',
    );
    mkdirSync(at('e'));
    await expect(fs.call('move', 'e', 'd')).rejects.toMatchObject({ code: 'RIVET_FS_NOT_EMPTY' });
    await expect(fs.call('move', 'd', 'd/sub')).rejects.toMatchObject({
      code: 'RIVET_FS_INTO_ITSELF',
    });
    await expect(fs.call('move', 'nothing', 'y')).rejects.toThrow('"nothing" does not exist');
    await expect(fs.call('move', '.', 'y')).rejects.toMatchObject({ code: 'RIVET_FS_ROOT' });
  });

  it('moves a link itself', async () => {
    symlinkSync('/etc/passwd', at('link'));
    await fs.call('move', 'link', 'other');
    expect(readlinkSync(at('other'))).toBe('/etc/passwd');
  });
});

describe('fs.sha256', () => {
  it('is that of sha256sum', async () => {
    put('f', 'abc');
    expect(await fs.call('sha256', 'f')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('ends when the branch is stopped, however large the file is', async () => {
    put('large');
    truncateSync(at('large'), 10 * 1024 ** 3);
    const running = fs.call('sha256', 'large');
    fs.stop(RivetError.of('RIVET_JOB_CANCELED', {}));
    await expect(running).rejects.toMatchObject({ code: 'RIVET_JOB_CANCELED' });
  });
});

describe('a policy', () => {
  it('limits the size of a file', async () => {
    limited({ fileBytesMax: 10 });
    await fs.call('write', 'f', '0123456789');
    for (const call of [
      () => fs.call('write', 'f', '0123456789a'),
      () => fs.call('append', 'f', 'a'),
    ]) {
      await expect(call()).rejects.toThrow('would have 11B; fs.file_max of the policy is 10B');
    }
    put('large', 'x'.repeat(11));
    await expect(fs.call('copy', 'large', 'g')).rejects.toMatchObject({
      code: 'RIVET_FS_FILE_MAX',
    });
    expect(readFileSync(at('f'), 'utf8')).toBe('0123456789');
  });

  it('limits the size of the workspace', async () => {
    limited({ workspaceBytesMax: 1024 * 1024 });
    await fs.call('write', 'a', 'x'.repeat(600 * 1024));
    await expect(fs.call('write', 'b', 'x'.repeat(600 * 1024))).rejects.toThrow(
      'the workspace would take 1.2MB; fs.workspace_max of the policy is 1MB',
    );
    await expect(fs.call('copy', 'a', 'b')).rejects.toMatchObject({
      code: 'RIVET_FS_WORKSPACE_MAX',
    });
    await fs.call('write', 'a', 'x');
    await fs.call('write', 'b', 'x'.repeat(600 * 1024));
  });
});

it('a readonly stage reads, and writes nothing', async () => {
  limited({ readonly: true });
  put('f', 'x');
  expect(await fs.call('read', 'f')).toBe('x');
  for (const [name, ...args] of [
    ['write', 'g', 'x'],
    ['append', 'f', 'x'],
    ['mkdir', 'd'],
    ['remove', 'f'],
    ['copy', 'f', 'g'],
    ['move', 'f', 'g'],
  ] as const) {
    await expect(fs.call(name, ...args)).rejects.toThrow(
      `fs.${name}: the stage "check" is readonly`,
    );
  }
  expect(readdirSync(fs.workspace)).toEqual(['f']);
});

it('what is written is what is read, whatever the bytes', async () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(bytes, async (content) => {
      await fs.call('write', 'f', content);
      const back = await fs.call('read', 'f');
      expect(Buffer.from(back as string)).toEqual(Buffer.from(content));
    }),
    { numRuns: 100 },
  );
});
