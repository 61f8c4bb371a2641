// Holds the patterns of grants against names, and against a naive translation into a RegExp.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesPattern } from './pattern.ts';

test.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['deploy', 'deploy', true],
  ['deploy', 'deploy2', false],
  ['deploy-*', 'deploy-web', true],
  ['deploy-*', 'deploy-', true],
  ['deploy-*', 'deploy', false],
  ['*-web', 'deploy-web', true],
  ['a*a', 'a', false],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'acb', false],
  ['%', 'x', false],
  ['_', 'x', false],
  ['.*', 'x', false],
])('%s on %s is %s', (pattern, name, fits) => {
  expect(matchesPattern(pattern, name)).toBe(fits);
});

test('any pattern says of any name what the same RegExp says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.', '\\', '%', '_', '$') });
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      const source = pattern
        .split('*')
        .map((part) => part.replaceAll(/[.\\$]/g, '\\$&'))
        .join('.*');
      expect(matchesPattern(pattern, name)).toBe(new RegExp(`^${source}$`, 's').test(name));
    }),
  );
});

test('a pattern with many stars does not take time without bound', () => {
  expect(matchesPattern(`${'*a'.repeat(50)}b`, 'a'.repeat(5000))).toBe(false);
});
