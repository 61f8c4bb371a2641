// `npm run bench [-- --only NAME] [--json] [--rounds N]`: Rivet beside its peers; a table on
// standard error, JSON on standard output.
import { parseArgs } from 'node:util';
import { claimBenchmark } from './claims.ts';
import { runBenchmark, startBenchmark } from './command-line.ts';
import { commandBenchmark } from './container-command.ts';
import { luaBenchmark } from './lua.ts';
import type { Benchmark, Row } from './measure.ts';
import { redactionBenchmark } from './redaction.ts';
import { tableLines } from './table.ts';

const benchmarks: readonly Benchmark[] = [
  startBenchmark,
  runBenchmark,
  commandBenchmark,
  claimBenchmark,
  redactionBenchmark,
  luaBenchmark,
];
const ROUNDS = 15;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') {
    const names = benchmarks.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n');
    process.stderr.write(`${options}\n\nbench [--only NAME]… [--json] [--rounds N]\n${names}\n`);
    return 2;
  }
  const rows: Row[] = [];
  for (const benchmark of options.chosen) {
    process.stderr.write(`bench: ${benchmark.about}\n`);
    rows.push(...[await benchmark.run(options.rounds)].flat());
  }
  if (!options.json) process.stderr.write(`\n${tableLines(rows).join('\n')}\n`);
  process.stdout.write(`${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
  return 0;
}

interface Options {
  readonly chosen: readonly Benchmark[];
  readonly json: boolean;
  readonly rounds: number;
}

/** The options, or what is wrong with them. */
function readOptions(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
        rounds: { type: 'string', default: String(ROUNDS) },
      },
    });
    const rounds = /^[1-9]\d{0,3}$/.test(values.rounds) ? Number(values.rounds) : undefined;
    if (rounds === undefined) return `--rounds is ${values.rounds}; expected 1 to 9999`;
    const names = values.only ?? benchmarks.map(({ name }) => name);
    const unknown = names.find((name) => !benchmarks.some((one) => one.name === name));
    if (unknown !== undefined) return `there is no benchmark ${unknown}`;
    return {
      chosen: benchmarks.filter(({ name }) => names.includes(name)),
      json: values.json,
      rounds,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
