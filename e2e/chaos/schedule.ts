// Which fault strikes when: decided by the seed alone, before anything runs.
import { createRandom } from '@rivet/base';
import { FAULTS, type Fault } from './faults.ts';

/** Between two faults on average, in milliseconds; they overlap, for most of them last. */
const GAP_MS = 600;

export interface Strike {
  /** Since the start, in milliseconds. */
  readonly atMs: number;
  readonly fault: Fault;
  /** Of what the fault itself chooses. */
  readonly seed: number;
}

/** The strikes of `minutes` minutes. */
export function planStrikes(seed: number, minutes: number): readonly Strike[] {
  const random = createRandom(seed);
  const urn = FAULTS.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));
  const strikes: Strike[] = [];
  for (let atMs = 0; atMs < minutes * 60_000; atMs += random.below(2 * GAP_MS)) {
    strikes.push({ atMs, fault: random.pick(urn), seed: random.below(2 ** 31) });
  }
  return strikes;
}

/** The schedule as a person reads it. */
export function describeStrikes(strikes: readonly Strike[]): string {
  return strikes
    .map(({ atMs, fault, seed }) => `${(atMs / 1000).toFixed(2)} s: ${fault.name} (${seed})`)
    .join('\n');
}
