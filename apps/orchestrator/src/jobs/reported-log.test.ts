// What of a reported log is believed, and what is refused before anything is stored.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { zstdCompressSync } from 'node:zlib';
import {
  BlockBytes,
  decodeLogBlock,
  encodeLogBlock,
  type LogBlock,
  type LogLine,
} from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { freeBlocks, readReportedLog } from './reported-log.ts';

const readAt = { read_at: new Date('2026-06-01T12:00:00.000Z') };
const line = (n: number, t: string, text = 'x'): LogLine => ({
  ...{ n, t, stage: '', text },
  level: 'info',
  stream: 'log',
});
const block = (first: number, text: string, t = '2026-06-01T11:00:00.000Z'): LogBlock => {
  const lines = text.split('\n').length - 1;
  const origin = ['build', 'info', 'stdout', 'a / b'] as const;
  const runs = [{ origin, timeMs: Date.parse(t), count: lines }];
  const data = encodeLogBlock({ runs, text: Buffer.from(text) }).toString('base64');
  return { first_line: first, line_count: lines, bytes: Buffer.byteLength(text), data };
};
/** Bytes that something still refers to. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
const read = (log_blocks: LogBlock[], logs: LogLine[] = []) =>
  readReportedLog({ logs, log_blocks });

describe('blocks', () => {
  it('are stored as they came, behind lines that came one by one', async () => {
    const blocks = [block(2, 'b\nc\n'), block(4, 'd\n')];
    const log = await read(blocks, [line(1, '2026-06-01T11:00:00Z')]);
    expect([log.firstLine, log.lineCount]).toEqual([1, 4]);
    const chunks = await log.chunks(readAt);
    expect(chunks.map(({ firstLine, lineCount }) => [firstLine, lineCount])).toEqual([
      [1, 1],
      [2, 2],
      [4, 1],
    ]);
    expect(Buffer.from(chunks[1]!.bytes).toString('base64')).toBe(blocks[0]!.data);
  });

  it('count with all that a reader is shown, like lines', async () => {
    const log = await read([block(1, 'äö\nx\n')]);
    expect(log.bytes).toBe(2 * (48 + 5 + 5) + 4 + 1);
    const lines = [{ ...line(1, '2026-06-01T11:00:00Z', 'äö'), stage: 'build', group: 'a / b' }];
    expect((await read([], lines)).bytes).toBe(48 + 4 + 5 + 5);
  });

  it('of the future are of now, those of a clock that is a little ahead are left', async () => {
    const log = await read([
      block(1, 'a\n', '9999-12-31T23:59:59.999Z'),
      block(2, 'b\n', '2026-06-01T12:05:00.000Z'),
    ]);
    const chunks = await log.chunks(readAt);
    const times = chunks.map(({ firstLine, bytes }) => decodeLogBlock(firstLine, bytes)[0]?.t);
    expect(times).toEqual(['2026-06-01T12:00:00.000Z', '2026-06-01T12:05:00.000Z']);
  });

  it('keep nothing but their bytes until they are stored, however many runs they have', async () => {
    const count = 100_000;
    const header = { t: 0, origins: [['', 'info', 'stdout', '']], runs: [] as number[] };
    for (let run = 0; run < count; run += 1) header.runs.push(0, 0, 1);
    const open = Buffer.concat([
      Buffer.from(`${JSON.stringify(header)}\n`),
      Buffer.alloc(count, '\n'),
    ]);
    const data = Buffer.concat([Uint8Array.of(1), zstdCompressSync(open)]).toString('base64');
    const blocks = Array.from({ length: 30 }, (_, index) => {
      return { first_line: 1 + index * count, line_count: count, bytes: count, data };
    });
    const before = heapInUse();
    const log = await read(blocks);
    expect(log.lineCount).toBe(30 * count);
    expect(heapInUse() - before).toBeLessThan(30 * 1024 ** 2);
    expect(await log.chunks(readAt)).toHaveLength(30);
  });

  it.each([
    ['that overlap', [block(1, 'a\nb\n'), block(2, 'c\n')], 'RIVET_REPORT_GAP'],
    ['with a gap', [block(1, 'a\n'), block(3, 'c\n')], 'RIVET_REPORT_GAP'],
    ['of fewer lines', [{ ...block(1, 'a\n'), line_count: 2 }], 'RIVET_REQUEST_INVALID'],
    ['of other bytes', [{ ...block(1, 'a\n'), bytes: 1 }], 'RIVET_REQUEST_INVALID'],
    ['of no base64', [{ ...block(1, 'a\n'), data: '???' }], 'RIVET_REQUEST_INVALID'],
    ['that are bombs', [{ ...block(1, 'a\n'), data: bomb() }], 'RIVET_REQUEST_INVALID'],
    [
      'that are many bombs',
      Array.from({ length: 60 }, (_, n) => large(n)),
      'RIVET_REQUEST_INVALID',
    ],
  ])('%s are refused', async (_, blocks, code) => {
    await expect(read(blocks)).rejects.toMatchObject({ code });
  });
});

it('gives back what the blocks of a packed report lie in, and leaves those of JSON alone', () => {
  const body = Buffer.alloc(200_000, 1);
  const parts = [body.subarray(0, 50_000), body.subarray(50_000)];
  const packed = parts.map((bytes) => ({ ...block(1, 'a\n'), data: new BlockBytes(bytes) }));
  freeBlocks({ log_blocks: [...packed, block(1, 'b\n')] });
  expect(parts.map(({ length }) => length)).toEqual([0, 0]);
  freeBlocks({});
});

describe('lines one by one', () => {
  it('of the future are of now', async () => {
    const log = await read([], [line(7, '9999-12-31T23:59:59.999Z')]);
    expect([log.firstLine, log.lineCount]).toEqual([7, 1]);
    expect(await log.chunks(readAt)).toHaveLength(1);
  });

  it('must follow each other', async () => {
    const t = '2026-06-01T11:00:00Z';
    await expect(read([], [line(1, t), line(3, t)])).rejects.toMatchObject({
      code: 'RIVET_REPORT_GAP',
      details: { found: 3, expected: 2 },
    });
  });
});

function bomb(): string {
  const content = zstdCompressSync(Buffer.alloc(64 * 1024 ** 2));
  return Buffer.concat([Uint8Array.of(1), content]).toString('base64');
}

/** Each is as large as one may be, and takes some bytes of the request. */
function large(index: number): LogBlock {
  return block(index + 1, `${'x'.repeat(1_000_000)}\n`);
}
