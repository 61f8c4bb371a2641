// Blocks of log lines: what was put in comes out, and what nobody put in is refused.
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logLevels, logStreams } from './job-events.ts';
import {
  decodeLogBlock,
  encodeLogBlock,
  inspectLogBlock,
  type LogRun,
  openLogBlock,
} from './log-block.ts';
import { readLogLines } from './log-lines.ts';

const text = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .map((value) => value.replaceAll(/[\n\0]/g, '').toWellFormed());
const run = fc.record({
  stage: text,
  level: fc.constantFrom(...logLevels),
  stream: fc.constantFrom(...logStreams),
  group: text,
  timeMs: fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }),
  texts: fc.array(text, { minLength: 1, maxLength: 5 }),
});

const plain = (header: string, body: string | Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(2), Buffer.from(`${header}\n`), Buffer.from(body)]);
const header = (runs: unknown[], origins: unknown = [['build', 'info', 'stdout', '']], t = 0) =>
  JSON.stringify({ t, origins, runs });

describe('a block', () => {
  it('gives back the lines that were put in, whatever their texts and origins', () => {
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 20 }), fc.nat(1e6), (all, before) => {
        let first = before + 1;
        const parts = all.map(({ texts, ...origin }) => {
          const part = { ...origin, first, count: texts.length };
          first += texts.length;
          return { ...part, text: Buffer.from(texts.map((one) => `${one}\n`).join('')) };
        });
        const runs: LogRun[] = parts.map(({ stage, level, stream, group, timeMs, count }) => ({
          origin: [stage, level, stream, group],
          timeMs,
          count,
        }));
        const block = encodeLogBlock({
          runs,
          text: Buffer.concat(parts.map((part) => part.text)),
        });
        const lines = parts.flatMap(readLogLines);
        expect(decodeLogBlock(before + 1, block)).toEqual(lines);
        for (let skipped = 0; skipped <= lines.length + 1; skipped += 1) {
          const behind = lines.slice(skipped);
          expect(decodeLogBlock(before + 1, block, before + skipped)).toEqual(behind);
          const some = decodeLogBlock(before + 1, block, before + skipped, 3);
          expect(some).toEqual(behind.slice(0, 3));
        }
      }),
    );
  });

  it('that is looked at without its text can be opened and read afterwards', () => {
    const origin = ['build', 'info', 'stdout', ''] as const;
    // Stored as it is, and compressed into more than Node shares out of one piece of memory.
    for (const count of [3, 20_000]) {
      const text = Buffer.from('compiling\n'.repeat(count));
      const block = encodeLogBlock({ runs: [{ origin, timeMs: 1, count }], text });
      const { text: opened, ...facts } = openLogBlock(block);
      expect(inspectLogBlock(block)).toEqual({ ...facts, textBytes: text.length });
      expect(Buffer.compare(opened, text)).toBe(0);
      expect(decodeLogBlock(1, block)).toHaveLength(count);
    }
  });

  it('of many lines takes a fraction of their bytes', () => {
    const lines = Array.from({ length: 1000 }, (_, n) => `compiling module number ${n}\n`).join('');
    const origin = ['build', 'info', 'stdout', ''] as const;
    const runs = [{ origin, timeMs: 1, count: 1000 }];
    const block = encodeLogBlock({ runs, text: Buffer.from(lines) });
    expect(block.length).toBeLessThan(lines.length / 4);
  });

  it.each([
    ['of no bytes', Buffer.alloc(0), /format of nothing/],
    ['of another format', Uint8Array.of(9, 1, 2), /format 9/],
    ['that is no zstd', Uint8Array.of(1, 1, 2, 3), /not compressed/],
    ['that inflates without end', bomb(), /more than 1048576 bytes/],
    ['without a header', Uint8Array.of(2, 65), /no header/],
    ['with a header that is no JSON', plain('{', ''), /no JSON object/],
    ['with half a header', plain('{"t":0}', ''), /without a time/],
    ['of fewer lines than it announces', plain(header([0, 0, 2]), 'a\n'), /announces 2 .* has 1/],
    ['of more lines than it announces', plain(header([0, 0, 1]), 'a\nb\n'), /announces 1 .* 2/],
    ['whose last line has no end', plain(header([0, 0, 1]), 'a\nb'), /has -1/],
    ['of billions of lines', plain(header([0, 0, 4e9]), ''), /more than 100000 lines/],
    ['of an origin that is not there', plain(header([7, 0, 1]), 'a\n'), /has a run/],
    ['of half a run', plain(header([0, 0]), 'a\n'), /has a run/],
    ['of a negative count', plain(header([0, 0, -1, 0, 0, 2]), 'a\n'), /has a run/],
    ['of a time that no date has', plain(header([0, 1e300, 1]), 'a\n'), /has a run/],
    ['of an unknown level', plain(header([0, 0, 1], [['s', 'x', 'log', '']]), 'a\n'), /origin/],
    ['of a stage that is no text', plain(header([0, 0, 1], [[1, 'info', 'log', '']]), 'a\n'), /or/],
    ['of a stage with a NUL', plain(header([0, 0, 1], [['\0', 'info', 'log', '']]), 'a\n'), /orig/],
    [
      'of sections that are repeated with every line, without measure',
      plain(header([0, 0, 1], [['s', 'info', 'log', 'g'.repeat(5000)]]), 'a\n'),
      /of 5001 characters/,
    ],
    ['with half a character', plain(header([0, 0, 1]), Uint8Array.of(0xc3, 10)), /not UTF-8/],
    ['with a NUL', plain(header([0, 0, 1]), 'a\0\n'), /NUL/],
    ['with a line of 10 MB', plain(header([0, 0, 1]), `${'x'.repeat(1e7)}\n`), /has 10000/],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => openLogBlock(bytes)).toThrow(message);
  });

  it('of any bytes is refused or shown, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(1, 2), (bytes, format) => {
        const packed = format === 1 ? zstdCompressSync(bytes) : bytes;
        try {
          openLogBlock(Buffer.concat([Uint8Array.of(format), packed]));
        } catch (error) {
          expect((error as Error).constructor.name).toBe('LogBlockError');
        }
      }),
    );
  });
});

function bomb(): Buffer {
  return Buffer.concat([Uint8Array.of(1), zstdCompressSync(Buffer.alloc(64 * 1024 ** 2))]);
}
