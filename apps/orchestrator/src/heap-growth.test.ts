// Tests when the heap may grow fast.
import { expect, test } from 'vitest';
import { limitHeapGrowth } from './heap-growth.ts';

test('keeps the heap small from the start, and lets it grow only under load', () => {
  const flags: string[] = [];
  const shares = [0.1, 0.9, 0.9, 0.4, 0.1];
  const look = limitHeapGrowth({
    setFlag: (flag) => void flags.push(flag),
    utilization: () => shares.shift() ?? 0,
  });
  expect(flags).toEqual(['--heap-growing-percent=20', '--semi-space-growth-factor=1']);
  const set = shares.slice().map(() => {
    const before = flags.length;
    look();
    return flags.slice(before).join();
  });
  // What it is already is not set again, and between quiet and busy it stays as it was.
  const [busy, quiet] = ['--semi-space-growth-factor=2', '--semi-space-growth-factor=1'];
  expect(set).toEqual(['', busy, '', '', quiet]);
});
