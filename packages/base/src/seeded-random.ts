// Random choices that a seed repeats: for tests that try much and must be able to try it again.

/** Choices in the order in which they are asked for. */
export interface Random {
  /** A whole number from 0 to `below`, which is left out. */
  below(below: number): number;
  /** From `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** One of them. @throws when there is none */
  pick<T>(items: readonly T[]): T;
  /** True once in `times`. */
  once(times: number): boolean;
}

/** @param seed a whole number; the same gives the same choices (mulberry32) */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    between: (min, max) => min + below(max - min + 1),
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('a choice among nothing');
      return item;
    },
    once: (times) => below(times) === 0,
  };
}
