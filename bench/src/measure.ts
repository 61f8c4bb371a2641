// Measures two things in turn, so that whatever the machine does meanwhile hits both.

/** What several measurements of one thing gave, in the unit of the row. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly runs: number;
}

/** One line of the result: Rivet beside its peer. */
export interface Row {
  readonly name: string;
  /** What was run beside Rivet. */
  readonly against: string;
  readonly ours: Spread;
  readonly peer: Spread;
  /** Median of ours by median of the peer. */
  readonly ratio: number;
  readonly unit: 'ms' | '1/s' | 'MB/s';
  /**
   * What the ratio should not exceed (`ms`) or fall below (the others); absent when nobody promised one.
   */
  readonly target?: number;
}

/** A benchmark: its name, what it says, and how it is run. */
export interface Benchmark {
  readonly name: string;
  readonly about: string;
  run(rounds: number): Promise<Row | readonly Row[]>;
}

/** Runs `ours` and `peer` alternately, each `rounds` times after one unmeasured run of both. */
export async function alternate(
  rounds: number,
  ours: () => Promise<number | readonly number[]>,
  peer: () => Promise<number | readonly number[]>,
): Promise<{ ours: Spread; peer: Spread; ratio: number }> {
  const values = { ours: [] as number[], peer: [] as number[] };
  await ours();
  await peer();
  for (let round = 0; round < rounds; round += 1) {
    values.ours.push(...[await ours()].flat());
    values.peer.push(...[await peer()].flat());
  }
  const spreads = { ours: spreadOf(values.ours), peer: spreadOf(values.peer) };
  return { ...spreads, ratio: spreads.ours.median / spreads.peer.median };
}

/** Milliseconds that `action` takes. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** The spread of some values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = sorted.length / 2;
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle) - 1)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1), runs: sorted.length };
}
