// The scanner that finds where a text stops being JSON.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findJsonError } from './json-error-position.ts';

test('a text that is JSON goes wrong nowhere before its end', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(findJsonError(text)).toMatchObject({ offset: text.length, expected: 'the end' });
    }),
  );
});

test('the position is never behind the first character at fault', () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom('}', ']', ',', ':', '"', 'x', '1'),
      (text, at, c) => {
        const index = at % (text.length + 1);
        const broken = text.slice(0, index) + c + text.slice(index + 1);
        try {
          JSON.parse(broken);
          return;
        } catch {
          const { offset, line } = findJsonError(broken);
          expect(offset).toBeLessThanOrEqual(broken.length);
          expect(line).toBe(broken.slice(0, offset).split('\n').length);
          // Nothing before it is at fault: cut there, it goes wrong at its end or not at all.
          const before = findJsonError(broken.slice(0, offset));
          expect(before.offset).toBeLessThanOrEqual(offset);
        }
      },
    ),
  );
});

test.each(['a', '\\n', '\\u0041'])('a long string of %j is walked to its end', (part) => {
  const text = `["${part.repeat(10_000_000)}" 1]`;
  expect(findJsonError(text).offset).toBe(text.length - 2);
});

test('depth does not matter', () => {
  expect(findJsonError('['.repeat(100_000)).offset).toBe(100_000);
});
