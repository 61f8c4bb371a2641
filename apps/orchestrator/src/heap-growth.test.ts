// Tests when the heap may grow fast.
import { setFlagsFromString } from 'node:v8';
import { expect, test } from 'vitest';
import { limitHeapGrowth } from './heap-growth.ts';

test('keeps the heap small from the start, and lets it grow only under load', () => {
  const flags: string[] = [];
  const shares = [0.1, 0.3, 0.9, 0.2, 0.1];
  const look = limitHeapGrowth({
    setFlag: (flag) => void flags.push(flag),
    utilization: () => shares.shift() ?? 0,
    collect: () => undefined,
  });
  const quiet = ['--semi-space-growth-factor=1', '--heap-growing-percent=20'];
  expect(flags).toEqual(quiet);
  const set = shares.slice().map(() => {
    const before = flags.length;
    look();
    return flags.slice(before);
  });
  // What it is already is not set again, and between quiet and busy it stays as it was.
  const busy = ['--semi-space-growth-factor=2', '--heap-growing-percent=0'];
  expect(set).toEqual([[], busy, [], [], quiet]);
});

test('gives back what the start and load needed, once it has been quiet for forty looks', () => {
  let collected = 0;
  let share = 0;
  const look = limitHeapGrowth({
    setFlag: () => undefined,
    utilization: () => share,
    collect: () => {
      collected += 1;
    },
  });
  const lookTimes = (times: number): number => {
    for (let n = 0; n < times; n += 1) look();
    return collected;
  };
  expect(lookTimes(39)).toBe(0);
  expect(lookTimes(100)).toBe(1);
  share = 0.9;
  expect(lookTimes(20)).toBe(1);
  share = 0.1;
  expect(lookTimes(39)).toBe(1);
  expect(lookTimes(100)).toBe(2);
});

test('the collector of V8 can be had, and collects', async () => {
  const held = new WeakRef({ large: 'x'.repeat(1000) });
  const look = limitHeapGrowth({ setFlag: setFlagsFromString, utilization: () => 0 });
  // What a WeakRef holds stays until the turn has ended.
  await new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 40; n += 1) look();
  expect(held.deref()).toBeUndefined();
});
