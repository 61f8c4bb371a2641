// Who has to wait gets its turn, in order, whatever became of those before.
import { expect, test } from 'vitest';
import { createLimiter } from './limiter.ts';

test('actions run as many at the same time as may, in the order they came', async () => {
  const limited = createLimiter(2);
  const begun: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const actions = gates.map(({ promise }, n) =>
    limited(async () => {
      begun.push(n);
      await promise;
      return n;
    }),
  );
  expect(begun).toEqual([0, 1]);
  gates[1]?.resolve();
  expect(await actions[1]).toBe(1);
  expect(begun).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  expect(await Promise.all(actions)).toEqual([0, 1, 2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

test('an action that fails gives its place to the next one', async () => {
  const limited = createLimiter(1);
  const failing = limited(() => Promise.reject(new Error('no')));
  const next = limited(async () => 'done');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});
