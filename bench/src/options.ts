// What `npm run bench` is asked for.
import { parseArgs } from 'node:util';

const ROUNDS = 15;

export interface Options {
  /** Names of the benchmarks to run, in the order of the list. */
  readonly chosen: readonly string[];
  /** Whether every benchmark was chosen. */
  readonly all: boolean;
  readonly rounds: number;
  /** No table. */
  readonly json: boolean;
  /** Only tell which benchmarks there are. */
  readonly list: boolean;
  /** Only tell what can be asked for. */
  readonly help: boolean;
  /** Keep the result in the repository. */
  readonly save: boolean;
  /** Run in this process: for a profiler, and for the run itself. */
  readonly here: boolean;
}

export const usage = `npm run bench -- [--only NAME]… [--rounds N] [--save] [--json] [--list]

Measures Rivet beside its peers, in the same run: 40 minutes for everything. Progress and a table
go to standard error, JSON to standard output. A run of everything is kept in bench/results and in
docs/performance.md, which says what each figure is and how it is measured.

  --only NAME   this benchmark; may be repeated
  --rounds N    how often each is measured, 1 to 9999; ${ROUNDS} when absent
  --save        keep the result of --only too, beside what was kept of the others
  --json        no table
  --list        tell which benchmarks there are
  --here        in this process, for a profiler
  --help        tell this

With BENCH_FINISHED_JOBS=120000 "history" is quicker, and its figure another one.

  npm run bench -- --only check --rounds 45
  npm run --silent bench -- --json > result.json`;

/** The options, or what is wrong with them. @param names of all benchmarks */
export function readOptions(args: readonly string[], names: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        rounds: { type: 'string', default: String(ROUNDS) },
        json: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        save: { type: 'boolean', default: false },
        here: { type: 'boolean', default: false },
      },
    });
    const { only = names, json, list, help, save, here } = values;
    const rounds = /^[1-9]\d{0,3}$/.test(values.rounds) ? Number(values.rounds) : undefined;
    if (rounds === undefined) return `--rounds is "${values.rounds}"; expected 1 to 9999`;
    const unknown = only.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      return `there is no benchmark "${unknown}"; there are ${names.join(', ')}`;
    }
    const chosen = names.filter((name) => only.includes(name));
    return { chosen, all: chosen.length === names.length, rounds, json, list, help, save, here };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
