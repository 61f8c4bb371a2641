// Lines of any bytes in any chunks.
import { splitText } from '@rivet/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTINUES, createLineSplitter, LINE_LENGTH_MAX } from './line-splitter.ts';

function split(...chunks: (string | Uint8Array)[]): string[] {
  const splitter = createLineSplitter();
  const texts = chunks.flatMap((chunk) => {
    const lines = splitter.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    expect(splitText(lines.text)).toHaveLength(lines.count);
    // Whoever filled the chunk may fill it again.
    return splitText(Buffer.from(lines.text));
  });
  return [...texts, ...splitText(splitter.end().text)];
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
    for (let count = 0; count < 100; count += 1) lines += splitter.push(chunk).count;
    expect(lines).toBeGreaterThanOrEqual(99);
  });

  it('gives the same lines as cutting the decoded text, whatever the bytes', () => {
    const byte = fc.constantFrom(0x61, 0x0a, 0x0d, 0x00, 0xc3, 0xa4, 0xf0, 0x9f, 0xa6, 0x80, 0xff);
    const chunk = fc.uint8Array({ maxLength: 12 }).chain(() => fc.array(byte, { maxLength: 12 }));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 8 }), (chunks) => {
        const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
          Uint8Array.from(chunks.flat()),
        );
        const expected = whole.split(/\r\n|\n|\r/);
        if (expected.at(-1) === '') expected.pop();
        expect(split(...chunks.map((one) => Uint8Array.from(one)))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('cuts long lines of any characters at the same places, however they come', () => {
    const unit = fc.constantFrom('x', 'ü', '€', '🚀');
    fc.assert(
      fc.property(unit, fc.integer({ min: 1, max: 3 }), fc.nat(90_000), (one, times, size) => {
        const text = `${one.repeat(Math.ceil((LINE_LENGTH_MAX * times) / one.length) - 1)}x\nend`;
        const bytes = Buffer.from(text);
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += size + 1000) {
          chunks.push(bytes.subarray(at, at + size + 1000));
        }
        const lines = split(...chunks);
        expect(lines.every((line) => line.length <= LINE_LENGTH_MAX + CONTINUES.length)).toBe(true);
        expect(lines).toEqual(split(bytes));
        const joined = lines
          .slice(0, -1)
          .map((line) => line.replace(CONTINUES, ''))
          .join('');
        expect(`${joined}\nend`).toBe(text);
      }),
      { numRuns: 20 },
    );
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
