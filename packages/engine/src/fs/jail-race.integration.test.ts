// The jail against a process that swaps what is in the workspace while calls are under way.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isRivetError } from '@rivet/base';
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

describe('a process that swaps directories and links at full speed', () => {
  /** Swaps `a` (a directory) and `f` (a file) with links that lead out, for ever. */
  const SWAP = `
    const { renameSync } = require('node:fs');
    const swap = (name) => {
      renameSync(name, name + '.real');
      renameSync(name + '.link', name);
      renameSync(name, name + '.link');
      renameSync(name + '.real', name);
    };
    process.stdout.write('ready');
    for (;;) { swap('a'); swap('f'); }
  `;

  it('leads no call out in 20,000 of them', { timeout: 480_000 }, async () => {
    mkdirSync(at('a'));
    writeFileSync(at('a/x'), 'mine');
    writeFileSync(at('f'), 'mine');
    symlinkSync('../etc', at('a.link'));
    symlinkSync('../etc/x', at('f.link'));
    const swapper = spawn(process.execPath, ['-e', SWAP], { cwd: fs.workspace });
    let died = false;
    const ended = once(swapper, 'close').then(() => {
      died = true;
    });
    await once(swapper.stdout, 'data');
    const ends = { good: 0, outside: 0, gone: 0, other: [] as unknown[] };
    try {
      // The control: a path that is looked up as a whole does lead out.
      let leaks = 0;
      for (let look = 0; look < 20_000 && leaks === 0; look += 1) {
        if (existsSync(at('a/x')) && tryRead(at('a/x')) === SECRET) leaks += 1;
      }
      expect(leaks).toBe(1);

      const seen = new Set<unknown>();
      const rounds: [string, ...LuaValue[]][] = [
        ['read', 'a/x'],
        ['read', 'f'],
        ['write', 'a/x', 'mine'],
        ['write', 'f', 'mine'],
        ['append', 'a/y', 'm'],
        ['list', 'a'],
        ['list', '.', { recursive: true }],
        ['glob', '**/x', { type: 'any' }],
        ['copy', 'a', 'b'],
        ['copy', 'f', 'a/z'],
        ['remove', 'a/y'],
        ['move', 'a/z', 'a/w'],
        ['mkdir', 'a/d', { parents: false }],
        ['remove', 'a/d', { recursive: true }],
        ['sha256', 'f'],
        ['stat', 'a/x'],
      ];
      for (let count = 0; count < 20_000; count += 1) {
        const [name, ...args] = rounds[count % rounds.length]!;
        try {
          const result = await fs.call(name, ...args);
          ends.good += 1;
          if (name === 'read') seen.add(result);
          expect(JSON.stringify(result)).not.toContain('SECRET');
        } catch (error) {
          if (!isRivetError(error)) throw error;
          if (error.code === 'RIVET_FS_OUTSIDE') ends.outside += 1;
          else if (error.code === 'RIVET_FS_NOT_FOUND') ends.gone += 1;
          else ends.other.push(error);
        }
      }
      expect([...seen]).toEqual(['mine']);
      expect(died).toBe(false);
    } finally {
      swapper.kill('SIGKILL');
      await ended;
    }
    expect(readdirSync(join(fs.outside, 'etc'))).toEqual(['x']);
    expect(readFileSync(join(fs.outside, 'etc/x'), 'utf8')).toBe(SECRET);
    // Both ways were met, or the race did not take place.
    expect(ends.good).toBeGreaterThan(1000);
    expect(ends.outside).toBeGreaterThan(100);
    const codes = new Set(ends.other.map((error) => (error as { code: string }).code));
    expect([...codes].filter((code) => code !== 'RIVET_FS_CHANGED')).toEqual([]);
    const grep = spawnSync('grep', ['-rl', 'SECRET', '.'], { cwd: fs.workspace });
    expect([grep.status, grep.stdout.toString()]).toEqual([1, '']);
  });
});

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
