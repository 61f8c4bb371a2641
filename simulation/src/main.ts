// One worker of the simulation: goes through the histories of some seeds on a database of its own,
// or through those of deliberate mistakes until each is noticed; what came of it is its last line.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger } from '@rivet/base';
import { createDatabase, type Database, findViolations } from '@rivet/store';
import { hashOfEvents, runHistory } from './history.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';
import { replaceGlobals } from './replace-globals.ts';
import { forgetSimulatedJobs } from './rows.ts';
import { prepareClock } from './simulated-database.ts';

/** A history in which something went wrong. */
interface Failed {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly events: readonly string[];
}

const { values } = parseArgs({
  options: {
    database: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    // By name; the histories without a mistake when absent.
    mutation: { type: 'string', multiple: true },
  },
});

// Whole minutes: some pauses end at certain seconds.
const minuteAfter = (ms: number): number => (Math.floor(ms / 60_000) + 2) * 60_000;
let startMs = minuteAfter(Date.now());

/** Goes through the histories until one fails; the hashes of all of them. */
async function goThrough(
  database: Database,
  root: string,
  mutation?: Mutation,
): Promise<{ failed: Failed | undefined; hashes: string[] }> {
  const hashes: string[] = [];
  const first = Number(values.seed);
  for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
    const directory = join(root, String(seed));
    const end = await runHistory({ database, directory, seed, mutation, startMs });
    startMs = minuteAfter(end.endMs);
    hashes.push(hashOfEvents(end.events));
    if (end.faults.length > 0) return { failed: { seed, ...end }, hashes };
  }
  return { failed: undefined, hashes };
}

async function simulate(database: Database, root: string): Promise<object> {
  if (values.mutation === undefined) {
    const { failed, hashes } = await goThrough(database, root);
    const violations = failed === undefined ? await findViolations(database) : [];
    return { histories: hashes.length, hash: hashOfEvents(hashes), failed, violations };
  }
  const noticed: Record<string, { seed: number; fault: string | undefined } | null> = {};
  for (const name of values.mutation) {
    const mutation = MUTATIONS.find((one) => one.name === name);
    if (mutation === undefined) throw new Error(`there is no mutation "${name}"`);
    const { failed } = await goThrough(database, root, mutation);
    noticed[name] = failed === undefined ? null : { seed: failed.seed, fault: failed.faults[0] };
    await forgetSimulatedJobs(database);
  }
  return { noticed };
}

const open = (): Database =>
  createDatabase({
    url: values.database,
    applicationName: 'simulation',
    logger: silentLogger,
    plannedOnce: true,
  });
const preparing = open();
await prepareClock(preparing);
await preparing.close();
replaceGlobals();
// A program that dies leaves promises that nobody looks at.
process.on('unhandledRejection', (reason) => {
  if (!(reason instanceof Error) || !reason.message.includes('was killed')) throw reason;
});
// Memory where there is some: what is written there does not outlive this process.
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rivet-simulation-'));
const database = open();
try {
  process.stdout.write(`${JSON.stringify(await simulate(database, root))}\n`);
} finally {
  await database.close();
  rmSync(root, { recursive: true, force: true });
}
