// What a job told is in the ledger, wherever the process died that wrote it.
import { appendFile, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogLines } from '@rivet/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ledger, type Told } from './ledger.ts';

let directory: string;
const open = new Set<Ledger>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-ledger-test-'));
});
afterEach(async () => {
  for (const ledger of open) ledger.close();
  open.clear();
  await rm(directory, { recursive: true, force: true });
});

function create(): Ledger {
  const ledger = Ledger.create(directory);
  open.add(ledger);
  return ledger;
}

async function reopen(): Promise<Ledger> {
  const ledger = await Ledger.open(directory);
  open.add(ledger);
  return ledger;
}

const lines = (first: number, texts: readonly string[], group = ''): LogLines => ({
  ...{ first, count: texts.length, timeMs: 5, stage: 'build', group },
  ...{ level: 'info', stream: 'stdout' },
  text: Buffer.from(texts.map((text) => `${text}\n`).join('')),
});
const stage = (state: 'running' | 'succeeded') =>
  ({ kind: 'stage', change: { stage: 'build', state, t: '', run: 1 } }) as const;
const output = (value: unknown) => ({ kind: 'output', name: 'x', value }) as const;

async function unsent(ledger: Ledger, stored: { seq: number; lines: number }): Promise<string[]> {
  const all: string[] = [];
  for await (const told of ledger.unsent(stored)) all.push(...shown(told));
  return all;
}

function shown(told: Told): string[] {
  if (told.kind === 'entry') {
    return [told.entry.kind === 'output' ? `x=${told.entry.value}` : told.entry.kind];
  }
  const { first, text } = told.lines;
  const texts = Buffer.from(text).toString().split('\n').slice(0, -1);
  return texts.map((line, index) => `${first + index}:${line}`);
}

it('gives back what was told, in order, from where the server is', async () => {
  const ledger = create();
  ledger.addEntry(stage('running'));
  ledger.addLines(lines(1, ['a', 'b', 'ü']), { origin: 'o', end: 3 });
  ledger.addEntry(output(1));
  ledger.sending({ seq: 1, entries: 2 });
  ledger.addLines(lines(4, ['d'], 'sect'), { origin: 'p', end: 1 });
  ledger.addEntry(output(2));
  const later = await reopen();
  expect(await unsent(later, { seq: 0, lines: 0 })).toEqual([
    'stage',
    ...['1:a', '2:b', '3:ü', 'x=1', '4:d', 'x=2'],
  ]);
  expect(await unsent(later, { seq: 1, lines: 2 })).toEqual(['3:ü', '4:d', 'x=2']);
  expect(await unsent(later, { seq: 7, lines: 4 })).toEqual(['x=2']);
  expect([later.lastLine, later.logBytes]).toEqual([4, 2 + 2 + 3 + 2 + 4]);
  expect([...later.printed]).toEqual([
    ['o', 3],
    ['p', 1],
  ]);
  expect(later.told).toEqual(
    new Map([
      ['stage 1 running build', 1],
      ['output x', 2],
    ]),
  );
  expect(later.outcome).toBeUndefined();
});

it('knows how the job has ended', async () => {
  create().end({ state: 'failed', reason: 'timeout', message: 'late' });
  expect((await reopen()).outcome).toEqual({ state: 'failed', reason: 'timeout', message: 'late' });
});

it('ends where its writer died, wherever that was, and goes on from there', async () => {
  const ledger = create();
  const ends = [0];
  const path = join(directory, '00000001');
  for (let n = 1; n <= 6; n += 1) {
    if (n % 3 === 0) ledger.addEntry(output(n));
    else ledger.addLines(lines(ledger.lastLine + 1, [`line ${n}`]), { origin: 'o', end: n });
    ends.push((await stat(path)).size);
  }
  const whole = await unsent(await reopen(), { seq: 0, lines: 0 });
  const size = ends.at(-1)!;
  for (let length = size; length >= 0; length -= 1) {
    await truncate(path, length);
    const later = await reopen();
    const kept = whole.slice(0, ends.filter((end) => end > 0 && end <= length).length);
    expect(await unsent(later, { seq: 0, lines: 0 })).toEqual(kept);
    if (length % 17 === 0) {
      later.addLines(lines(later.lastLine + 1, ['after']), { origin: 'q', end: 1 });
      later.close();
      const last = await reopen();
      expect((await unsent(last, { seq: 0, lines: 0 })).at(-1)).toBe(`${last.lastLine}:after`);
      expect(last.printed.get('q')).toBe(1);
      await rm(join(directory, '00000002'));
    }
  }
});

