// Many short histories of the protocol, each decided by its seed, and the proof that they would
// notice: every deliberate mistake is found by one of them.
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';
import { type SimulationServer, startSimulationServer } from './simulation-server.ts';

const first = Number(process.env.SIMULATION_SEED ?? 1);
const count = Number(process.env.SIMULATION_SEEDS ?? 40);
/** Histories in which a mistake must have been found. */
const TRIES = 1000;
const MISTAKES = MUTATIONS.filter(
  ({ seed }) => seed === undefined || process.env.SIMULATION_MISTAKES === 'all',
);
const PROCESSORS = Math.max(2, availableParallelism());
/** Twice as many as processors: each waits for the database half of its time. */
const WORKERS_MAX = Math.min(16, 2 * PROCESSORS);
/** A worker needs as long to start as for so many histories. */
const HISTORIES_MIN = 20;
/** Room for what is made and forgotten: histories leave nothing. */
const NODE_OPTIONS = ['--max-semi-space-size=64'];
const OUTPUT_BYTES_MAX = 64 * 1024 ** 2;
/** Of a worker that hangs, in milliseconds: it does not outlive its test. */
const WORKER_MS_MAX = 200_000 + count * 3000;
/** Of one that looks for all histories that notice mistakes: nearly all that it may try. */
const MUTATIONS_MS_MAX = 1_800_000;

interface SeedsEnd {
  readonly histories: number;
  readonly hash: string;
  readonly failed?: {
    readonly seed: number;
    readonly faults: readonly string[];
    readonly events: readonly string[];
  };
  readonly violations: readonly unknown[];
}

interface MutationsEnd {
  readonly noticed: Readonly<Record<string, { seed: number; fault: string } | null>>;
}

let server: SimulationServer | undefined;

beforeAll(async () => {
  server = await startSimulationServer();
}, 240_000);

afterAll(() => server?.stop(), 120_000);

/** Runs one worker on a database of its own: in this process its time would be that of the tests. */
async function runWorker<End>(arguments_: readonly string[], ms = WORKER_MS_MAX): Promise<End> {
  if (server === undefined) throw new Error('the server is there from beforeAll on');
  return await server.withDatabase(async (url) => {
    const main = new URL('main.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...NODE_OPTIONS, main, '--database', url, ...arguments_],
      { maxBuffer: OUTPUT_BYTES_MAX, timeout: ms, killSignal: 'SIGKILL' },
    );
    return JSON.parse(stdout) as End;
  });
}

const runSeeds = (seed: number, seeds: number): Promise<SeedsEnd> =>
  runWorker(['--seed', String(seed), '--seeds', String(seeds)]);

it(
  'keeps every job whole, whatever is lost, repeated, reordered or dies',
  async () => {
    const workers = Math.min(WORKERS_MAX, Math.ceil(count / HISTORIES_MIN));
    const ends = await Promise.all(
      Array.from({ length: workers }, (_, index) => {
        const from = first + Math.floor((count * index) / workers);
        const to = first + Math.floor((count * (index + 1)) / workers);
        return runSeeds(from, to - from);
      }),
    );
    for (const { failed, violations } of ends) {
      const what = failed?.events.join('\n');
      expect(failed?.faults ?? [], `the history of seed ${failed?.seed}:\n${what}`).toEqual([]);
      expect(violations).toEqual([]);
    }
    expect(ends.reduce((sum, { histories }) => sum + histories, 0)).toBe(count);
  },
  WORKER_MS_MAX + 60_000,
);

it(
  'goes through the same history for the same seed',
  async () => {
    const [one, two, other] = await Promise.all([runSeeds(1, 4), runSeeds(1, 4), runSeeds(5, 4)]);
    expect(one.hash).toBe(two.hash);
    expect(one.hash).not.toBe(other.hash);
  },
  WORKER_MS_MAX + 60_000,
);

describe('a mistake', () => {
  let noticed: MutationsEnd['noticed'] = {};

  beforeAll(async () => {
    const parts = await Promise.all(
      Array.from({ length: PROCESSORS }, (_, worker) => {
        const mine = MISTAKES.filter((__, index) => index % PROCESSORS === worker);
        const names = mine.flatMap(({ name }) => ['--mutation', name]);
        return runWorker<MutationsEnd>(['--seeds', String(TRIES), ...names], MUTATIONS_MS_MAX);
      }),
    );
    noticed = Object.assign({}, ...parts.map((part) => part.noticed));
  }, MUTATIONS_MS_MAX + 60_000);

  it.each(MISTAKES.map(({ name }) => name))('is noticed: %s', (name) => {
    expect(noticed[name], `no history of ${TRIES} noticed it`).toMatchObject({
      fault: expect.any(String),
    });
  });
});
