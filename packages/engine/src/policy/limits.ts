// What a policy says about memory, cpus and processes.
import { formatSize } from '@rivet/base';
import { integer, number, type Reader, size, wrongValue } from '../value-readers.ts';
import { type PolicyLevel, refused, smallest } from './policy-level.ts';

/** Memory in bytes; absent means no limit. */
export interface ResourceLimits {
  readonly memory?: number;
  readonly cpus?: number;
  readonly pids?: number;
}

/** Below it not even a shell starts. */
const MEMORY_BYTES_MIN = 6 * 1024 * 1024;

export const memoryLimit: Reader<number> = {
  expected: 'a size of at least 6MB, such as "512MB"',
  read(value, place) {
    const bytes = size.read(value, place);
    if (bytes < MEMORY_BYTES_MIN) throw wrongValue(value, this.expected, place);
    return bytes;
  },
};
export const cpusLimit = number(0.01, 1024);
export const pidsLimit = integer(1, 1_000_000);

const KEYS = ['memory', 'cpus', 'pids'] as const;

/**
 * The limits that hold for what asked for `asked`: where it asks for none, the strictest of the
 * levels.
 * @throws RIVET_POLICY_DENIED when it asks for more than a level allows
 */
export function limitsFor(levels: readonly PolicyLevel[], asked: ResourceLimits): ResourceLimits {
  const limits: { memory?: number; cpus?: number; pids?: number } = {};
  for (const key of KEYS) {
    const bound = smallest(levels, (rules) => rules.limits?.[key]);
    const wanted = asked[key];
    if (bound !== undefined && wanted !== undefined && wanted > bound.value) {
      const rule = `is ${show(key, bound.value)}`;
      throw refused(`${key} = ${show(key, wanted)}`, bound.level, `limits.${key}`, rule);
    }
    const value = wanted ?? bound?.value;
    if (value !== undefined) limits[key] = value;
  }
  return limits;
}

function show(key: (typeof KEYS)[number], value: number): string {
  return key === 'memory' ? formatSize(value) : String(value);
}
