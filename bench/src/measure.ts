// What a benchmark gives: rows of our figure beside a peer's, and how they are measured by turns.

/** What several measurements of one thing gave, in the unit of the row. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
  readonly runs: number;
}

export type Unit = 'ms' | '1/s' | 'MB/s' | 'MB' | 'KB' | '%' | '1/min' | 'count';

/** What was promised: of the ratio, or of our own figure in the unit of the row. */
export interface Target {
  readonly of: 'ratio' | 'ours';
  readonly bound: 'at most' | 'at least';
  readonly value: number;
}

/** One line of the result: Rivet beside its peer. */
export interface Row {
  readonly name: string;
  /** What was run beside Rivet; absent where nothing was. */
  readonly against?: string;
  readonly ours: Spread;
  readonly peer?: Spread;
  /** Which figure of ours is compared; that of the peer is always the median. */
  readonly figure: 'median' | 'p99';
  /** Our figure by the median of the peer; absent without a peer. */
  readonly ratio?: number;
  readonly unit: Unit;
  /** Absent when nobody promised one. */
  readonly target?: Target;
  /** Whether the target was met; absent without one. */
  readonly met?: boolean;
  /** What a reader must know to understand the figure, in a few words. */
  readonly note?: string;
}

/** A benchmark: its name, what it says, and how it is run. */
export interface Benchmark {
  readonly name: string;
  readonly about: string;
  run(rounds: number): Promise<Row | readonly Row[]>;
}

/** What `row` needs to make a row. */
export interface Measured {
  readonly name: string;
  readonly against?: string;
  readonly unit: Unit;
  /** One value a round, or more. */
  readonly ours: readonly number[];
  readonly peer?: readonly number[];
  /** `median` when absent. */
  readonly figure?: 'median' | 'p99';
  readonly target?: Target;
  readonly note?: string;
}

/** Our figure may be at most `value` times that of the peer. */
export function ratioAtMost(value: number): Target {
  return { of: 'ratio', bound: 'at most', value };
}

/** Our figure must be at least `value` times that of the peer. */
export function ratioAtLeast(value: number): Target {
  return { of: 'ratio', bound: 'at least', value };
}

/** Our figure may be at most `value`, in the unit of the row. */
export function oursAtMost(value: number): Target {
  return { of: 'ours', bound: 'at most', value };
}

/** Makes the row of some measurements. @throws when there are none */
export function row(measured: Measured): Row {
  const { ours: values, peer: peerValues, figure = 'median', ...rest } = measured;
  const ours = spreadOf(values);
  const beside = peerValues === undefined ? {} : comparison(ours[figure], spreadOf(peerValues));
  const { target } = rest;
  const found = target?.of === 'ours' ? ours[figure] : beside.ratio;
  const verdict = target === undefined ? {} : { met: isWithin(found, target) };
  return { ...rest, figure, ours, ...beside, ...verdict };
}

function comparison(figure: number, peer: Spread): { peer?: Spread; ratio?: number } {
  return { peer, ratio: figure / peer.median };
}

/** @param found undefined: there is nothing to hold against the target */
function isWithin(found: number | undefined, { bound, value }: Target): boolean {
  if (found === undefined) return false;
  return bound === 'at most' ? found <= value : found >= value;
}

/** What was measured by turns. */
export interface Pair {
  readonly ours: readonly number[];
  readonly peer: readonly number[];
}

/**
 * Runs `ours` and `peer` alternately, each `rounds` times after one unmeasured run of both, so that
 * whatever the machine does meanwhile hits both; which of them goes first changes every round.
 */
export async function alternate(
  rounds: number,
  ours: () => Promise<number | readonly number[]>,
  peer: () => Promise<number | readonly number[]>,
): Promise<Pair> {
  const values = { ours: [] as number[], peer: [] as number[] };
  await ours();
  await peer();
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) values.ours.push(...[await ours()].flat());
    values.peer.push(...[await peer()].flat());
    if (round % 2 === 1) values.ours.push(...[await ours()].flat());
  }
  return values;
}

/** Milliseconds that `action` takes. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** The spread of some values. @throws when there are none, or one is no number */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0 || values.some((value) => !Number.isFinite(value))) {
    throw new Error(`a benchmark measured ${values.length} values: ${values.slice(0, 20)}`);
  }
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  return {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle) - 1)) / 2,
    // The nearest rank: the smallest value that 99 of 100 do not exceed.
    p99: at(Math.ceil(sorted.length * 0.99) - 1),
    max: at(sorted.length - 1),
    runs: sorted.length,
  };
}
