// `npm run simulate -- --seed S --seeds N`: histories of the protocol between runners and
// orchestrators, each decided by its seed; see docs/operating/faults.md.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run simulate -- [--seed NUMBER] [--seeds NUMBER]

Drives the code of the orchestrator, on a real database, through short histories in which messages
are lost, repeated, reordered and delayed, answers of the database get lost, and runners die; and
checks that every job stays whole.

  --seed NUMBER    the first seed, 1 when absent
  --seeds NUMBER   how many histories, 5000 when absent; spread over the processors
  --help           prints this

Examples:
  npm run simulate                               5,000 histories
  npm run simulate -- --seed 4711 --seeds 1      one of them again
`;

function readNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number from 1, not "${text}"`);
}

/** Undefined: only the help was asked for. */
function readOptions(): { seed: number; seeds: number } | undefined {
  const options = {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '5000' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  return { seed: readNumber('seed', values.seed), seeds: readNumber('seeds', values.seeds) };
}

async function simulate({ seed, seeds }: { seed: number; seeds: number }): Promise<void> {
  const parts = Math.min(availableParallelism(), seeds);
  const begun = performance.now();
  const ends = await Promise.all(
    Array.from({ length: parts }, async (_, part) => {
      const from = seed + Math.floor((seeds * part) / parts);
      const to = seed + Math.floor((seeds * (part + 1)) / parts);
      const file = 'apps/orchestrator/src/simulation/simulation.integration.test.ts';
      const vitest = ['vitest', 'run', '--project', 'integration', file, '-t', 'keeps every job'];
      const env = { SIMULATION_SEED: String(from), SIMULATION_SEEDS: String(to - from) };
      const child = spawn('npx', vitest, { stdio: 'inherit', env: { ...process.env, ...env } });
      const [code] = (await once(child, 'exit')) as [number | null];
      return code === 0;
    }),
  );
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`simulate: ${seeds} histories in ${seconds} s\n`);
  process.exitCode = ends.every(Boolean) ? 0 : 1;
}

try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else await simulate(options);
} catch (error) {
  process.stderr.write(`simulate: ${error instanceof Error ? error.message : error}\n\n${HELP}`);
  process.exitCode = 2;
}
