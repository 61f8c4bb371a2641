// Starts at the same time let the event loop go on between them.
import { expect, it } from 'vitest';
import { startTurn } from './start-turn.ts';

/** Counts the turns of the event loop while `work` goes on. */
async function countingTurns<T>(work: (turn: () => number) => Promise<T>): Promise<T> {
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn += 1;
    if (!isOver) setImmediate(count);
  };
  count();
  try {
    return await work(() => turn);
  } finally {
    isOver = true;
  }
}

it('gives one turn in each turn of the event loop, in the order in which they were asked for', async () => {
  const given = await countingTurns(async (turn) => {
    const all: { n: number; turn: number }[] = [];
    const starts = Array.from({ length: 30 }, async (_, n) => {
      await startTurn();
      all.push({ n, turn: turn() });
    });
    await Promise.all(starts);
    return all;
  });
  expect(given.map(({ n }) => n)).toEqual(given.map((_, index) => index));
  expect(new Set(given.map(({ turn }) => turn)).size).toBe(30);
});

it('keeps nobody waiting who comes alone', async () => {
  for (let n = 0; n < 3; n += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    expect(startTurn()).toBeUndefined();
  }
});
