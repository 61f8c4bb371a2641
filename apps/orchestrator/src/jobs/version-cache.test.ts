// Versions of pipelines that are remembered: read once, and no more of them than there is room for.
import type { Queryable } from '@rivet/store';
import { beforeEach, expect, it } from 'vitest';
import { createVersionCache } from './version-cache.ts';

/** Asked for, as `pipeline version`. */
let reads: string[];
let missing: Set<string>;

const database: Queryable = {
  async query<Row extends object>(_: unknown, values: readonly unknown[] = []): Promise<Row[]> {
    const key = values.join(' ');
    reads.push(key);
    await Promise.resolve();
    if (missing.has(key)) return [];
    const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': key.padEnd(1000, '-') } };
    const definition = { name: key, stages: [{ name: 'one' }, { name: 'two' }] };
    return [{ digest: `digest of ${key}`, bundle, definition }] as unknown as Row[];
  },
};

beforeEach(() => {
  reads = [];
  missing = new Set();
});

it('reads a version once, and each version for itself', async () => {
  const versions = createVersionCache();
  const first = await versions.of(database, 'p', 1);
  expect(first).toMatchObject({ digest: 'digest of p 1', definition: { name: 'p 1' } });
  expect([...first.stageNames]).toEqual(['one', 'two']);
  expect(await versions.of(database, 'p', 1)).toBe(first);
  expect(await versions.of(database, 'p', 2)).toMatchObject({ digest: 'digest of p 2' });
  expect(await versions.of(database, 'q', 1)).toMatchObject({ digest: 'digest of q 1' });
  expect(reads).toEqual(['p 1', 'p 2', 'q 1']);
});

it('remembers none that was not there', async () => {
  const versions = createVersionCache();
  missing.add('p 1');
  await expect(versions.of(database, 'p', 1)).rejects.toThrow(/version 1 of the pipeline p/);
  missing.clear();
  expect(await versions.of(database, 'p', 1)).toMatchObject({ digest: 'digest of p 1' });
});

it('forgets the one that was asked for longest ago when there is no room', async () => {
  // Each takes somewhat more than 1000 characters.
  const versions = createVersionCache(2500);
  await versions.of(database, 'p', 1);
  await versions.of(database, 'p', 2);
  await versions.of(database, 'p', 1);
  await versions.of(database, 'p', 3);
  reads = [];
  await versions.of(database, 'p', 3);
  await versions.of(database, 'p', 1);
  expect(reads).toEqual([]);
  await versions.of(database, 'p', 2);
  expect(reads).toEqual(['p 2']);
});

it('gives one that is larger than all the room, and keeps room for others', async () => {
  const versions = createVersionCache(500);
  await versions.of(database, 'p', 1);
  await versions.of(database, 'p', 2);
  reads = [];
  await versions.of(database, 'p', 2);
  await versions.of(database, 'p', 1);
  expect(reads).toEqual(['p 1']);
});

it('counts a version once that is asked for by several at the same time', async () => {
  const versions = createVersionCache(2500);
  await Promise.all([1, 1, 1, 1].map(() => versions.of(database, 'p', 1)));
  await versions.of(database, 'p', 2);
  reads = [];
  await versions.of(database, 'p', 1);
  await versions.of(database, 'p', 2);
  expect(reads).toEqual([]);
});
