// UUIDv7: well formed, and in the order of time.
import { expect, it } from 'vitest';
import { SERIES_LENGTH_MAX, uuidAfter, uuidv7, uuidv7Series } from './uuid.ts';

it('uuidv7 is of version 7 and variant 10', () => {
  expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

it('uuidv7 sorts by the time it was made', () => {
  const ids = [1, 1_000, 1_700_000_000_000, 1_900_000_000_000].map((ms) => uuidv7(ms));
  expect(ids.toSorted()).toEqual(ids);
});

it('a series of ids is in order, and its first one tells all others', () => {
  const ids = uuidv7Series(1000);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  expect(ids.map((_, index) => uuidAfter(ids[0]!, index))).toEqual(ids);
});

it('a series has an end', () => {
  expect(uuidv7Series(SERIES_LENGTH_MAX)).toHaveLength(SERIES_LENGTH_MAX);
  expect(() => uuidv7Series(SERIES_LENGTH_MAX + 1)).toThrow(RangeError);
});
