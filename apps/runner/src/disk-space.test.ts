// When a disk has room for jobs.
import { tmpdir } from 'node:os';
import { mountSmallDisk } from '@rivet/testing';
import { expect, it } from 'vitest';
import { type DiskSpace, readDisk, shortageOf } from './disk-space.ts';

const GIB = 1024 ** 3;
const space = (changes: Partial<DiskSpace>): DiskSpace => ({
  bytesFree: 50 * GIB,
  bytesTotal: 100 * GIB,
  filesFree: 5_000_000,
  filesTotal: 10_000_000,
  isReadOnly: false,
  ...changes,
});

it.each([
  ['2GB of a large disk', space({ bytesFree: 2 * GIB }), undefined, false],
  ['a tenth of a small disk', space({ bytesFree: GIB, bytesTotal: 10 * GIB }), undefined, false],
  ['what the settings say', space({ bytesFree: 5 * GIB }), 5 * GIB, false],
  ['a quarter more, once it was short', space({ bytesFree: 2.5 * GIB }), undefined, true],
  ['files that are not counted', space({ filesFree: 0, filesTotal: 0 }), undefined, false],
  ['a hundred thousand files', space({ filesFree: 100_000 }), undefined, false],
])('%s are enough', (_, left, bytesMin, wasShort) => {
  expect(shortageOf(left, bytesMin, wasShort)).toBeUndefined();
});

it.each([
  [
    'has 2.0GB left, and takes jobs from 2.5GB on',
    space({ bytesFree: 2 * GIB - 1 }),
    undefined,
    false,
  ],
  [
    'has 2.4GB left, and takes jobs from 2.5GB on',
    space({ bytesFree: 2.4 * GIB }),
    undefined,
    true,
  ],
  ['has 4GB left, and takes jobs from 6.3GB on', space({ bytesFree: 4 * GIB }), 5 * GIB, false],
  [
    'has room for 4000 files, and takes jobs from 6250 on',
    space({ filesFree: 4_000, filesTotal: 100_000 }),
    undefined,
    false,
  ],
  [
    'can only be read: look at the log of the kernel, and mount it anew',
    space({ isReadOnly: true }),
    undefined,
    false,
  ],
])('a disk that %s has not enough', (text, left, bytesMin, wasShort) => {
  expect(shortageOf(left, bytesMin, wasShort)).toBe(text);
});

it('the disk of this machine can be read', async () => {
  const { bytesFree, bytesTotal, isReadOnly } = await readDisk(tmpdir());
  expect(isReadOnly).toBe(false);
  expect(bytesTotal).toBeGreaterThanOrEqual(bytesFree);
  expect(bytesTotal).toBeGreaterThan(0);
  await expect(readDisk('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('a disk that can only be read is told from one that is full', async ({ skip }) => {
  const disk = await mountSmallDisk({ megabytes: 1 });
  if (disk === undefined) return skip('only root may mount a disk');
  try {
    expect(await readDisk(disk.directory)).toMatchObject({ isReadOnly: false });
    await disk.setReadOnly();
    expect(await readDisk(disk.directory)).toMatchObject({ isReadOnly: true });
  } finally {
    await disk.remove();
  }
});
