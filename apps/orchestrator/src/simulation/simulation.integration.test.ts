// Many short histories of the protocol, each decided by its seed, and the proof that they would
// notice: every deliberate mistake is found by one of them.
import { findViolations } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openTestDatabase } from '../test-orchestrator.ts';
import { runHistory } from './history.ts';
import { MUTATIONS } from './mutations.ts';

const testDatabase = useTestDatabase();
const first = Number(process.env.SIMULATION_SEED ?? 1);
const count = Number(process.env.SIMULATION_SEEDS ?? 150);
/** Histories until a mistake must have been found. */
const TRIES = 2000;
/**
 * The clock of the database goes on while a busy machine does something else: a history that took
 * longer, in milliseconds, may have lost leases to that, and is gone through again when it failed.
 */
const QUICK_MS_MAX = 1000;
const TIMES_MAX = 5;

let database: ReturnType<typeof openTestDatabase>;

beforeAll(() => {
  database = openTestDatabase(testDatabase.url);
});

// What a mistake leaves behind is not for the histories of the next one.
afterEach(async () => {
  const text = 'TRUNCATE jobs, job_queue, running_attempts, job_attempts, job_logs';
  await database.query({ name: '', text, repeatable: true });
});

afterAll(() => database.close());

async function faultsOf(seed: number): Promise<string[]> {
  for (let times = 1; ; times += 1) {
    const begun = performance.now();
    const faults = await runHistory(database, seed);
    const isQuick = performance.now() - begun < QUICK_MS_MAX;
    if (faults.length === 0 || isQuick || times === TIMES_MAX) return faults;
  }
}

it(
  'keeps every job whole, whatever is lost, repeated, reordered or dies',
  async () => {
    for (let seed = first; seed < first + count; seed += 1) {
      expect(await faultsOf(seed), `the history of seed ${seed}`).toEqual([]);
    }
    expect(await findViolations(database)).toEqual([]);
  },
  60_000 + count * 3000,
);

it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
  'notices when %s',
  async (_, mutation) => {
    const { seed: from = 1 } = mutation;
    for (let seed = from; seed < from + TRIES; seed += 1) {
      const faults = await runHistory(database, seed, mutation);
      if (faults.length > 0) return;
    }
    expect.fail(`no history of ${TRIES} noticed it`);
  },
  600_000,
);
