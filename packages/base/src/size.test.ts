// Sizes: what is accepted, what is refused, how they read.
import { describe, expect, it } from 'vitest';
import { formatSize, parseSize } from './size.ts';

describe('parseSize', () => {
  it.each([
    [1024, 1024],
    ['64MB', 64 * 1024 ** 2],
    ['64 MB', 64 * 1024 ** 2],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['512k', 512 * 1024],
    ['7', 7],
    ['7B', 7],
  ])('reads %j as %i bytes', (value, bytes) => {
    expect(parseSize(value)).toBe(bytes);
  });

  it.each(['1XB', '', '-1MB', 'MB', '1e3', -1, Number.POSITIVE_INFINITY, null, {}, '9999999TB'])(
    'refuses %j',
    (value) => {
      expect(() => parseSize(value)).toThrow(/is not a size; expected bytes or text/);
    },
  );
});

it.each([
  [0, '0B'],
  [640, '640B'],
  [12 * 1024, '12KB'],
  [1.5 * 1024 ** 3, '1.5GB'],
])('formatSize writes %i as %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});
