// Lines of any bytes in any chunks.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTINUES, createLineSplitter, LINE_LENGTH_MAX } from './line-splitter.ts';

function split(...chunks: (string | Uint8Array)[]): string[] {
  const splitter = createLineSplitter();
  const lines = chunks.flatMap((chunk) =>
    splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
  );
  return [...lines, ...splitter.end()];
}

describe('the line splitter', () => {
  it.each([
    ['LF', 'a\nb\n', ['a', 'b']],
    ['CR LF', 'a\r\nb\r\n', ['a', 'b']],
    ['a lone CR, as progress displays write it', '10%\r20%\rdone\n', ['10%', '20%', 'done']],
    ['no line end at the end', 'a\nb', ['a', 'b']],
    ['empty lines', '\n\na\n', ['', '', 'a']],
    ['nothing', '', []],
    ['line separators of Unicode, which end no line', 'a\u2028b\n', ['a\u2028b']],
  ])('ends lines at %s', (_, text, lines) => {
    expect(split(text)).toEqual(lines);
  });

  it('takes a CR LF that lies across two chunks as one line end', () => {
    expect(split('a\r', '\nb\r', 'c')).toEqual(['a', 'b', 'c']);
  });

  it('puts characters together that lie across two chunks', () => {
    const bytes = Buffer.from('grün 🚀');
    expect(split(bytes.subarray(0, 3), bytes.subarray(3, 8), bytes.subarray(8))).toEqual([
      'grün 🚀',
    ]);
  });

  it('shows bytes that are not UTF-8 as U+FFFD, also at the very end', () => {
    expect(split(Uint8Array.of(0x61, 0xff, 0x62, 0x0a, 0xc3))).toEqual(['a\ufffdb', '\ufffd']);
  });

  it('keeps a byte order mark', () => {
    expect(split('\ufeffa\n')).toEqual(['\ufeffa']);
  });

  it('cuts a line that is too long, marks the cut, and never cuts a character in two', () => {
    const text = `${'x'.repeat(LINE_LENGTH_MAX - 1)}🚀${'y'.repeat(10)}`;
    const lines = split(text);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toBe('x'.repeat(LINE_LENGTH_MAX - 1) + CONTINUES);
    expect(lines[1]).toBe(`🚀${'y'.repeat(10)}`);
  });

  it('holds at most one line in memory of output without a line end', () => {
    const splitter = createLineSplitter();
    const chunk = Buffer.alloc(64 * 1024, 'z');
    let lines = 0;
    for (let count = 0; count < 100; count += 1) lines += splitter.push(chunk).length;
    expect(lines).toBeGreaterThanOrEqual(99);
  });

  it('gives the same lines however the bytes are cut into chunks', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\r', '\n', 'ü', '🚀', '') });
    fc.assert(
      fc.property(text, fc.array(fc.nat(20)), (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(from, from + cut));
          from += cut;
        }
        chunks.push(bytes.subarray(from));
        const lines = split(...chunks);
        expect(lines).toEqual(split(bytes));
        expect(lines.join('')).toBe(whole.replaceAll(/[\r\n]/g, ''));
      }),
    );
  });
});
