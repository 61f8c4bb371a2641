// Tests that large bytes are freed, and that those of others stay.
import { expect, test } from 'vitest';
import { freeBytes } from './free-bytes.ts';

test('large bytes are gone at once', () => {
  const bytes = Buffer.alloc(1024 * 1024, 'x');
  const part = bytes.subarray(1);
  freeBytes(bytes);
  expect([bytes.length, part.length]).toEqual([0, 0]);
});

test('small ones stay: others may lie in the same piece of memory', () => {
  const other = Buffer.from('of somebody else');
  const bytes = Buffer.from('some');
  freeBytes(bytes);
  expect(other.toString()).toBe('of somebody else');
  expect(bytes.toString()).toBe('some');
});
