// Many short histories of the protocol, each decided by its seed, and the proof that they would
// notice: every deliberate mistake is found by one of them.
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { createTestDatabase } from '@rivet/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';

const first = Number(process.env.SIMULATION_SEED ?? 1);
const count = Number(process.env.SIMULATION_SEEDS ?? 40);
/** Histories in which a mistake must have been found. */
const TRIES = 300;
const WORKERS = Math.max(2, availableParallelism());
const OUTPUT_BYTES_MAX = 64 * 1024 ** 2;
/** Of a worker that hangs, in milliseconds: it does not outlive its test. */
const WORKER_MS_MAX = 100_000 + count * 1000;

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

/** Runs one worker on a database of its own: in this process its time would be that of the tests. */
async function runWorker<End>(arguments_: readonly string[], ms = WORKER_MS_MAX): Promise<End> {
  const database = await createTestDatabase();
  try {
    const main = new URL('main.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [main, '--database', database.url, ...arguments_],
      { maxBuffer: OUTPUT_BYTES_MAX, timeout: ms, killSignal: 'SIGKILL' },
    );
    return JSON.parse(stdout) as End;
  } finally {
    await database.drop();
  }
}

const runSeeds = (seed: number, seeds: number): Promise<SeedsEnd> =>
  runWorker(['--seed', String(seed), '--seeds', String(seeds)]);

it(
  'keeps every job whole, whatever is lost, repeated, reordered or dies',
  async () => {
    const workers = Math.min(WORKERS, count);
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
  120_000 + count * 1000,
);

it('goes through the same history for the same seed', async () => {
  const [one, two, other] = await Promise.all([runSeeds(1, 4), runSeeds(1, 4), runSeeds(5, 4)]);
  expect(one.hash).toBe(two.hash);
  expect(one.hash).not.toBe(other.hash);
}, 200_000);

describe('a mistake', () => {
  let noticed: MutationsEnd['noticed'] = {};

  beforeAll(async () => {
    const parts = await Promise.all(
      Array.from({ length: WORKERS }, (_, worker) => {
        const mine = MUTATIONS.filter((__, index) => index % WORKERS === worker);
        const names = mine.flatMap(({ name }) => ['--mutation', name]);
        return runWorker<MutationsEnd>(['--seeds', String(TRIES), ...names], 580_000);
      }),
    );
    noticed = Object.assign({}, ...parts.map((part) => part.noticed));
  }, 600_000);

  it.each(MUTATIONS.map(({ name }) => name))('is noticed: %s', (name) => {
    expect(noticed[name], `no history of ${TRIES} noticed it`).toMatchObject({
      fault: expect.any(String),
    });
  });
});
