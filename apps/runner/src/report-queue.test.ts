// What waits between a job and its reports: in order and complete, in memory or on disk.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { bytesOfBlock, decodeLogBlock, type LogLine } from '@rivet/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { ReportQueue } from './report-queue.ts';
import { Spool, type SpoolEntry } from './spool.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-queue-test-'));
});

const spools: Spool[] = [];

afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(spoolBytesMax = 1e9): Promise<{ queue: ReportQueue; failures: unknown[] }> {
  const failures: unknown[] = [];
  const spool = await Spool.open(directory);
  spools.push(spool);
  const onFailure = (cause: unknown) => failures.push(cause);
  return {
    queue: new ReportQueue({ spool, spoolBytesMax, onEntry: () => {}, onFailure }),
    failures,
  };
}

const lines = (first: number, texts: readonly string[], stage = 'build') => ({
  ...{ first, count: texts.length, timeMs: first, stage, group: '' },
  ...{ level: 'info' as const, stream: 'stdout' as const },
  text: Buffer.from(texts.map((text) => `${text}\n`).join('')),
});

const linesOf = (entries: readonly SpoolEntry[]): LogLine[] =>
  entries.flatMap((entry) =>
    entry.kind === 'block' ? decodeLogBlock(entry.block.first_line, bytesOfBlock(entry.block)) : [],
  );

/** Tells of lines, and of what packing makes no smaller, until whoever tells has to wait. */
function fill(queue: ReportQueue): { waited: Promise<void>; lineCount: number } {
  for (let lineCount = 1; ; lineCount += 1) {
    void queue.addLines(lines(lineCount, ['told']));
    const waited = queue.add({ kind: 'summary', markdown: 'x'.repeat(50_000) });
    if (waited !== undefined) return { waited, lineCount };
  }
}

async function takeAll(queue: ReportQueue, weightMax = 1e6): Promise<SpoolEntry[]> {
  const all: SpoolEntry[] = [];
  for (;;) {
    const batch = await queue.peek(weightMax, 1000);
    all.push(...batch.entries);
    await queue.drop(batch);
    if (batch.isAll) return all;
  }
}

it('lets what a job prints all the time wait for company only since its last report', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { queue } = await open();
  const report = async (n: number): Promise<number | undefined> => {
    void queue.addLines(lines(n, ['printed']));
    const untilDueMs = queue.untilDueMs;
    await queue.drop(await queue.peek(1e6, 1000));
    return untilDueMs;
  };
  expect(await report(1)).toBe(15);
  vi.advanceTimersByTime(5);
  expect(await report(2)).toBe(10);
  vi.advanceTimersByTime(25);
  expect(await report(3)).toBe(0);
  vi.advanceTimersByTime(60);
  expect(await report(4)).toBe(15);
});

it('lets lines that Rivet writes itself wait longer for company than what a job prints', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { queue } = await open();
  const own = (n: number) => ({ ...lines(n, ['$ make']), stream: 'system' as const });
  expect(queue.untilDueMs).toBeUndefined();
  void queue.addLines(own(1));
  vi.advanceTimersByTime(20);
  expect(queue.untilDueMs).toBe(100);
  void queue.addLines(lines(2, ['made']));
  vi.advanceTimersByTime(5);
  void queue.addLines(own(3));
  expect(queue.untilDueMs).toBe(10);

  const batch = await queue.peek(1e6, 1000);
  expect(batch.isAll).toBe(true);
  void queue.addLines(own(4));
  await queue.drop(batch);
  expect(queue.untilDueMs).toBe(120);
  const next = await queue.peek(1e6, 1000);
  void queue.addLines(lines(5, ['made again']));
  // It waits from its own arrival on, however long the report before it takes.
  vi.advanceTimersByTime(10);
  await queue.drop(next);
  expect(queue.untilDueMs).toBe(5);
  expect(linesOf(next.entries).map(({ n }) => n)).toEqual([4]);
  const last = await queue.peek(1e6, 1000);
  await queue.drop(last);
  expect(queue.untilDueMs).toBeUndefined();
});

it('packs lines of many places into one block, in front of what was told after them', async () => {
  const { queue } = await open();
  void queue.addLines(lines(1, ['a', 'b']));
  void queue.addLines(lines(3, ['c'], 'test'));
  void queue.add({ kind: 'output', name: 'x', value: 1 });
  void queue.addLines(lines(4, ['d']));
  const batch = await queue.peek(1e6, 1000);
  expect(batch.isAll).toBe(true);
  expect(batch.entries.map(({ kind }) => kind)).toEqual(['block', 'output', 'block']);
  expect(linesOf(batch.entries).map(({ n, stage, text }) => `${n} ${stage} ${text}`)).toEqual([
    '1 build a',
    '2 build b',
    '3 test c',
    '4 build d',
  ]);
  expect(await readdir(directory)).toEqual([]);
});

it('copies lines: whoever told them may use their bytes for others', async () => {
  const { queue } = await open();
  const told = lines(1, ['first']);
  void queue.addLines(told);
  told.text.fill(0x7a);
  expect(linesOf(await takeAll(queue)).map(({ text }) => text)).toEqual(['first']);
});