it('forgets what the server has, and still knows what was printed and told', async () => {
  const ledger = create();
  const text = 'x'.repeat(1024 ** 2 - 1);
  ledger.addEntry(output(1));
  ledger.sending({ seq: 1, entries: 1 });
  for (let n = 1; n <= 9; n += 1) ledger.addLines(lines(n, [text]), { origin: 'o', end: n });
  expect(await readdir(directory)).toEqual(['00000001', '00000002', '00000003']);
  ledger.stored(3, 1);
  expect(await readdir(directory)).toHaveLength(3);
  ledger.stored(8, 0);
  expect(await readdir(directory), 'its entry is not stored').toHaveLength(3);
  ledger.stored(8, 1);
  expect(await readdir(directory)).toEqual(['00000003']);
  const later = await reopen();
  expect([later.lastLine, later.logBytes]).toEqual([9, 9 * 1024 ** 2]);
  expect(later.printed).toEqual(new Map([['o', 9]]));
  expect(later.told).toEqual(new Map([['output x', 1]]));
  expect(await unsent(later, { seq: 1, lines: 8 })).toEqual([`9:${text}`]);
  later.addEntry(output(2));
  expect(await unsent(await reopen(), { seq: 1, lines: 9 })).toEqual(['x=2']);
});

it('believes the last report of a number: one that was refused was sent again with less', async () => {
  const ledger = create();
  for (const value of [1, 2, 3]) ledger.addEntry(output(value));
  ledger.sending({ seq: 4, entries: 3 });
  ledger.sending({ seq: 4, entries: 1 });
  const later = await reopen();
  expect(await unsent(later, { seq: 4, lines: 0 })).toEqual(['x=2', 'x=3']);
  expect(await unsent(later, { seq: 3, lines: 0 })).toEqual(['x=1', 'x=2', 'x=3']);
});

it('believes a report without entries that has the number of one that got lost', async () => {
  const ledger = create();
  for (const value of [1, 2]) ledger.addEntry(output(value));
  ledger.sending({ seq: 4, entries: 1 });
  ledger.sending({ seq: 5, entries: 2 });
  // The process died before that came to the server; the next one says first that it is there.
  const second = await reopen();
  second.sending({ seq: 5, entries: second.entriesStored({ seq: 4 }) });
  const third = await reopen();
  expect(await unsent(third, { seq: 5, lines: 0 })).toEqual(['x=2']);
});

it('writes nothing of a report that brings no entries', async () => {
  const ledger = create();
  ledger.addEntry(output(1));
  ledger.sending({ seq: 1, entries: 1 });
  const { size } = await stat(join(directory, '00000001'));
  ledger.sending({ seq: 2, entries: 1 });
  expect((await stat(join(directory, '00000001'))).size).toBe(size);
});

it('takes nothing more once the disk did not take something', async () => {
  const ledger = create();
  ledger.addEntry(output(1));
  await rm(directory, { recursive: true });
  const big = lines(1, ['x'.repeat(5 * 1024 ** 2)]);
  ledger.addLines(big, undefined);
  expect(() => ledger.addEntry(output(2))).toThrow('ENOENT');
  expect(() => ledger.addEntry(output(3))).toThrow('ENOENT');
});

it('leaves other files of its directory alone', async () => {
  create().addEntry(output(1));
  await appendFile(join(directory, 'other'), 'something');
  expect(await unsent(await reopen(), { seq: 0, lines: 0 })).toEqual(['x=1']);
});

it('says the same however often it was left and opened', async () => {
  const step = fc.oneof(
    fc.record({ lines: fc.array(fc.string(), { minLength: 1, maxLength: 4 }) }),
    fc.record({ value: fc.integer() }),
    fc.constant('reopen' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await rm(directory, { recursive: true, force: true });
      let ledger = create();
      const expected: string[] = [];
      for (const each of steps) {
        if (each === 'reopen') {
          ledger.close();
          ledger = await reopen();
        } else if ('value' in each) {
          ledger.addEntry(output(each.value));
          expected.push(`x=${each.value}`);
        } else {
          const texts = each.lines.map((text) => text.replaceAll('\n', ' '));
          const first = ledger.lastLine + 1;
          ledger.addLines(lines(first, texts), { origin: 'o', end: first });
          expected.push(...texts.map((text, index) => `${first + index}:${text}`));
        }
      }
      expect(await unsent(await reopen(), { seq: 0, lines: 0 })).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});
