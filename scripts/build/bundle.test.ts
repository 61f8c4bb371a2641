// What is built does what its sources do, also what a module does when it is loaded.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
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
