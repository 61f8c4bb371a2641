// Tests of seeded-random.ts.
import { expect, it } from 'vitest';
import { createRandom } from './seeded-random.ts';

it('makes the same choices for the same seed and others for another', () => {
  const choices = (seed: number): number[] => {
    const random = createRandom(seed);
    return Array.from({ length: 20 }, () => random.below(1000));
  };
  expect(choices(7)).toEqual(choices(7));
  expect(choices(8)).not.toEqual(choices(7));
});

it('reaches both ends of a range and nothing beyond, each about as often', () => {
  const random = createRandom(1);
  const counts = new Map<number, number>();
  for (let n = 0; n < 6000; n += 1) {
    const value = random.between(3, 5);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual([3, 4, 5]);
  expect(Math.min(...counts.values())).toBeGreaterThan(1800);
});

it('picks every item, and nothing from an empty list', () => {
  const random = createRandom(2);
  const picked = new Set(Array.from({ length: 50 }, () => random.pick(['a', 'b'])));
  expect(picked).toEqual(new Set(['a', 'b']));
  expect(() => random.pick([])).toThrow('a choice among nothing');
});

it('says yes once in so many times', () => {
  const random = createRandom(3);
  const yes = Array.from({ length: 5000 }, () => random.once(5)).filter(Boolean).length;
  expect(yes).toBeGreaterThan(850);
  expect(yes).toBeLessThan(1150);
});
