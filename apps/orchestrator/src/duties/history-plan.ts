// Which partitions of history there should be: by the calendar, in UTC.
import type { Setting } from '@rivet/base';
import type { Partition } from '@rivet/store';

export type PartitionPeriod = 'day' | 'week' | 'month';

/** A partition that is not there yet. */
export interface NewPartition {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const DAY_MS = 86_400_000;
/** A hundred years. */
const DAYS_MAX = 36_500;

/** A number of days as `90d`; the value is in milliseconds. */
export function retentionSetting(): Setting<number | 'forever'> {
  return {
    expected: `a number of days from 1d to ${DAYS_MAX}d, or forever`,
    fallback: 'forever',
    parse: (text) => {
      if (text === 'forever') return text;
      const days = /^\d{1,5}d$/.test(text) ? Number.parseInt(text, 10) : 0;
      return days >= 1 && days <= DAYS_MAX ? days * DAY_MS : undefined;
    },
  };
}

/** The beginning of the period that holds the time; weeks begin on Mondays. */
function periodStart(timeMs: number, period: PartitionPeriod): number {
  const day = new Date(Math.floor(timeMs / DAY_MS) * DAY_MS);
  if (period === 'week') day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  if (period === 'month') day.setUTCDate(1);
  return day.getTime();
}

function periodEnd(timeMs: number, period: PartitionPeriod): number {
  const end = new Date(periodStart(timeMs, period));
  if (period === 'day') end.setUTCDate(end.getUTCDate() + 1);
  if (period === 'week') end.setUTCDate(end.getUTCDate() + 7);
  if (period === 'month') end.setUTCMonth(end.getUTCMonth() + 1);
  return end.getTime();
}

/**
 * The partition that the jobs of a time need: the period, without what other partitions have of it
 * already, which may be of another period. Undefined when there is one.
 * @param tables how many tables a whole partition has
 */
export function partitionFor(
  timeMs: number,
  period: PartitionPeriod,
  partitions: readonly Partition[],
  tables: number,
): NewPartition | undefined {
  const there = partitions.find(
    ({ fromMs = Number.NEGATIVE_INFINITY, toMs }) => fromMs <= timeMs && timeMs < toMs,
  );
  if (there !== undefined) {
    const { name, fromMs, toMs } = there;
    return there.tables.length === tables || fromMs === undefined
      ? undefined
      : { name, fromMs, toMs };
  }
  const before = partitions.map(({ toMs }) => toMs).filter((toMs) => toMs <= timeMs);
  const after = partitions.flatMap(({ fromMs = 0 }) => (fromMs > timeMs ? [fromMs] : []));
  const fromMs = Math.max(periodStart(timeMs, period), ...before);
  const toMs = Math.min(periodEnd(timeMs, period), ...after);
  return { name: dayName(fromMs), fromMs, toMs };
}

/** The times whose partitions must be there: now, and two periods ahead. */
export function timesAhead(nowMs: number, period: PartitionPeriod): number[] {
  const next = periodEnd(nowMs, period);
  return [nowMs, next, periodEnd(next, period)];
}

/** `20261123`; years after 9999 have more digits. */
function dayName(timeMs: number): string {
  const day = new Date(timeMs);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const year = String(day.getUTCFullYear()).padStart(4, '0');
  return `${year}${pad(day.getUTCMonth() + 1)}${pad(day.getUTCDate())}`;
}
