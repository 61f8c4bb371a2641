// `npm run simulate -- --seed S --seeds N`: histories of the protocol between runners and
// orchestrators, each decided by its seed; see docs/operating/faults.md.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run simulate -- [--seed NUMBER] [--seeds NUMBER] [--model]
       npm run simulate -- --mistakes

Drives the code of runners and orchestrators, on a real database, through short histories in which
messages are lost, repeated, reordered and delayed, answers of the database get lost, and programs
die; and checks that every job stays whole.

  --seed NUMBER    the first seed, 1 when absent
  --seeds NUMBER   how many histories, 5000 when absent; spread over the processors
  --model          runners that only keep to the protocol, and one orchestrator
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
  readonly model: boolean;
  readonly mistakes: boolean;
}

/** Undefined: only the help was asked for. */
function readOptions(): Options | undefined {
  const options = {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '5000' },
    model: { type: 'boolean', default: false },
    mistakes: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  if (values.model && values.mistakes) {
    throw new Error('--mistakes looks for those of real runners: leave out --model');
  }
  return {
    seed: readNumber('seed', values.seed),
    seeds: readNumber('seeds', values.seeds),
    model: values.model,
    mistakes: values.mistakes,
  };
}

async function simulate({ seed, seeds, model, mistakes }: Options): Promise<void> {
  const begun = performance.now();
  const directory = model ? 'apps/orchestrator/src/simulation' : 'simulation/src';
  const file = `${directory}/simulation.integration.test.ts`;
  const vitest = ['vitest', 'run', '--project', 'integration', file];
  vitest.push('-t', mistakes ? 'is noticed' : 'keeps every job');
  const env = mistakes
    ? { SIMULATION_MISTAKES: 'all' }
    : { SIMULATION_SEED: String(seed), SIMULATION_SEEDS: String(seeds) };
  const child = spawn('npx', vitest, { stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - begun) / 1000;
  process.exitCode = code === 0 ? 0 : 1;
  if (mistakes) return;
  const rate = (seeds / seconds).toFixed(1);
  process.stdout.write(
    `simulate: ${seeds} histories in ${seconds.toFixed(1)} s, ${rate} a second\n`,
  );
}

try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else await simulate(options);
} catch (error) {
  process.stderr.write(`simulate: ${error instanceof Error ? error.message : error}\n\n${HELP}`);
  process.exitCode = 2;
}
