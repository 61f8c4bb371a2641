// What a policy says about memory, cpus and processes.
import { formatSize } from '@rivet/base';
import { type PolicyLevel, refused, smallest } from './policy-level.ts';

/** Memory in bytes; absent means no limit. */
export interface ResourceLimits {
  readonly memory?: number;
  readonly cpus?: number;
  readonly pids?: number;
}

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
