// The spool: a queue that gives back what it was given, in order, whatever the sizes.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Spool, type SpoolEntry } from './spool.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-spool-test-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const entryOf = (n: number, data: string): SpoolEntry => ({
  kind: 'block',
  block: { first_line: n, line_count: 1, bytes: 1, data },
});

async function drain(spool: Spool, bytesMax: number, entriesMax = 1000): Promise<SpoolEntry[]> {
  const all: SpoolEntry[] = [];
  for (;;) {
    const batch = await spool.peek(bytesMax, entriesMax);
    if (batch.entries.length === 0) return all;
    all.push(...batch.entries);
    await spool.drop(batch.bytes);
  }
}

it('gives entries back in order, with every kind and character', async () => {
  const spool = await Spool.open(join(directory, 's'));
  const entries: SpoolEntry[] = [
    entryOf(1, 'plain'),
    entryOf(2, 'line\nfeed \u0000 \u2028 "quoted" \\ ünï 🦀'),
    { kind: 'stage', change: { stage: 'a', state: 'running', t: '', run: 1 } },
    { kind: 'output', name: '__proto__', value: { deep: [1, null] } },
  ];
  await spool.append(entries);
  expect(await drain(spool, 1)).toEqual(entries);
  expect(spool.pendingBytes).toBe(0);
  await spool.close();
});

it('gives the same batch again until it is dropped', async () => {
  const spool = await Spool.open(join(directory, 's'));
  await spool.append([entryOf(1, 'a'), entryOf(2, 'b'), entryOf(3, 'c')]);
  const first = await spool.peek(10_000, 2);
  expect(first.entries).toHaveLength(2);
  expect(await spool.peek(10_000, 2)).toEqual(first);
  await spool.drop(first.bytes);
  expect((await spool.peek(10_000, 2)).entries).toEqual([entryOf(3, 'c')]);
  await spool.close();
});

it('deletes what was taken, so that a long job does not fill the disk', async () => {
  const path = join(directory, 's');
  const spool = await Spool.open(path);
  const text = 'x'.repeat(64 * 1024);
  for (let n = 1; n <= 320; n += 1) {
    await spool.append([entryOf(n, text)]);
    if (n % 20 === 0) {
      expect(await drain(spool, 256 * 1024)).toHaveLength(20);
      expect((await readdir(path)).length).toBeLessThanOrEqual(2);
    }
  }
  await spool.close();
});

it('survives any mixture of appending and taking', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.record({ add: fc.array(fc.integer({ min: 0, max: 900_000 }), { maxLength: 4 }) }),
          fc.record({ take: fc.integer({ min: 1, max: 2_000_000 }) }),
        ),
        { maxLength: 25 },
      ),
      async (steps) => {
        const spool = await Spool.open(await mkdtemp(join(directory, 'p-')));
        let added = 0;
        const taken: number[] = [];
        for (const step of steps) {
          if ('add' in step) {
            const before = added;
            const entries = step.add.map((length, i) =>
              entryOf(before + i + 1, 'y'.repeat(length)),
            );
            added += entries.length;
            if (entries.length > 0) await spool.append(entries);
          } else {
            const batch = await spool.peek(step.take, 3);
            taken.push(...batch.entries.map(numberOf));
            await spool.drop(batch.bytes);
          }
        }
        taken.push(...(await drain(spool, 1_000_000)).map(numberOf));
        expect(taken).toEqual(Array.from({ length: added }, (_, i) => i + 1));
        await spool.close();
      },
    ),
    { numRuns: 25 },
  );
});

it('rejects when the disk does not take an entry', async () => {
  const path = join(directory, 's');
  const spool = await Spool.open(path);
  await rm(path, { recursive: true });
  await expect(spool.append([entryOf(1, 'a')])).rejects.toMatchObject({ code: 'ENOENT' });
});

function numberOf(entry: SpoolEntry): number {
  return entry.kind === 'block' ? entry.block.first_line : 0;
}
