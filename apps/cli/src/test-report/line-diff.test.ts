// Differences of texts, line by line.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffLines } from './line-diff.ts';

const show = (expected: string, actual: string): string[] =>
  diffLines(expected, actual).map(
    ({ kind, text }) => `${{ same: ' ', expected: '-', actual: '+' }[kind]}${text}`,
  );

test('keeps what both have and marks the rest', () => {
  expect(show('a\nb\nc', 'a\nx\nc\nd')).toEqual([' a', '-b', '+x', ' c', '+d']);
  expect(show('', 'a')).toEqual(['-', '+a']);
  expect(show('a', 'a')).toEqual([' a']);
});

test('both texts can be read from it, whatever they are', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
    .map((l) => l.join('\n'));
  fc.assert(
    fc.property(text, text, (expected, actual) => {
      const lines = diffLines(expected, actual);
      const without = (kind: string): string =>
        lines
          .filter((line) => line.kind !== kind)
          .map((line) => line.text)
          .join('\n');
      expect(without('actual')).toBe(expected);
      expect(without('expected')).toBe(actual);
    }),
  );
});

test('very long texts are shown one after the other', () => {
  const long = 'x\n'.repeat(2000);
  expect(show(long, `${long}y`).filter((line) => line.startsWith(' '))).toEqual([]);
});
