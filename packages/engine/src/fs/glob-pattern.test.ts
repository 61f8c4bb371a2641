// Glob patterns against paths, and against time.
import { processorMsOf } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlobs } from './glob-pattern.ts';

function matches(pattern: string, path: string, hidden = false): boolean {
  let state = compileGlobs([pattern], hidden);
  for (const name of path.split('/')) state = state.enter(name);
  return state.matched;
}

describe('a pattern', () => {
  it.each([
    ['*.c', ['a.c', '.c'.padStart(4, 'x')], ['a.h', 'd/a.c', '.c']],
    ['src/*', ['src/a'], ['src', 'src/a/b', 'src/.a']],
    ['**/x', ['x', 'a/x', 'a/b/x'], ['a', 'x/a', '.a/x']],
    ['a/**', ['a', 'a/b', 'a/b/c'], ['b', 'a/.b']],
    ['a/**/b/**/c', ['a/b/c', 'a/x/b/y/z/c'], ['a/c', 'a/b']],
    ['**/.git/**', ['.git/config', 'a/.git/x'], ['a/git/x', '.git/.x']],
    ['?', ['a', 'ü', '😀'], ['', 'ab', '.']],
    ['[a-cx].[!0-9]', ['b.z', 'x.a'], ['d.z', 'b.1']],
    ['[]]', [']'], ['[']],
    ['[a-]', ['a', '-'], ['b']],
    ['[^a]', ['b'], ['a', '.']],
    ['*.{c,h}', ['a.c', 'b.h'], ['a.{c,h}', 'a.']],
    ['{a,b/{c,d}}/x', ['a/x', 'b/c/x', 'b/d/x'], ['b/x']],
    ['x{,y}', ['x', 'xy'], ['y']],
    ['[{,}]', ['{', ','], ['a']],
    ['\\*\\{a', ['*{a'], ['b{a']],
    ['./a//b', ['a/b'], ['a']],
    ['/workspace/a', ['a'], ['workspace/a']],
  ])('%s', (pattern, good, bad) => {
    for (const path of good) expect(matches(pattern, path), path).toBe(true);
    for (const path of bad) expect(matches(pattern, path), path).toBe(false);
  });

  it('matches hidden names when it is told to', () => {
    expect(matches('**/*', '.a/.b', true)).toBe(true);
    expect(matches('**/*', '.a/.b')).toBe(false);
  });

  it.each([
    ['[', 'a "[" has no "]"'],
    ['a[b', 'a "[" has no "]"'],
    ['[z-a]', 'a range in "[…]" goes backwards'],
    ['{a', 'a "{" has no "}"'],
    ['a\\', 'nothing follows the last "\\"'],
    ['', 'it is empty'],
    ['../*', '".." cannot be part of a pattern'],
    ['a/{..,b}', '".." cannot be part of a pattern'],
    ['/etc/*', 'it leaves /workspace'],
    ['{a,b}'.repeat(9), 'its braces stand for more than 256 patterns'],
    ['x'.repeat(5000), 'it is longer than 4096 characters'],
  ])('%j is refused', (pattern, reason) => {
    expect(() => compileGlobs([pattern], false)).toThrow(reason);
  });

  it('of plain text matches itself, whatever the text is', () => {
    const name = fc
      .string({ minLength: 1, maxLength: 20, unit: 'binary' })
      .filter((text) => !text.includes('/') && text !== '.' && text !== '..');
    fc.assert(
      fc.property(name, name, (text, other) => {
        const pattern = text.replaceAll(/[\\*?[\]{},]/gu, '\\$&');
        expect(matches(pattern, text)).toBe(true);
        expect(matches(pattern, other)).toBe(text === other);
      }),
    );
  });

  it('agrees with an expression that is tried in every way', () => {
    const unit = fc.constantFrom('a', 'b', '*', '?', '[ab]', '[!a]');
    fc.assert(
      fc.property(
        fc.array(unit, { minLength: 1, maxLength: 8 }),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 }),
        (parts, name) => {
          const translated = parts.map((part) =>
            part === '*' ? '.*' : part === '?' ? '.' : part.replace('!', '^'),
          );
          // Two stars in a row would be a pattern of their own.
          fc.pre(parts.join('') !== '**');
          const expected = new RegExp(`^${translated.join('')}$`, 'su').test(name);
          expect(matches(parts.join(''), name)).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    `${'*a'.repeat(100)}b`,
    Array.from({ length: 50 }, () => '**/*a*').join('/'),
    '{*a,a*}/'.repeat(8).slice(0, -1),
  ])('takes no time that grows without bound: %#', async (pattern) => {
    const path = Array.from({ length: 60 }, () => 'a'.repeat(200)).join('/');
    expect(await processorMsOf(() => matches(pattern, path))).toBeLessThan(1000);
  });
});
