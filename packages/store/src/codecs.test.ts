// What is stored in a form of its own: log chunks, ranges of ids, tags of the queue.
import { encodeLogBlock, type LogLine } from '@rivet/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idRange } from './id-range.ts';
import { fulfilledTags, queueNeeds, tagText } from './job-queue.ts';
import { decodeLogChunk, encodeLogChunk } from './log-chunk.ts';
import { readLogTails } from './log-tails.ts';

const lines = fc.array(
  fc.record(
    {
      t: fc.string(),
      stage: fc.string({ unit: 'binary' }),
      level: fc.constantFrom('debug' as const, 'info' as const),
      stream: fc.constantFrom('log' as const, 'stderr' as const),
      group: fc.string(),
      text: fc.string({ unit: 'binary' }),
    },
    { requiredKeys: ['t', 'stage', 'level', 'stream', 'text'], noNullPrototype: true },
  ),
  { minLength: 1 },
);

test('log lines come out of a chunk as they went in, whatever characters they hold', async () => {
  await fc.assert(
    fc.asyncProperty(lines, fc.integer({ min: 1, max: 1_000_000 }), async (bodies, first) => {
      const numbered: LogLine[] = bodies.map((body, index) => ({ n: first + index, ...body }));
      const chunk = await encodeLogChunk(numbered);
      expect(await decodeLogChunk(first, chunk)).toEqual(numbered);
      expect(await decodeLogChunk(first, chunk, first, 2)).toEqual(numbered.slice(1, 3));
    }),
  );
});

test('a chunk that was damaged is an error, never other lines', async () => {
  const line: LogLine = { n: 1, t: '', stage: '', level: 'info', stream: 'log', text: 'x' };
  const bytes = await encodeLogChunk([line]);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await expect(decodeLogChunk(1, bytes)).rejects.toThrow();
});

test('a block of lines is a chunk too, told from the other by its first byte', async () => {
  const runs = [{ origin: ['a', 'info', 'stdout', ''] as const, timeMs: 0, count: 2 }];
  for (const text of ['x\ny\n', `${'x'.repeat(1000)}\ny\n`]) {
    const block = encodeLogBlock({ runs, text: Buffer.from(text) });
    const read = await decodeLogChunk(7, block);
    expect(read.map(({ n, text: shown }) => `${n} ${shown}`)).toEqual([
      `7 ${text.split('\n')[0]}`,
      '8 y',
    ]);
  }
});

test('what lies behind a place comes in bounded parts, however many lines a chunk has', async () => {
  const count = 40_000;
  const runs = [{ origin: ['a', 'info', 'stdout', ''] as const, timeMs: 0, count }];
  const bytes = encodeLogBlock({ runs, text: Buffer.alloc(count, '\n') });
  const job = { n: 1, state: 'running', attempt: 1 } as const;
  const rows = [0, 1, 2, 3].map((chunk) => ({ ...job, first_line: 1 + chunk * count, bytes }));
  const db = { query: async <Row>() => rows as Row[] };
  let after = count - 100;
  for (let read = 0; read < 10; read += 1) {
    const [tail] = await readLogTails(db, [{ jobId: 'x', attempt: 1, after }]);
    const numbers = tail?.lines.map(({ n }) => n) ?? [];
    expect(numbers).toEqual(Array.from({ length: 5000 }, (_, index) => after + 1 + index));
    after += 5000;
  }
});

test('the range of a prefix holds exactly the ids that begin with it', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), fc.integer({ min: 1, max: 36 }), (id, other, length) => {
      const prefix = id.slice(0, length);
      const range = idRange(prefix);
      if (range === undefined) throw new Error(`no range for ${prefix}`);
      const within = (value: string): boolean => range.from <= value && value <= range.to;
      expect(within(id)).toBe(true);
      expect(within(other)).toBe(other.startsWith(prefix));
    }),
  );
});

test.each(['', 'xyz', '0195-0000', 'a'.repeat(33), ' 1', "1'"])('%j begins no id', (prefix) => {
  expect(idRange(prefix)).toBeUndefined();
});

test('a prefix may leave the dashes away and be in upper case', () => {
  expect(idRange('0195A1B2C3')).toEqual(idRange('0195a1b2-c3'));
});

test('tags with the same characters in other places are other tags', () => {
  expect(tagText({ key: 'a', value: 'b=c' })).not.toBe(tagText({ key: 'a=b', value: 'c' }));
});

test('a tag fulfils itself and any value of its key, and nothing else but that it knows patterns', () => {
  const has = fulfilledTags([{ key: 'os', value: 'linux' }]);
  const own = [tagText({ key: 'os', value: '*' }), tagText({ key: 'os', value: 'linux' })];
  expect(has).toEqual([...own, 'patterns']);
});

test('tags with a * among other text are patterns, and need a runner that knows them', () => {
  expect(queueNeeds([{ key: 'os', value: '*' }])).toEqual({
    needs: ['["os","*"]'],
    patterns: null,
  });
  expect(
    queueNeeds([
      { key: 'gpu', value: 'yes' },
      { key: 'os', value: 'a_100%*' },
    ]),
  ).toEqual({ needs: ['["gpu","yes"]', 'patterns'], patterns: ['["os","a\\_100\\%%"]'] });
});
