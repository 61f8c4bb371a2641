// `npm run simulate -- --seed S --seeds N`: histories of the protocol between runners and
// orchestrators, each decided by its seed; see docs/operating/faults.md.
import { parseArgs } from 'node:util';
import { MUTATIONS } from '../simulation/src/mutations.ts';
import {
  type SimulationServer,
  startSimulationServer,
} from '../simulation/src/simulation-server.ts';
import { findMistakes, type SeedsEnd, simulateSeeds } from '../simulation/src/workers.ts';

const HELP = `Usage: npm run simulate -- [--seed NUMBER] [--seeds NUMBER]
       npm run simulate -- --mistakes

Drives the code of runners and orchestrators, on a real database, through short histories in which
messages are lost, repeated, reordered and delayed, answers of the database get lost, and programs
die; and checks that every job stays whole.

  --seed NUMBER    the first seed, 1 when absent
  --seeds NUMBER   how many histories, 5000 when absent; spread over the processors
  --mistakes       instead: that each deliberate mistake is noticed, those too that few notice
  --help           prints this

Examples:
  npm run simulate                               5,000 histories
  npm run simulate -- --seed 4711 --seeds 1      one of them again
`;

function readNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number from 1, not "${text}"`);
}

interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly mistakes: boolean;
}

/** Undefined: only the help was asked for. */
function readOptions(): Options | undefined {
  const options = {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '5000' },
    mistakes: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  return {
    seed: readNumber('seed', values.seed),
    seeds: readNumber('seeds', values.seeds),
    mistakes: values.mistakes,
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Whether nothing went wrong, as in all that follow. */
async function simulate(options: Options): Promise<boolean> {
  const { seed, seeds } = options;
  if (options.mistakes) return await withServer(lookForMistakes);
  const begun = performance.now();
  const range = { first: seed, count: seeds };
  const ends = await withServer((server) => simulateSeeds(server, range));
  const isWhole = ends.map(isWholeEnd).every((isWhole) => isWhole);
  const seconds = (performance.now() - begun) / 1000;
  const rate = (seeds / seconds).toFixed(1);
  print(`simulate: ${seeds} histories in ${seconds.toFixed(1)} s, ${rate} a second`);
  return isWhole;
}

/** Begins to work while the server starts. */
async function withServer<T>(work: (server: Promise<SimulationServer>) => Promise<T>): Promise<T> {
  const server = startSimulationServer();
  try {
    return await work(server);
  } finally {
    await (await server).stop();
  }
}

/** Tells what went wrong. */
function isWholeEnd({ failed, violations }: SeedsEnd): boolean {
  if (failed !== undefined) {
    print(`simulate: the history of seed ${failed.seed}:\n${failed.events.join('\n')}`);
    for (const fault of failed.faults) print(`simulate: seed ${failed.seed}: ${fault}`);
  }
  for (const violation of violations) print(`simulate: ${violation}`);
  return failed === undefined && violations.length === 0;
}

async function lookForMistakes(server: Promise<SimulationServer>): Promise<boolean> {
  const noticed = await findMistakes(server, MUTATIONS);
  for (const { name } of MUTATIONS) {
    const by = noticed[name];
    const [fault] = by?.fault.split('\n') ?? [];
    print(`${name}: ${by == null ? 'NOT NOTICED' : `seed ${by.seed}: ${fault}`}`);
  }
  const missed = MUTATIONS.filter(({ name }) => noticed[name] == null).length;
  print(`simulate: ${MUTATIONS.length - missed} of ${MUTATIONS.length} mistakes were noticed`);
  return missed === 0;
}

async function main(): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`simulate: ${error instanceof Error ? error.message : error}\n\n${HELP}`);
    return 2;
  }
  if (options !== undefined) return (await simulate(options)) ? 0 : 1;
  process.stdout.write(HELP);
  return 0;
}

process.exitCode = await main();
