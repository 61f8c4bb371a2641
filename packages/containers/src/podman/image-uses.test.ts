// What is remembered of images that were pulled, in real files.
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ImageUses } from './image-uses.ts';

const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-uses-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Says that it was used last at this time, in seconds since the epoch. */
const age = (id: string, at: number) => utimes(join(directory, id), at, at);

it('images are remembered by other processes, the one used longest ago first', async () => {
  const uses = new ImageUses(directory);
  await uses.pulled(A, 'quay.io/a:1');
  await uses.pulled(A, 'quay.io/a:latest');
  await uses.pulled(B, 'quay.io/b:1');
  await age(A, 200);
  await age(B, 100);
  expect(await new ImageUses(directory).list()).toEqual([
    { id: B, names: ['quay.io/b:1'], usedAt: 100_000 },
    { id: A, names: ['quay.io/a:1', 'quay.io/a:latest'], usedAt: 200_000 },
  ]);
  expect(await uses.hasName('quay.io/a:latest')).toBe(true);
  expect(await uses.hasName('quay.io/a:2')).toBe(false);
});

it.each(['quay.io/a:1', A])('a use is noted of the image %s, and of no other', async (image) => {
  const uses = new ImageUses(directory);
  await uses.pulled(A, 'quay.io/a:1');
  await uses.pulled(B, 'quay.io/b:1');
  await age(A, 100);
  await age(B, 100);
  await uses.used(image);
  expect(await uses.usedAt(A)).toBeGreaterThan(1e12);
  expect(await uses.usedAt(B)).toBe(100_000);
});

it('a use of an image that was not pulled by Rivet leaves nothing', async () => {
  const uses = new ImageUses(directory);
  await uses.used(A);
  await uses.used('../escape');
  expect(await readdir(directory)).toEqual([]);
});

it('an image that is forgotten is not listed, nor are files of others', async () => {
  const uses = new ImageUses(directory);
  await uses.pulled(A, 'quay.io/a:1');
  await uses.forget(A);
  await uses.forget('..');
  await utimes(directory, 1, 1);
  expect(await uses.list()).toEqual([]);
  expect(await new ImageUses(undefined).list()).toEqual([]);
});
