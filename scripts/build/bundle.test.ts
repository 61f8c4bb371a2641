// What is built does what its sources do, also what a module does when it is loaded.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startProcess } from '../../packages/processes/src/index.ts';
import { bundle } from './bundle.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

it('a program that is built looks first whether it is the first process of a container', async () => {
  await mkdir(join(root, 'build'), { recursive: true });
  const directory = await mkdtemp(join(root, 'build', 'test-'));
  try {
    const entries = { backup: 'apps/orchestrator/src/backup.ts' };
    await bundle({ root, directory, entries, whole: true });
    const text = await readFile(join(directory, 'backup.cjs'), 'utf8');
    const place = text.indexOf('runUnderInit();');
    expect(place).toBeGreaterThan(0);
    expect(place).toBeLessThan(text.indexOf('runToExit('));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);

it('a module of Node that is to be late is loaded when a function of it is called', async () => {
  await mkdir(join(root, 'build'), { recursive: true });
  const directory = await mkdtemp(join(root, 'build', 'test-'));
  try {
    const entry = join(directory, 'entry.ts');
    await writeFile(
      entry,
      `import all, { isIPv6 } from 'node:net';
       const loaded = () => process.moduleLoadList.includes('NativeModule net');
       const before = loaded();
       const answers = [isIPv6('::1'), all.isIPv4('::1')];
       process.stderr.write(JSON.stringify({ before, answers, after: loaded() }));`,
    );
    const entries = { late: relative(root, entry) };
    await bundle({ root, directory, entries, whole: true, late: ['node:net'] });
    const file = join(directory, 'late.cjs');
    const child = startProcess({ file: process.execPath, args: [file], stdin: 'ignore' });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
    expect((await child.exit).code).toBe(0);
    expect(JSON.parse(said)).toEqual({ before: false, answers: [true, false], after: true });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);
