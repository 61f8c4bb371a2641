// The calendar of partitions: each time has one, none overlap, whatever was there before.
import type { Partition } from '@rivet/store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type PartitionPeriod,
  partitionFor,
  retentionSetting,
  timesAhead,
} from './history-plan.ts';

const TABLES = 6;
const at = (text: string): number => Date.parse(`${text}Z`);
const whole = (name: string, from: string | undefined, to: string): Partition => ({
  name,
  fromMs: from === undefined ? undefined : at(from),
  toMs: at(to),
  tables: Array.from({ length: TABLES }, (_, index) => `table ${index}`),
});

describe('a time without a partition', () => {
  test.each([
    ['day', '20261121', '2026-11-21T00:00', '2026-11-22T00:00'],
    ['week', '20261116', '2026-11-16T00:00', '2026-11-23T00:00'],
    ['month', '20261101', '2026-11-01T00:00', '2026-12-01T00:00'],
  ] as const)('gets its %s', (period, name, from, to) => {
    expect(partitionFor(at('2026-11-21T12:30'), period, [], TABLES)).toEqual({
      name,
      fromMs: at(from),
      toMs: at(to),
    });
  });

  test('gets what is left of it between others', () => {
    const partitions = [
      whole('initial', undefined, '2026-11-18T00:00'),
      whole('20261122', '2026-11-22T00:00', '2026-11-23T00:00'),
    ];
    expect(partitionFor(at('2026-11-21T12:30'), 'month', partitions, TABLES)).toEqual({
      name: '20261118',
      fromMs: at('2026-11-18T00:00'),
      toMs: at('2026-11-22T00:00'),
    });
  });
});

test('a time with a whole partition needs none, and half a one is completed', () => {
  const partition = whole('20261116', '2026-11-16T00:00', '2026-11-23T00:00');
  const time = at('2026-11-21T12:30');
  expect(partitionFor(time, 'week', [partition], TABLES)).toBeUndefined();
  const half = { ...partition, tables: ['jobs'] };
  expect(partitionFor(time, 'week', [half], TABLES)).toMatchObject({ name: '20261116' });
});

test('partitions never overlap and have names of their own, whatever is asked for in which order', () => {
  const time = fc.integer({ min: at('2020-01-01T00:00'), max: at('2030-01-01T00:00') });
  const period = fc.constantFrom<PartitionPeriod>('day', 'week', 'month');
  fc.assert(
    fc.property(fc.array(fc.tuple(time, period), { maxLength: 60 }), (asked) => {
      const partitions: Partition[] = [];
      for (const [ms, of] of asked) {
        const added = partitionFor(ms, of, partitions, TABLES);
        if (added === undefined) continue;
        expect(added.fromMs).toBeLessThanOrEqual(ms);
        expect(added.toMs).toBeGreaterThan(ms);
        partitions.push({ ...added, tables: Array.from({ length: TABLES }, () => '') });
      }
      partitions.sort((a, b) => a.toMs - b.toMs);
      for (const [index, { fromMs = 0 }] of partitions.entries()) {
        expect(fromMs).toBeGreaterThanOrEqual(partitions[index - 1]?.toMs ?? 0);
      }
      expect(new Set(partitions.map(({ name }) => name)).size).toBe(partitions.length);
    }),
  );
});

test('partitions are made for now and for two periods more', () => {
  expect(timesAhead(at('2026-12-30T12:00'), 'month')).toEqual([
    at('2026-12-30T12:00'),
    at('2027-01-01T00:00'),
    at('2027-02-01T00:00'),
  ]);
});

test.each([
  ['90d', 90 * 86_400_000],
  ['1d', 86_400_000],
  ['forever', 'forever'],
  ['0d', undefined],
  ['36501d', undefined],
  ['90', undefined],
  ['12h', undefined],
  ['never', undefined],
  ['-1d', undefined],
])('a retention of %s is read as %s', (text, value) => {
  expect(retentionSetting().parse(text)).toBe(value);
});
