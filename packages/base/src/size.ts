// Sizes as people write them: bytes as a number, or text with a unit (powers of 1024).
import { RivetError } from './errors/rivet-error.ts';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/**
 * Bytes of `1024`, `"64MB"`, `"1.5GB"`, `"512k"`. KB, K and KiB all mean 1024 bytes.
 * @throws RIVET_SIZE_INVALID for anything else, negative or above 2^53
 */
export function parseSize(value: unknown): number {
  const bytes = typeof value === 'number' ? value : parseText(value);
  if (!Number.isFinite(bytes) || bytes < 0 || bytes > Number.MAX_SAFE_INTEGER) {
    throw RivetError.of('RIVET_SIZE_INVALID', { found: JSON.stringify(value) ?? 'nothing' });
  }
  return Math.round(bytes);
}

/** `"640B"`, `"12KB"`, `"1.5GB"`: for people. */
export function formatSize(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const text =
    amount >= 10 || Number.isInteger(amount) ? String(Math.round(amount)) : amount.toFixed(1);
  return `${text}${UNITS[unit]}`;
}

function parseText(value: unknown): number {
  if (typeof value !== 'string') return Number.NaN;
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])?(?:I?B)?)$/.exec(value.trim().toUpperCase());
  if (match === null) return Number.NaN;
  const power = match[2] === undefined ? 0 : 'KMGT'.indexOf(match[2]) + 1;
  return Number(match[1]) * 1024 ** power;
}
