// One worker of the simulation: goes through the histories that its parent names, on a database of
// its own, and tells what came of them.
import { on } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { createDatabase, type Database, findViolations } from '@rivet/store';
import { hashOfEvents, runHistory } from './history.ts';
import { MUTATIONS } from './mutations.ts';
import { replaceGlobals } from './replace-globals.ts';
import { forgetHistories } from './rows.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { prepareClock } from './simulated-database.ts';
import { HISTORIES_KEPT, type SeedsEnd, type WorkerTask } from './workers.ts';

// Whole minutes: some pauses end at certain seconds.
const minuteAfter = (ms: number): number => (Math.floor(ms / 60_000) + 2) * 60_000;
let startMs = minuteAfter(Date.now());

/** Goes through the histories until one fails. */
async function goThrough({ database, asking }: Databases, task: WorkerTask): Promise<SeedsEnd> {
  const { first, count, isHashed } = task;
  const mutation = MUTATIONS.find(({ name }) => name === task.mutation);
  if (mutation?.name !== task.mutation) throw new Error(`no mutation is "${task.mutation}"`);
  const last = first + count - 1;
  const hashes: string[] = [];
  const violations: unknown[] = [];
  let histories = 0;
  let failed: SeedsEnd['failed'];
  for (let seed = first; seed <= last && failed === undefined; seed += 1) {
    const directory = join(root, String(seed));
    const end = await runHistory({ database, clock, directory, seed, mutation, startMs });
    startMs = minuteAfter(end.endMs);
    histories += 1;
    if (isHashed) hashes.push(hashOfEvents(end.tell()));
    if (end.faults.length > 0) failed = { seed, faults: end.faults, events: end.tell() };
    const isFull = histories % HISTORIES_KEPT === 0;
    if (!isFull && seed < last && failed === undefined) continue;
    if (failed === undefined) violations.push(...(await findViolations(asking)));
    await forgetHistories(asking);
  }
  return {
    ...{ histories, violations },
    ...(isHashed && { hash: hashOfEvents(hashes) }),
    ...(failed !== undefined && { failed }),
  };
}

/** The same one, for what programs ask and for what the simulation does. */
interface Databases {
  readonly database: Database;
  readonly asking: Database;
}

async function openDatabases(url: string): Promise<Databases> {
  const open = (plannedOnce: boolean): Database =>
    createDatabase({ url, applicationName: 'simulation', logger: silentLogger, plannedOnce });
  // What prepares the clock begins sessions without it.
  const preparing = open(false);
  await prepareClock(preparing, clock);
  await preparing.close();
  // Not as programs have it for statements that read whole tables.
  return { database: open(true), asking: open(false) };
}

// Memory where there is some: what is written there does not outlive this process.
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rivet-simulation-'));
// The database runs as another user, who must get to its clock.
chmodSync(root, 0o711);
const clock = new SimulatedClock(join(root, 'clock'));
replaceGlobals();
// A program that dies leaves promises that nobody looks at.
process.on('unhandledRejection', (reason) => {
  if (!(reason instanceof Error) || !reason.message.includes('was killed')) throw reason;
});
let databases: Databases | undefined;
try {
  // The parent may be gone by now, which is told only once.
  const messages = process.connected ? on(process, 'message', { close: ['disconnect'] }) : [];
  for await (const [message] of messages) {
    const task = message as WorkerTask;
    databases ??= await openDatabases(task.database);
    process.send?.(await goThrough(databases, task));
  }
} finally {
  await databases?.database.close();
  await databases?.asking.close();
  clock.close();
  rmSync(root, { recursive: true, force: true });
}
