// Makes the partitions of history ahead of time, and drops those whose time is over.
import { type Logger, sleep } from '@rivet/base';
import {
  addPartition,
  type Database,
  databaseTime,
  dropPartition,
  findUnfitting,
  historyTables,
  listPartitions,
  type Partition,
} from '@rivet/store';
import type { Duty } from './duty.ts';
import { type PartitionPeriod, partitionFor, timesAhead } from './history-plan.ts';

export interface HistoryOptions {
  readonly database: Database;
  readonly logger: Logger;
  readonly period: PartitionPeriod;
  /** How long jobs are kept, in milliseconds; absent: for ever. */
  readonly retentionMs: number | undefined;
}

/** A partition that cannot be locked at once is tried again, after pauses that grow. */
const TRIES = 10;
const PAUSE_MS = 100;
/** Partitions made in one turn for jobs that fit none. */
const UNFITTING_MAX = 20;
/** What stays the same is told to the log as often as this, in milliseconds. */
const TELL_EVERY_MS = 3_600_000;

/** The duty. Without it launches go on: their jobs lie in the partition for the rest meanwhile. */
export function keepPartitions(options: HistoryOptions): Duty {
  const toldAtMs = new Map<string, number>();
  const tell = (what: string, say: () => void): void => {
    const now = performance.now();
    if (now - (toldAtMs.get(what) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    toldAtMs.set(what, now);
    say();
  };
  return {
    name: 'partitions',
    everyMs: 60_000,
    async run() {
      const now = Date.now();
      for (const time of timesAhead(now, options.period)) await makeFor(options, time, tell);
      await placeUnfitting(options, tell);
      await dropOld(options, tell);
    },
  };
}

type Tell = (what: string, say: () => void) => void;

async function makeFor(
  { database, logger, period }: HistoryOptions,
  timeMs: number,
  tell: Tell,
): Promise<boolean> {
  const partitions = await listPartitions(database);
  const partition = partitionFor(timeMs, period, partitions, historyTables.length);
  if (partition === undefined) return true;
  const made = await patiently(() => addPartition(database, partition));
  const { name } = partition;
  if (made) logger.info({ partition: name }, 'made a partition for jobs');
  else tell(`make ${name}`, () => logger.warn({ partition: name }, BUSY_MAKE));
  return made;
}

const BUSY_MAKE =
  'a partition for jobs could not be made: something keeps their tables locked, a backup ' +
  'perhaps. It is tried again; until then new jobs lie in the partition for the rest';

/** Gives jobs that fit no partition one: a clock was wrong, or nobody made it in time. */
async function placeUnfitting(options: HistoryOptions, tell: Tell): Promise<void> {
  for (let made = 0; made < UNFITTING_MAX; made += 1) {
    const time = await findUnfitting(options.database);
    if (time === undefined || !(await makeFor(options, time, tell))) return;
  }
}

async function dropOld(options: HistoryOptions, tell: Tell): Promise<void> {
  const { database, retentionMs } = options;
  if (retentionMs === undefined) return;
  // Not by the clock of this machine: one that is wrong would drop what everybody still wants.
  const beforeMs = (await databaseTime(database)) - retentionMs;
  for (const partition of await listPartitions(database)) {
    if (partition.toMs > beforeMs) return;
    await dropOne(options, partition, beforeMs, tell);
  }
}

async function dropOne(
  { database, logger }: HistoryOptions,
  partition: Partition,
  beforeMs: number,
  tell: Tell,
): Promise<void> {
  const { name } = partition;
  let kept = { unfinished: 0, recent: 0 };
  const done = await patiently(async () => {
    const current = (await listPartitions(database)).find((other) => other.name === name);
    if (current === undefined) return true;
    const result = await dropPartition(database, current, beforeMs);
    if (typeof result === 'object') kept = result;
    return result !== 'busy';
  });
  if (kept.unfinished > 0) {
    const text = 'a partition of old jobs is kept: some of them have not ended';
    tell(`keep ${name}`, () => logger.warn({ partition: name, ...kept }, text));
  } else if (kept.recent > 0) {
    const text =
      'a partition of old jobs is kept: some of them were launched not long ago, by an ' +
      'orchestrator whose clock is behind; set the clocks of the orchestrators right';
    tell(`keep ${name}`, () => logger.warn({ partition: name, ...kept }, text));
  } else if (done) {
    logger.info({ partition: name }, 'dropped a partition of old jobs');
  } else {
    const text =
      'a partition of old jobs could not be dropped: something keeps its tables locked, a backup ' +
      'perhaps. It is tried again';
    tell(`drop ${name}`, () => logger.warn({ partition: name }, text));
  }
}

async function patiently(attempt: () => Promise<boolean>): Promise<boolean> {
  for (let tried = 1; ; tried += 1) {
    if (await attempt()) return true;
    if (tried >= TRIES) return false;
    await sleep(PAUSE_MS * tried * (0.5 + Math.random()));
  }
}
