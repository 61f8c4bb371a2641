// Durations as people write them: seconds as a number, or text with a unit.
import { RivetError } from './errors/rivet-error.ts';

const MS_PER_UNIT = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The longest duration taken, in milliseconds (24.8 days): what a timer of Node can wait. */
export const DURATION_MS_MAX = 2 ** 31 - 1;

/**
 * Milliseconds of `90` (seconds), `"90"`, `"90s"`, `"1.5h"` or `"1h30m"`.
 * @throws RIVET_DURATION_INVALID for anything else, negative or above DURATION_MS_MAX
 */
export function parseDuration(value: unknown): number {
  const ms = typeof value === 'number' ? value * 1000 : parseText(value);
  if (!Number.isFinite(ms) || ms < 0 || ms > DURATION_MS_MAX) {
    throw RivetError.of('RIVET_DURATION_INVALID', { found: JSON.stringify(value) ?? 'nothing' });
  }
  return Math.round(ms);
}

/** `"850ms"`, `"4.2s"`, `"3m12s"`, `"2h05m"`: for people, never for parsing back exactly. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${pad(Math.floor((seconds % 3600) / 60))}m`;
}

function parseText(value: unknown): number {
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return Number.NaN;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
  }
  return total;
}
