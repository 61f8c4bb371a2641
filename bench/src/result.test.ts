// What is kept of a run.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { oursAtMost, row } from './measure.ts';
import {
  keepResult,
  mergeResults,
  type Outcome,
  type Result,
  readKeptResult,
  summaryOf,
} from './result.ts';

const machine: Result['machine'] = {
  processors: 2,
  processor: 'A processor',
  memoryGb: 8,
  system: 'Some Linux',
  kernel: '6.1',
  node: 'v24.0.0',
  podman: '4.3.1',
  postgresql: '18.0',
  durability: 'fsync=on',
  loadBefore: 0.1,
};

function outcome(name: string, value: number): Outcome {
  const rows = [row({ name, unit: 'ms', ours: [value], target: oursAtMost(10) })];
  return {
    name,
    about: `about ${name}`,
    began: '2026-01-02T03:04:05.678Z',
    seconds: 1,
    rounds: 15,
    rows,
  };
}

const failed: Outcome = { ...outcome('c', 1), rows: [], failure: 'it ended with 1' };

test('the summary counts targets, and benchmarks that could not be run', () => {
  expect(summaryOf([outcome('a', 1), outcome('b', 99)])).toBe('1 targets met, 1 missed');
  expect(summaryOf([outcome('a', 1), failed])).toBe('1 targets met, 0 missed, 1 benchmark failed');
});

test('what was not run this time is kept from before, in the order of the list', () => {
  const earlier = { machine, benchmarks: [outcome('a', 1), outcome('b', 2), outcome('gone', 3)] };
  const now = { machine, benchmarks: [outcome('b', 99)] };
  const merged = mergeResults(earlier, now, ['b', 'a', 'c']);
  expect(merged.benchmarks).toEqual([outcome('b', 99), outcome('a', 1)]);
});

test('a result is kept as JSON and as a page, and what was promised goes into the docs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-result-'));
  const places = { directory, page: join(directory, 'performance.md') };
  try {
    expect(await readKeptResult(places)).toBeUndefined();
    await writeFile(
      places.page,
      'before\n<!-- results: x -->\nold\n<!-- end of results -->\nafter\n',
    );
    const result = { machine, benchmarks: [outcome('a', 1), failed] };
    for (const _ of ['first', 'again']) await keepResult(result, places);
    expect(await readKeptResult(places)).toEqual(result);
    const page = await readFile(join(directory, 'latest.md'), 'utf8');
    expect(page).toContain('2 × A processor, 8 GB');
    expect(page).toContain('PostgreSQL 18.0: fsync=on');
    expect(page).toMatch(/\| a \| ms \| 1\.00 .* \| ≤ 10 ms \| met \|/);
    expect(page).toContain('It could not be run:\n\n```\nit ended with 1\n```');
    const docs = await readFile(places.page, 'utf8');
    expect(docs).toMatch(/^before\n<!-- results: x -->\n/);
    expect(docs).toMatch(/\n<!-- end of results -->\nafter\n$/);
    expect(docs).not.toContain('old');
    expect(docs.split('| a | 1.00 ms | – | – | ≤ 10 ms | met | – | `a` |')).toHaveLength(2);
    await writeFile(join(directory, 'latest.json'), '{ torn');
    expect(await readKeptResult(places)).toBeUndefined();
    await writeFile(places.page, 'no marks');
    await expect(keepResult(result, places)).rejects.toThrow('has no marks');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
