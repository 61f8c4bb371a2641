// Atomic files: old or new, the right mode, no temporary file left.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomically } from './atomic-file.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-atomic-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('writeFileAtomically', () => {
  it('replaces the content and sets the mode', async () => {
    const path = join(directory, 'config');
    await writeFile(path, 'old', { mode: 0o644 });
    await writeFileAtomically(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is never seen half written by a reader', async () => {
    const path = join(directory, 'config');
    const contents = ['a'.repeat(100_000), 'b'.repeat(100_000)];
    await writeFileAtomically(path, contents[0] ?? '');
    const writing = Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        writeFileAtomically(path, contents[index % 2] ?? ''),
      ),
    );
    for (let read = 0; read < 50; read += 1)
      expect(contents).toContain(await readFile(path, 'utf8'));
    await writing;
    expect(await readdir(directory)).toEqual(['config']);
  });

  it('leaves no temporary file when it fails', async () => {
    await expect(writeFileAtomically(join(directory, 'missing', 'x'), 'new')).rejects.toThrow(
      'ENOENT',
    );
    expect(await readdir(directory)).toEqual([]);
  });
});
