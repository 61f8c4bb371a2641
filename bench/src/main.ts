// `npm run bench`: Rivet beside its peers; progress and a table on standard error, JSON on
// standard output. Exit code 1 when a benchmark could not be run; a missed target is a result,
// not a failure.
import { cancelBenchmark } from './cancel.ts';
import { claimBenchmark } from './claims.ts';
import { checkBenchmark, runBenchmark, startBenchmark } from './command-line.ts';
import { commandBenchmark } from './commands.ts';
import { fleetBenchmark } from './fleet.ts';
import { historyBenchmark } from './history.ts';
import { idleRunnerBenchmark } from './idle-runner.ts';
import { idleRunnersBenchmark } from './idle-runners.ts';
import { jobBenchmark } from './jobs.ts';
import { launchBenchmark } from './launches.ts';
import { lineBenchmark } from './lines.ts';
import { logBenchmark } from './logs.ts';
import { luaBenchmark } from './lua.ts';
import { describeMachine } from './machine.ts';
import type { Benchmark } from './measure.ts';
import { type Options, readOptions, usage } from './options.ts';
import { overheadBenchmark } from './overhead.ts';
import { redactionBenchmark } from './redaction.ts';
import { keepResult, mergeResults, type Outcome, readKeptResult, summaryOf } from './result.ts';
import { runApart } from './run-apart.ts';
import { streamBenchmark } from './streams.ts';
import { tableLines } from './table.ts';
import { wakeUpBenchmark } from './wake-up.ts';

/** In the order in which they run. */
const benchmarks: readonly Benchmark[] = [
  startBenchmark,
  checkBenchmark,
  runBenchmark,
  commandBenchmark,
  jobBenchmark,
  overheadBenchmark,
  logBenchmark,
  lineBenchmark,
  claimBenchmark,
  launchBenchmark,
  wakeUpBenchmark,
  cancelBenchmark,
  idleRunnerBenchmark,
  idleRunnersBenchmark,
  streamBenchmark,
  fleetBenchmark,
  historyBenchmark,
  redactionBenchmark,
  luaBenchmark,
];
const names = benchmarks.map(({ name }) => name);

process.exitCode = await main(readOptions(process.argv.slice(2), names));

async function main(options: Options | string): Promise<number> {
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${usage}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const chosen = benchmarks.filter(({ name }) => options.chosen.includes(name));
  if (options.list) {
    const lines = benchmarks.map(({ name, about }) => `${name.padEnd(14)}${about}\n`);
    process.stdout.write(lines.join(''));
    return 0;
  }
  return options.here ? runHere(chosen, options) : runAllApart(chosen, options);
}

/** In this process; a failure shows as it is. */
async function runHere(chosen: readonly Benchmark[], options: Options): Promise<number> {
  const rows = [];
  for (const benchmark of chosen) rows.push(...[await benchmark.run(options.rounds)].flat());
  if (!options.json) process.stderr.write(`\n${tableLines(rows).join('\n')}\n`);
  process.stdout.write(`${JSON.stringify({ rows })}\n`);
  return 0;
}

/** Each in a process of its own; those that fail keep no other from its turn. */
async function runAllApart(chosen: readonly Benchmark[], options: Options): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  const { signal: stop } = stopping;
  const machine = await describeMachine();
  const outcomes: Outcome[] = [];
  for (const { name, about } of chosen) {
    if (stop.aborted) break;
    process.stderr.write(`bench: ${name}: ${about}\n`);
    const program = 'bench/src/main.ts';
    outcomes.push(await runApart({ name, about, rounds: options.rounds, program, stop }));
  }
  const result = { machine, benchmarks: outcomes };
  if (!options.json) {
    const rows = outcomes.flatMap((outcome) => outcome.rows);
    process.stderr.write(`\n${tableLines(rows).join('\n')}\n\n`);
    for (const { name, failure } of outcomes) {
      if (failure !== undefined) process.stderr.write(`${name} could not be run: ${failure}\n`);
    }
    process.stderr.write(`${summaryOf(outcomes)}\n`);
  }
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (stop.aborted) return 130;
  if (options.all || options.save) {
    await keepResult(mergeResults(await readKeptResult(), result, names));
  }
  return outcomes.some(({ failure }) => failure !== undefined) ? 1 : 0;
}
