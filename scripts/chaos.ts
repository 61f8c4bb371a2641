// `npm run chaos -- --seed S --minutes M`: real programs under load while a schedule, which the seed
// decides, kills, freezes and cuts off; see docs/operating.md.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run chaos -- [--seed NUMBER] [--minutes NUMBER]

Runs jobs on real orchestrators, runners, PostgreSQL and Podman while they are killed, frozen and
cut off, and checks that every job ended once, as it should, with every line of its log.

  --seed NUMBER      which faults strike when; by chance when absent. The run prints it
  --minutes NUMBER   how long they strike, 1 when absent; about 100 faults a minute
  --help             prints this

Examples:
  npm run chaos                            a minute of a new seed
  npm run chaos -- --seed 7 --minutes 10   about 1,000 faults, the same each time
`;

function fail(problem: string): never {
  process.stderr.write(`chaos: ${problem}\n\n${HELP}`);
  process.exit(2);
}

function readOptions(): { seed: number; minutes: number } {
  const options = {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  let values: { seed?: string; minutes: string; help?: boolean };
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const seed = values.seed ?? String(randomInt(2 ** 31));
  if (!/^\d{1,10}$/.test(seed)) fail(`--seed must be a whole number from 0, not "${seed}"`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) {
    fail(`--minutes must be a number above 0, up to a day, not "${values.minutes}"`);
  }
  return { seed: Number(seed), minutes };
}

const { seed, minutes } = readOptions();
const vitest = ['vitest', 'run', '--project', 'e2e', 'e2e/chaos/chaos.test.ts'];
const child = spawn('npx', vitest, {
  stdio: 'inherit',
  env: { ...process.env, CHAOS_SEED: String(seed), CHAOS_MINUTES: String(minutes) },
});
child.on('error', (error) => fail(`the tests cannot be started: ${error.message}`));
child.on('exit', (code) => {
  if (code !== 0) {
    const again = `npm run chaos -- --seed ${seed} --minutes ${minutes}`;
    process.stderr.write(`chaos: to see it again: ${again}\n`);
  }
  process.exitCode = code ?? 1;
});
