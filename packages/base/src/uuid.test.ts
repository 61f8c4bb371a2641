// UUIDv7: well formed, and in the order of time.
import { expect, it } from 'vitest';
import { uuidv7 } from './uuid.ts';

it('uuidv7 is of version 7 and variant 10', () => {
  expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

it('uuidv7 sorts by the time it was made', () => {
  const ids = [1, 1_000, 1_700_000_000_000, 1_900_000_000_000].map((ms) => uuidv7(ms));
  expect(ids.toSorted()).toEqual(ids);
});
