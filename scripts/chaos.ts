// `npm run chaos -- --seed S --minutes M`: real programs under load while a schedule, which the seed
// decides, kills, freezes and cuts off; see docs/operating/faults.md.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run chaos -- [--seed NUMBER] [--minutes NUMBER]
       npm run chaos -- --outage MINUTES

Runs jobs on real orchestrators, runners, PostgreSQL and Podman while they are killed, frozen and
cut off, and checks that every job ended once, as it should, with every line of its log.

  --seed NUMBER      which faults strike when; by chance when absent. The run prints it
  --minutes NUMBER   how long they strike, 1 when absent; about 100 faults a minute
  --outage MINUTES   instead: one job that prints 200 lines a second while its orchestrator has
                     no database for so long, and its log afterwards
  --help             prints this

Examples:
  npm run chaos                            a minute of a new seed
  npm run chaos -- --seed 7 --minutes 10   about 1,000 faults, the same each time
  npm run chaos -- --outage 15             a quarter of an hour without a database
`;

/** A test file, what it is told, and how to ask for the same again. */
interface Run {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly again: string;
}

/** Undefined: only the help was asked for. */
function readOptions(): Run | undefined {
  const options = {
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    minutes: { type: 'string', default: '1' },
    outage: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  if (values.outage !== undefined) {
    const minutes = readMinutes('--outage', values.outage);
    return {
      file: 'e2e/outage.test.ts',
      env: { OUTAGE_MINUTES: String(minutes) },
      again: `--outage ${minutes}`,
    };
  }
  if (!/^\d{1,10}$/.test(values.seed)) {
    throw new Error(`--seed must be a whole number from 0, not "${values.seed}"`);
  }
  const [seed, minutes] = [Number(values.seed), readMinutes('--minutes', values.minutes)];
  return {
    file: 'e2e/chaos/chaos.test.ts',
    env: { CHAOS_SEED: String(seed), CHAOS_MINUTES: String(minutes) },
    again: `--seed ${seed} --minutes ${minutes}`,
  };
}

function readMinutes(option: string, text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 24 * 60) return minutes;
  throw new Error(`${option} must be a number above 0, up to a day, not "${text}"`);
}

async function makeChaos({ file, env, again }: Run): Promise<void> {
  const vitest = ['vitest', 'run', '--project', 'e2e', file];
  const child = spawn('npx', vitest, { stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code === 0) return;
  process.stderr.write(`chaos: to see it again: npm run chaos -- ${again}\n`);
  process.exitCode = 1;
}

try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else await makeChaos(options);
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? error.message : error}\n\n${HELP}`);
  process.exitCode = 2;
}
