// Holds the patterns of grants against names, and against a naive translation into a RegExp.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coversPattern, matchesPattern, readPattern } from './pattern.ts';

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

test.each([
  [['*'], 'a*b', true],
  [['a*'], 'a', true],
  [['a*'], 'a*', true],
  [['a*'], 'ab*c', true],
  [['a*'], '*', false],
  [['a*'], '*a', false],
  [['a*', 'b'], 'b', true],
  [['a*', 'b'], 'b*', false],
  [['*a*'], 'a', true],
  [['a*b', 'a*c'], 'a*', false],
  [[], 'a', false],
])('%j cover %s: %s', (outers, inner, covers) => {
  expect(coversPattern(outers, inner)).toBe(covers);
});

test('what is covered fits no name that the covering patterns do not fit', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 3 }), pattern, name, (outers, inner, text) => {
      if (!coversPattern(outers, inner) || !matchesPattern(inner, text)) return;
      expect(outers.some((outer) => matchesPattern(outer, text))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['pipeline', ''],
  ['pipeline', 'a'.repeat(201)],
  ['pipeline', 'deploy%'],
  ['pipeline', 'a\\b'],
  ['pipeline', "a' OR '1'='1"],
  ['pipeline', 'a\nb'],
  ['pipeline', 'dеploy'],
  ['secret', 'API_KEY\u0000'],
] as const)('as no name of a %s can fit %j, it is refused with what names have', (kind, text) => {
  expect(() => readPattern(kind, text)).toThrow(
    expect.objectContaining({ code: 'RIVET_ACCESS_PATTERN' }),
  );
});

test('stars in a row are one', () => {
  expect(readPattern('pipeline', '**deploy***web')).toBe('*deploy*web');
  expect(readPattern('secret', 'deploy web/AWS_**')).toBe('deploy web/AWS_*');
});
