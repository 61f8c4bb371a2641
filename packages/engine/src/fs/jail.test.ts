// Nothing leads out of the workspace: links, `..`, special files, and swaps between check and use.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { LuaValue } from '@rivet/lua';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFsCalls, type FsCalls } from '../testing/fs-calls.ts';

const SECRET = 'SECRET of the machine';

let fs: FsCalls;
beforeEach(() => {
  fs = createFsCalls();
  mkdirSync(join(fs.outside, 'etc'));
  writeFileSync(join(fs.outside, 'etc/x'), SECRET);
});
afterEach(() => fs.remove());

const at = (path: string) => join(fs.workspace, path);

/** Calls of the functions that follow a link at the end of a path. */
function callsOn(path: string): [string, ...LuaValue[]][] {
  return [
    ['read', path],
    ['write', path, 'changed'],
    ['append', path, 'changed'],
    ['exists', path],
    ['stat', path],
    ['list', path],
    ['glob', '*', { cwd: path }],
    ['mkdir', path],
    ['copy', path, 'copied'],
    ['copy', 'inside', path],
    ['sha256', path],
  ];
}

/** Those that act on a link itself, so that only what is before the last name can lead out. */
function callsBelow(path: string): [string, ...LuaValue[]][] {
  return [
    ...callsOn(path),
    ['remove', path, { recursive: true }],
    ['move', path, 'moved'],
    ['move', 'inside', path],
  ];
}

function outsideIsUntouched(): void {
  expect(readdirSync(join(fs.outside, 'etc'))).toEqual(['x']);
  expect(readFileSync(join(fs.outside, 'etc/x'), 'utf8')).toBe(SECRET);
}