it('gives the same again until it is dropped, and says when that is not all', async () => {
  const { queue } = await open();
  void queue.add({ kind: 'summary', markdown: 'a' });
  void queue.add({ kind: 'summary', markdown: 'b' });
  const first = await queue.peek(1, 1000);
  expect(first.entries).toEqual([{ kind: 'summary', markdown: 'a' }]);
  expect(first.isAll).toBe(false);
  expect(await queue.peek(1, 1000)).toEqual(first);
  await queue.drop(first);
  const second = await queue.peek(1, 1000);
  expect([second.entries, second.isAll]).toEqual([[{ kind: 'summary', markdown: 'b' }], true]);
});

it('makes a job wait for a server that takes its time, and goes to disk when nothing is taken', async () => {
  const { queue } = await open();
  const { waited, lineCount } = fill(queue);
  const reading = await queue.peek(300_000, 1000);
  await waited;
  expect(await readdir(directory)).toHaveLength(1);
  void queue.addLines(lines(lineCount + 1, ['after']));
  await queue.drop(reading);
  const rest = await takeAll(queue, 300_000);
  const numbers = linesOf([...reading.entries, ...rest]).map(({ n }) => n);
  expect(numbers).toEqual(Array.from({ length: lineCount + 1 }, (_, index) => index + 1));
});

it('gives what is on disk while the job goes on telling without a pause', async () => {
  const { queue } = await open();
  const { waited, lineCount } = fill(queue);
  const reading = await queue.peek(300_000, 1000);
  await waited;
  await queue.drop(reading);
  const most = 20_000;
  let told = lineCount;
  let isEnough = false;
  const telling = (async () => {
    while (!isEnough && told < most) {
      told += 1;
      void queue.addLines(lines(told, ['told']));
      await queue.add({ kind: 'summary', markdown: 'x'.repeat(1000) });
      // Something comes with every turn, so also while something is being written.
      await setImmediate();
    }
  })();
  const taken = [...reading.entries];
  while (taken.length < 100) {
    const batch = await queue.peek(300_000, 1000);
    taken.push(...batch.entries);
    await queue.drop(batch);
  }
  expect(told).toBeLessThan(most);
  isEnough = true;
  await telling;
  const numbers = linesOf([...taken, ...(await takeAll(queue))]).map(({ n }) => n);
  expect(numbers).toEqual(Array.from({ length: told }, (_, index) => index + 1));
});

it('counts a large block by its text until a thread has packed it', async () => {
  const { queue } = await open();
  void queue.addLines(lines(1, ['y'.repeat(300_000)]));
  void queue.add({ kind: 'summary', markdown: 'behind it' });
  expect(queue.pendingWeight).toBeGreaterThan(300_000);
  const batch = await queue.peek(1e6, 1000);
  expect(batch.weight).toBeLessThan(50_000);
  expect(queue.pendingWeight).toBeLessThan(50_000);
  await queue.drop(batch);
  await queue.drop(await queue.peek(1e6, 1000));
  expect(queue.pendingWeight).toBe(0);
});

it('lets everybody go when it is closed, and forgets what comes then', async () => {
  const { queue } = await open();
  const { waited } = fill(queue);
  queue.close();
  await waited;
  const before = queue.pendingWeight;
  void queue.add({ kind: 'summary', markdown: 'late' });
  expect(queue.pendingWeight).toBe(before);
});

it('says so when the disk does not take it, and lets the job go', async () => {
  const { queue, failures } = await open();
  await rm(directory, { recursive: true });
  await fill(queue).waited;
  await queue.settled();
  expect(failures).toMatchObject([{ code: 'ENOENT' }]);
});

it('loses, repeats and reorders nothing in any mixture of telling and taking', async () => {
  const step = fc.oneof(
    fc.record({ lines: fc.integer({ min: 1, max: 40 }), size: fc.constantFrom(1, 500, 20_000) }),
    fc.record({ stage: fc.constant(true) }),
    fc.record({ take: fc.integer({ min: 1, max: 2_000_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { queue } = await open();
      const taken: SpoolEntry[] = [];
      let told = 0;
      for (const one of steps) {
        if ('lines' in one) {
          const texts = Array.from({ length: one.lines }, () => 'y'.repeat(one.size));
          void queue.addLines(lines(told + 1, texts));
          told += one.lines;
        } else if ('stage' in one) {
          void queue.add({ kind: 'output', name: 'told', value: told });
        } else {
          const batch = await queue.peek(one.take, 1000);
          taken.push(...batch.entries);
          await queue.drop(batch);
        }
      }
      taken.push(...(await takeAll(queue)));
      let seen = 0;
      for (const entry of taken) {
        if (entry.kind === 'output') expect(entry.value).toBe(seen);
        for (const { n } of linesOf([entry])) {
          seen += 1;
          expect(n).toBe(seen);
        }
      }
      expect(seen).toBe(told);
    }),
    { numRuns: 30 },
  );
});
