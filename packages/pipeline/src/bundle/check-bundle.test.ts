// Bundles that came over the wire: what is accepted and what is refused.
import { isRivetError } from '@rivet/base';
import { expect, test } from 'vitest';
import { bundleDigest } from './bundle-digest.ts';
import { checkBundle } from './check-bundle.ts';

function refusal(files: Record<string, string>, main = 'pipeline.lua'): string {
  try {
    checkBundle({ main, files });
  } catch (error) {
    if (isRivetError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'taken';
}

test('a main file with files below its folder is taken', () => {
  expect(refusal({ 'pipeline.lua': 'return 1', 'lib/a b.lua': 'return 2' })).toBe('taken');
});

test.each([
  '../up.lua',
  '/etc/passwd',
  'a/../../b.lua',
  './a.lua',
  'a//b.lua',
  'a/',
  '',
  'c:\\x.lua',
  'a\nb.lua',
  'a\u202eb.lua',
  'a\0.lua',
  `${'x/'.repeat(600)}a.lua`,
])('the path %j is refused', (path) => {
  expect(refusal({ 'pipeline.lua': 'x', [path]: 'x' })).toMatch(
    /^RIVET_PIPELINE_BUNDLE_INVALID: .* is not a relative path below the pipeline's folder$/,
  );
});

test('a main file that is not there is refused, also one of the prototype', () => {
  expect(refusal({ 'a.lua': 'x' })).toContain('"pipeline.lua" is not among its files');
  expect(refusal({ 'a.lua': 'x' }, 'constructor')).toContain(
    '"constructor" is not among its files',
  );
});

test.each([
  ['', 'is empty'],
  ['a\0b', 'has a zero byte'],
  ['\x1bLua', 'is compiled Lua'],
  ['a\ud800', 'half a surrogate pair'],
])('the text %j is refused: it %s', (text, problem) => {
  expect(refusal({ 'pipeline.lua': text })).toContain(problem);
});

test('too large, too many and too much are refused', () => {
  const megabyte = 'x'.repeat(1024 * 1024);
  expect(refusal({ 'pipeline.lua': `${megabyte}x` })).toContain('RIVET_PIPELINE_TOO_LARGE');
  const many = Array.from({ length: 1001 }, (_, index) => [`${index}.lua`, 'x']);
  expect(refusal({ 'pipeline.lua': 'x', ...Object.fromEntries(many) })).toContain('1002 files');
  const large = Array.from({ length: 11 }, (_, index) => [`${index}.lua`, megabyte]);
  expect(refusal({ 'pipeline.lua': 'x', ...Object.fromEntries(large) })).toContain(
    'the bundle is too large',
  );
});

test('the digest is of names and contents, whatever the order', () => {
  const digest = bundleDigest({ main: 'a', files: { a: '1', b: '2' } });
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(bundleDigest({ main: 'a', files: { b: '2', a: '1' } })).toBe(digest);
  expect(bundleDigest({ main: 'b', files: { a: '1', b: '2' } })).not.toBe(digest);
  expect(bundleDigest({ main: 'a', files: { a: '12', b: '' } })).not.toBe(digest);
});