describe('what leads out of the workspace', () => {
  it.each([
    '..',
    '../etc',
    'a/../../etc/x',
    '/etc/passwd',
    '/',
    '/workspace/../etc',
    '/workspacex/y',
  ])('is refused: %s', async (path) => {
    mkdirSync(at('a'));
    writeFileSync(at('inside'), 'x');
    for (const [name, ...args] of callsBelow(path)) {
      await expect(fs.call(name, ...args), name).rejects.toMatchObject({
        code: 'RIVET_FS_OUTSIDE',
      });
    }
    outsideIsUntouched();
  });

  it.each([
    ['/etc', 'x'],
    ['../etc', 'x'],
    ['a/../../etc', 'x'],
    ['other', 'x'],
    ['/proc/self/root/etc', 'passwd'],
    ['/proc/1/cwd', 'x'],
  ])('is refused through a link to %s', async (target, name) => {
    mkdirSync(at('a'));
    writeFileSync(at('inside'), 'x');
    symlinkSync('../etc', at('other'));
    symlinkSync(target, at('link'));
    for (const [fn, ...args] of [...callsOn('link'), ...callsBelow(`link/${name}`)]) {
      await expect(fs.call(fn, ...args), fn).rejects.toMatchObject({ code: 'RIVET_FS_OUTSIDE' });
    }
    await expect(fs.call('read', 'link')).rejects.toThrow(/: the link "\w+" leads to "/);
    outsideIsUntouched();
  });

  it('is not followed when the link itself is removed, moved, listed or matched', async () => {
    mkdirSync(at('d'));
    symlinkSync(join(fs.outside, 'etc'), at('d/link'));
    expect(await fs.call('list', '.', { recursive: true })).toHaveLength(2);
    expect(await fs.call('glob', '**')).toEqual([]);
    expect(await fs.call('glob', '**', { type: 'any' })).toEqual(['d', 'd/link']);
    expect(await fs.call('glob', 'd/link/*', { type: 'any' })).toEqual([]);
    await fs.call('copy', 'd', 'e');
    expect(readlinkSync(at('e/link'))).toBe(join(fs.outside, 'etc'));
    await fs.call('move', 'e/link', 'f');
    await fs.call('remove', 'f');
    await fs.call('remove', 'd', { recursive: true });
    outsideIsUntouched();
  });

  it('is not reached by writing to a name that is a link', async () => {
    symlinkSync('../etc/x', at('link'));
    await expect(fs.call('write', 'link', 'x')).rejects.toMatchObject({ code: 'RIVET_FS_OUTSIDE' });
    symlinkSync('../etc/new', at('dangling'));
    await expect(fs.call('write', 'dangling', 'x')).rejects.toMatchObject({
      code: 'RIVET_FS_OUTSIDE',
    });
    outsideIsUntouched();
  });
});

describe('links inside of the workspace', () => {
  it('are followed, absolute ones as a container sees them', async () => {
    mkdirSync(at('a/b'), { recursive: true });
    writeFileSync(at('a/b/f'), 'x');
    symlinkSync('/workspace/a', at('absolute'));
    symlinkSync('../a/./b', at('a/relative'));
    symlinkSync('absolute/relative/f', at('chain'));
    expect(await fs.call('read', 'chain')).toBe('x');
    expect(await fs.call('read', 'absolute/b/../relative/f')).toBe('x');
    expect(await fs.call('stat', 'chain')).toMatchObject({ path: 'a/b/f' });
  });

  it('that lead to each other are an error', async () => {
    symlinkSync('b', at('a'));
    symlinkSync('a/x', at('b'));
    await expect(fs.call('read', 'a')).rejects.toThrow('"a" leads through more than 40 links');
  });

  it('that grow the path without end are an error', async () => {
    symlinkSync('a/a/a/a/a/a/a/a/a/a', at('a'));
    await expect(fs.call('exists', 'a')).rejects.toMatchObject({ code: 'RIVET_FS_LINKS' });
  });
});

describe('special files', () => {
  it('are refused at once, without opening them', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    // It would wake up when somebody opened the pipe.
    const writer = spawn('sh', ['-c', 'exec 3>fifo; echo opened'], { cwd: fs.workspace });
    let printed = '';
    writer.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    const server = createServer().listen(at('socket'));
    await once(server, 'listening');
    try {
      for (const [path, what] of [
        ['fifo', 'a named pipe'],
        ['socket', 'a socket'],
      ] as const) {
        for (const name of ['read', 'sha256']) {
          await expect(fs.call(name, path)).rejects.toThrow(
            `fs.${name}: "${path}" is ${what}; expected a file`,
          );
        }
        await expect(fs.call('append', path, 'x')).rejects.toThrow('expected a file or nothing');
        await expect(fs.call('write', path, 'x')).rejects.toThrow('expected a file or nothing');
        await expect(fs.call('copy', path, 'c')).rejects.toThrow('expected a file, a directory');
      }
      expect(await fs.call('stat', 'fifo')).toMatchObject({ type: 'fifo' });
      expect(await fs.call('list', '.', { type: 'socket' })).toHaveLength(1);
      expect(await fs.call('glob', '*')).toEqual([]);
      expect(printed).toBe('');
      expect(await fs.call('remove', 'fifo')).toBe(true);
    } finally {
      writer.kill('SIGKILL');
      server.close();
    }
  });

  it('that are devices are refused', async ({ skip }) => {
    try {
      execFileSync('mknod', [at('zero'), 'c', '1', '5'], { stdio: 'ignore' });
    } catch {
      skip('only root may make devices');
    }
    await expect(fs.call('read', 'zero')).rejects.toThrow('"zero" is a device; expected a file');
  });
});

it('every call closes what it opened, also when it fails', async () => {
  const open = () => readdirSync('/proc/self/fd').length;
  mkdirSync(at('d/e'), { recursive: true });
  writeFileSync(at('d/e/f'), 'x');
  symlinkSync('d', at('link'));
  symlinkSync('/etc', at('out'));
  const round = async () => {
    for (const path of ['link/e/f', 'd', 'out/x', 'missing/x', 'd/e/f/g', '../x']) {
      for (const [name, ...args] of callsOn(path)) await fs.call(name, ...args).catch(() => {});
    }
  };
  await round();
  const before = open();
  for (let count = 0; count < 5; count += 1) await round();
  expect(open()).toBe(before);
});
