// One worker of the simulation: goes through the histories of some seeds on a database of its own,
// or through those of deliberate mistakes until each is noticed; what came of it is its last line.
import { chmodSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLogger } from '@rivet/base';
import { createDatabase, type Database, findViolations } from '@rivet/store';
import { hashOfEvents, runHistory } from './history.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';
import { replaceGlobals } from './replace-globals.ts';
import { forgetHistories } from './rows.ts';
import { prepareClock } from './simulated-database.ts';

/** A history in which something went wrong. */
interface Failed {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly events: readonly string[];
}

/** What has ended makes statements slower. */
const HISTORIES_KEPT = 25;

const { values } = parseArgs({
  options: {
    database: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    // Whether the end has the hash of all histories, to compare them by.
    hash: { type: 'boolean', default: false },
    // By name; the histories without a mistake when absent.
    mutation: { type: 'string', multiple: true },
  },
});

// Whole minutes: some pauses end at certain seconds.
const minuteAfter = (ms: number): number => (Math.floor(ms / 60_000) + 2) * 60_000;
let startMs = minuteAfter(Date.now());

interface End {
  readonly histories: number;
  /** Of what happened in all of them, where it was asked for. */
  readonly hash: string | undefined;
  readonly failed: Failed | undefined;
  /** Rows that contradict each other, after histories in which nothing went wrong. */
  readonly violations: readonly unknown[];
}

/** Goes through the histories until one fails. */
async function goThrough(
  database: Database,
  root: string,
  { first, last }: { readonly first: number; readonly last: number },
  mutation?: Mutation,
): Promise<End> {
  const hashes: string[] = [];
  const violations: unknown[] = [];
  let histories = 0;
  let failed: Failed | undefined;
  for (let seed = first; seed <= last && failed === undefined; seed += 1) {
    const directory = join(root, String(seed));
    const end = await runHistory({ database, clockFile, directory, seed, mutation, startMs });
    startMs = minuteAfter(end.endMs);
    histories += 1;
    if (values.hash) hashes.push(hashOfEvents(end.tell()));
    if (end.faults.length > 0) failed = { seed, faults: end.faults, events: end.tell() };
    const isFull = histories % HISTORIES_KEPT === 0;
    if (!isFull && seed < last && failed === undefined) continue;
    if (failed === undefined) violations.push(...(await findViolations(asking)));
    await forgetHistories(asking);
  }
  const hash = values.hash ? hashOfEvents(hashes) : undefined;
  return { histories, hash, failed, violations };
}

async function simulate(database: Database, root: string): Promise<object> {
  const seeds = Number(values.seeds);
  if (values.mutation === undefined) {
    const first = Number(values.seed);
    return goThrough(database, root, { first, last: first + seeds - 1 });
  }
  const noticed: Record<string, { seed: number; fault: string | undefined } | null> = {};
  for (const name of values.mutation) {
    const mutation = MUTATIONS.find((one) => one.name === name);
    if (mutation === undefined) throw new Error(`there is no mutation "${name}"`);
    const { seed: first = 1 } = mutation;
    const range = { first, last: first + seeds - 1 };
    const { failed } = await goThrough(database, root, range, mutation);
    noticed[name] = failed === undefined ? null : { seed: failed.seed, fault: failed.faults[0] };
  }
  return { noticed };
}

/** @param plannedOnce as programs have it, not for statements that read whole tables */
function open(plannedOnce: boolean): Database {
  const applicationName = 'simulation';
  return createDatabase({
    url: values.database,
    applicationName,
    logger: silentLogger,
    plannedOnce,
  });
}

// Memory where there is some: what is written there does not outlive this process.
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rivet-simulation-'));
// The database runs as another user, who must get to its clock.
chmodSync(root, 0o711);
const clockPath = join(root, 'clock');
writeFileSync(clockPath, String(Date.now()), { mode: 0o644 });
const clockFile = openSync(clockPath, 'r+');
const preparing = open(false);
await prepareClock(preparing, clockPath);
await preparing.close();
replaceGlobals();
// A program that dies leaves promises that nobody looks at.
process.on('unhandledRejection', (reason) => {
  if (!(reason instanceof Error) || !reason.message.includes('was killed')) throw reason;
});
const database = open(true);
const asking = open(false);
try {
  process.stdout.write(`${JSON.stringify(await simulate(database, root))}\n`);
} finally {
  await database.close();
  await asking.close();
  rmSync(root, { recursive: true, force: true });
}
