// What rows say of the values that were measured.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alternate, oursAtMost, ratioAtLeast, ratioAtMost, row, spreadOf } from './measure.ts';

describe('a spread', () => {
  test('of an even number of values has the mean of the two in the middle as its median', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, p99: 4, max: 4, runs: 4 });
  });

  test('of an odd number of values has the one in the middle as its median', () => {
    expect(spreadOf([9, 1, 5])).toMatchObject({ median: 5, runs: 3 });
  });

  test('has as its p99 the smallest value that 99 of 100 do not exceed', () => {
    const values = Array.from({ length: 200 }, (_, index) => index + 1);
    expect(spreadOf(values)).toMatchObject({ p99: 198, max: 200 });
  });

  test('is ordered, whatever was measured', () => {
    const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, (values) => {
        const { min, median, p99, max } = spreadOf(values.map((value) => value / 4));
        expect(min <= median && median <= max && min <= p99 && p99 <= max).toBe(true);
      }),
    );
  });

  test('of nothing, or of what is no number, is refused', () => {
    expect(() => spreadOf([])).toThrow('measured 0 values');
    expect(() => spreadOf([1, Number.NaN])).toThrow('1,NaN');
    expect(() => spreadOf([Number.POSITIVE_INFINITY])).toThrow('Infinity');
  });
});

describe('a row', () => {
  const times = Array.from({ length: 100 }, (_, index) => index + 1);

  test('compares medians', () => {
    const made = row({ name: 'x', unit: 'ms', ours: [1, 2, 3], peer: [4, 4, 9], against: 'y' });
    expect(made).toMatchObject({ ratio: 0.5, figure: 'median', against: 'y' });
  });

  test('that is about the p99 compares it with the median of the peer', () => {
    const made = row({ name: 'x', unit: 'ms', ours: times, peer: [10, 10], figure: 'p99' });
    expect(made.ratio).toBe(9.9);
  });

  test('without a peer has no ratio', () => {
    const made = row({ name: 'x', unit: 'KB', ours: [1] });
    expect(made).not.toHaveProperty('ratio');
    expect(made).not.toHaveProperty('peer');
  });

  test.each([
    [ratioAtMost(0.5), true],
    [ratioAtMost(0.49), false],
    [ratioAtLeast(0.5), true],
    [ratioAtLeast(0.51), false],
    [oursAtMost(2), true],
    [oursAtMost(1.9), false],
  ])('with the target %j is met: %s', (target, met) => {
    expect(row({ name: 'x', unit: 'ms', ours: [2], peer: [4], target }).met).toBe(met);
  });

  test('of the p99 holds it against the target, not the median', () => {
    const made = { name: 'x', unit: 'ms', ours: times, figure: 'p99' } as const;
    expect(row({ ...made, target: oursAtMost(98) }).met).toBe(false);
    expect(row({ ...made, target: oursAtMost(99) }).met).toBe(true);
  });

  test('that promises a ratio and has no peer is not met', () => {
    expect(row({ name: 'x', unit: 'ms', ours: [1], target: ratioAtMost(9) }).met).toBe(false);
  });

  test('without a target is neither met nor missed', () => {
    expect(row({ name: 'x', unit: 'ms', ours: [1] }).met).toBeUndefined();
  });
});

test('two things are measured by turns, after one run of each that does not count', async () => {
  const order: string[] = [];
  let count = 0;
  const run = (name: string) => async (): Promise<number> => {
    order.push(name);
    count += 1;
    return count;
  };
  const measured = await alternate(2, run('ours'), run('peer'));
  expect(order).toEqual(['ours', 'peer', 'ours', 'peer', 'peer', 'ours']);
  expect(measured).toEqual({ ours: [3, 6], peer: [4, 5] });
});
