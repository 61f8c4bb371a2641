// When something that was built counts.
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BuildStamp, buildPlatform, describeSource, findBuild } from './build.ts';

let root: string;
let built: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rivet-build-'));
  await mkdir(join(root, 'src'));
  for (const name of ['a', 'b']) await writeFile(join(root, 'src', `${name}.ts`), `// ${name}\n`);
  await mkdir(join(root, 'build', '1-1'), { recursive: true });
  await symlink('1-1', join(root, 'build', 'current'));
  built = join(root, 'build', 'current');
  await stamp();
});

afterEach(async () => {
  await chmod(join(root, 'src'), 0o755);
  await rm(root, { recursive: true, force: true });
});

async function stamp(more: Partial<BuildStamp> = {}): Promise<void> {
  const sources = ['src/a.ts', 'src/b.ts'].map((path) => describeSource(root, path));
  const content = { node: process.version, platform: buildPlatform(), sources, ...more };
  await writeFile(join(root, 'build', '1-1', 'part.json'), JSON.stringify(content));
}

const source = (name: string): string => join(root, 'src', `${name}.ts`);

describe('a build', () => {
  it('counts while every source is what it was made from', () => {
    expect(findBuild(root, 'part')).toBe(built);
  });

  it('is not there before anything was built', async () => {
    expect(findBuild(root, 'another')).toBeUndefined();
    await rm(built);
    expect(findBuild(root, 'part')).toBeUndefined();
  });

  it.each([
    ['has another size', () => writeFile(source('b'), '// b, and more\n')],
    ['has other content of the same size', () => writeFile(source('b'), '// c\n')],
    ['is gone', () => rm(source('b'))],
  ])('does not count when a source %s', async (_, change) => {
    await change();
    // The clock of a file system may be coarse.
    await utimes(source('a'), 1, 1);
    if (_ !== 'is gone') await utimes(source('b'), 2, 2);
    expect(findBuild(root, 'part')).toBeUndefined();
  });

  it('counts in a tree that was copied, where only times differ', async () => {
    for (const name of ['a', 'b']) await utimes(source(name), 1000, 1000);
    expect(findBuild(root, 'part')).toBe(built);
  });

  it.each([
    ['another Node', { node: 'v24.0.0-other' }],
    ['another machine', { platform: 'plan9-mips' }],
  ])('does not count for %s', async (_, more) => {
    await stamp(more);
    expect(findBuild(root, 'part')).toBeUndefined();
  });

  it.each([
    ['', 'nothing in it'],
    ['{"node":', 'half of it'],
    ['null', 'no object'],
    ['{"node":"x"}', 'no sources'],
  ])('does not count when its stamp is %j: %s', async (content) => {
    await writeFile(join(root, 'build', '1-1', 'part.json'), content);
    expect(findBuild(root, 'part')).toBeUndefined();
  });

  it('counts where nothing can be written', async () => {
    await chmod(join(root, 'src'), 0o555);
    await chmod(join(root, 'build', '1-1'), 0o555);
    expect(findBuild(root, 'part')).toBe(built);
    await chmod(join(root, 'build', '1-1'), 0o755);
  });
});
