// `rivet init`: what it writes, and what it never overwrites.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../testing/run-cli.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-init-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('rivet init', () => {
  it('writes a pipeline, editor settings and stubs, and says what to do next', async () => {
    await cli('init')
      .in(directory)
      .exits(0)
      .stdout(
        /wrote pipeline\.lua\nwrote pipeline_test\.lua\nwrote \.luarc\.json\nwrote \.rivet\/stubs \(\d+ files\)/,
      )
      .stderr(
        /Next:[\s\S]*rivet check pipeline\.lua[\s\S]*rivet test[\s\S]*rivet run pipeline\.lua/,
      )
      .run();
    expect((await readdir(directory)).sort()).toEqual([
      '.luarc.json',
      '.rivet',
      'pipeline.lua',
      'pipeline_test.lua',
    ]);
    const luarc = JSON.parse(await readFile(join(directory, '.luarc.json'), 'utf8'));
    const [library] = luarc['workspace.library'];
    const stubs = await readdir(join(directory, library));
    expect(stubs).toEqual(expect.arrayContaining(['process.lua', 'git.lua']));
  });

  it('writes tests that pass', async () => {
    await cli('init').in(directory).exits(0).run();
    await cli('test')
      .in(directory)
      .exits(0)
      .stdout(/2 passed in 1 file/)
      .run();
  });

  it('makes the directory it is given and prints JSON', async () => {
    const { stdout } = await cli('init', 'a/b', '--json').in(directory).exits(0).run();
    const { written, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ directory: join(directory, 'a/b') });
    expect(written).toContain('pipeline.lua');
  });

  it('overwrites nothing without --force, and writes nothing at all then', async () => {
    await writeFile(join(directory, 'pipeline.lua'), 'mine');
    await cli('init')
      .in(directory)
      .exits(2)
      .stderr(/pipeline\.lua exist already; nothing was written\n {2}Pass --force/)
      .run();
    expect(await readdir(directory)).toEqual(['pipeline.lua']);
    await cli('init', '--force').in(directory).exits(0).run();
    expect(await readFile(join(directory, 'pipeline.lua'), 'utf8')).toContain('pipeline.define');
  });

  it('may be run again', async () => {
    await cli('init').in(directory).exits(0).run();
    await cli('init').in(directory).exits(0).run();
  });

  it('leaves a pipeline alone with --stubs', async () => {
    await writeFile(join(directory, 'pipeline.lua'), 'mine');
    await cli('init', '--stubs').in(directory).exits(0).run();
    expect(await readFile(join(directory, 'pipeline.lua'), 'utf8')).toBe('mine');
  });
});
