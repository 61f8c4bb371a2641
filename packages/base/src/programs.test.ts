// Which file a program is started from.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildPlatform, describeSource } from './build.ts';
import { programEntry, programSources } from './programs.ts';

const RUNNER = programSources.runner;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rivet-programs-'));
  await mkdir(dirname(join(root, RUNNER)), { recursive: true });
  await writeFile(join(root, RUNNER), '// the runner\n');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function build(): Promise<void> {
  await mkdir(join(root, 'build/1-1'), { recursive: true });
  await symlink('1-1', join(root, 'build/current'));
  const sources = [describeSource(root, RUNNER)];
  const stamp = { node: process.version, platform: buildPlatform(), sources };
  await writeFile(join(root, 'build/1-1/runner.json'), JSON.stringify(stamp));
}

it('is the source where nothing was built', () => {
  expect(programEntry(root, RUNNER, {})).toBe(join(root, RUNNER));
});

it('is what was built, while the source is the same', async () => {
  await build();
  expect(programEntry(root, RUNNER, {})).toBe(join(root, 'build/current/runner.cjs'));
  await writeFile(join(root, RUNNER), '// another runner\n');
  expect(programEntry(root, RUNNER, {})).toBe(join(root, RUNNER));
});

it('is the source for whoever turned builds off, and for what is no such program', async () => {
  await build();
  expect(programEntry(root, RUNNER, { RIVET_BUNDLED: 'off' })).toBe(join(root, RUNNER));
  expect(programEntry(root, 'apps/other/main.ts', {})).toBe(join(root, 'apps/other/main.ts'));
});
