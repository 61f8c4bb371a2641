// What history, an old snapshot and the removal of old jobs cost the claims beside them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { startEmbeddedDatabase } from '@rivet/embedded-database';
import {
  createDatabase,
  createTemplate,
  type Database,
  dropPartition,
  listPartitions,
  type Partition,
} from '@rivet/store';
import { fillPartition, makeWeeks } from './finished-jobs.ts';
import {
  alternate,
  type Benchmark,
  type Pair,
  type Row,
  ratioAtLeast,
  row,
  spreadOf,
} from './measure.ts';
import { openQueueLoad, type QueueLoad, runSql } from './queue-load.ts';

/** `BENCH_FINISHED_JOBS` makes it quicker, and the figure another one. */
const FINISHED = Number(process.env.BENCH_FINISHED_JOBS ?? 10_000_000);
const DROPPED = Math.min(FINISHED, 1_000_000);
const WEEKS = 12;
/** Weeks that are filled at the same time. */
const FILLING = 2;
/** Jobs of a turn that is about as long as the removal of a partition beside it. */
const JOBS = 3000;
const PINNED_MS = 60_000;
/** Of other turns: so many that what happens once a second counts as often as it comes. */
const LONG_TURN_JOBS = 15_000;
const PINNED_TURNS_MAX = 400;
const BUSY_TRIES = 100;

export const historyBenchmark: Benchmark = {
  name: 'history',
  about: `claim and complete, jobs a second, beside ${FINISHED.toLocaleString('en')} finished jobs`,
  async run(rounds) {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const server = await startEmbeddedDatabase({
      dataDirectory: join(directory, 'database'),
      logger: silentLogger,
      persistent: false,
      // Millions of rows are written at first: no checkpoint, and so no page in whole, in between.
      settings: { max_wal_size: '8GB' },
    });
    stack.defer(() => server.stop());
    const open = async (name: string): Promise<Database> => {
      await createTemplate(server.adminUrl, name);
      const url = new URL(server.adminUrl);
      url.pathname = `/${name}`;
      const database = createDatabase({
        url: url.href,
        applicationName: 'rivet-bench',
        logger: silentLogger,
        statementTimeoutMs: 600_000,
        // As the connections on which an orchestrator claims.
        plannedOnce: true,
      });
      stack.defer(() => database.close());
      return database;
    };
    const fresh = await open('fresh');
    const old = await open('old');
    return [
      await withHistory(rounds, fresh, old),
      await underSnapshot(rounds, await open('free'), await open('pinned')),
      await whileDropping(rounds, await open('dropping')),
    ];
  },
};

async function withHistory(rounds: number, fresh: Database, old: Database): Promise<Row> {
  const none = await openQueueLoad(fresh);
  const all = await openQueueLoad(old);
  await makeWeeks(fresh, 0);
  const weeks = (await makeWeeks(old, WEEKS)).values();
  const fill = async (): Promise<void> => {
    for (const partition of weeks) {
      await fillPartition(old, all, partition, { jobs: Math.ceil(FINISHED / WEEKS), logs: false });
    }
  };
  await Promise.all(Array.from({ length: FILLING }, fill));
  await settle(old);
  const run = (load: QueueLoad) => () => load.perSecond(LONG_TURN_JOBS);
  const measured = await alternate(rounds, run(all), run(none));
  return row({
    name: `beside ${FINISHED.toLocaleString('en')} finished jobs`,
    against: 'none',
    unit: '1/s',
    ...measured,
    target: ratioAtLeast(0.97),
  });
}

/** By turns until jobs were claimed for a minute under the snapshot, which holds all the time. */
async function underSnapshot(rounds: number, free: Database, pinned: Database): Promise<Row> {
  const [without, within] = [await openQueueLoad(free), await openQueueLoad(pinned)];
  await without.perSecond(JOBS);
  await within.perSecond(JOBS);
  const holder = await pinned.connect();
  const measured = { ours: [] as number[], peer: [] as number[] };
  try {
    await holder.query('SET idle_in_transaction_session_timeout = 0');
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await holder.query('SELECT count(*) FROM job_queue');
    let pinnedMs = 0;
    for (let turn = 0; turn < PINNED_TURNS_MAX; turn += 1) {
      if (pinnedMs >= PINNED_MS && turn >= rounds) break;
      if (turn % 2 === 0) measured.peer.push(await without.perSecond(LONG_TURN_JOBS));
      const rate = await within.perSecond(LONG_TURN_JOBS);
      if (turn % 2 === 1) measured.peer.push(await without.perSecond(LONG_TURN_JOBS));
      measured.ours.push(rate);
      pinnedMs += (LONG_TURN_JOBS * 1000) / rate;
    }
  } finally {
    await holder.end();
  }
  return row({
    name: 'during a snapshot of 60 s',
    against: 'without',
    unit: '1/s',
    ...measured,
    target: ratioAtLeast(0.9),
    note: `${lastThird(measured).toFixed(2)}x in its last third`,
  });
}

/** The ratio of the medians of the last third of all turns. */
function lastThird({ ours, peer }: Pair): number {
  const medianOf = (values: readonly number[]): number =>
    spreadOf(values.slice(Math.floor((values.length * 2) / 3))).median;
  return medianOf(ours) / medianOf(peer);
}

async function whileDropping(rounds: number, database: Database): Promise<Row> {
  const load = await openQueueLoad(database);
  // One more for the round that is not counted.
  const partitions = await makeWeeks(database, rounds + 1);
  const jobs = Math.ceil(DROPPED / partitions.length);
  for (const partition of partitions) {
    await fillPartition(database, load, partition, { jobs, logs: true });
  }
  await settle(database);
  const measured = await alternate(
    rounds,
    async () => {
      const [rate] = await Promise.all([load.perSecond(JOBS), drop(database, partitions.shift())]);
      return rate;
    },
    () => load.perSecond(JOBS),
  );
  return row({
    name: `while ${DROPPED.toLocaleString('en')} jobs with logs are dropped`,
    against: 'meanwhile nothing',
    unit: '1/s',
    ...measured,
    target: ratioAtLeast(0.95),
  });
}

async function drop(database: Database, partition: Partition | undefined): Promise<void> {
  if (partition === undefined) throw new Error('there is no partition left to drop');
  let current = partition;
  for (let tried = 0; tried < BUSY_TRIES; tried += 1) {
    if ((await dropPartition(database, current, Date.now() + 60_000)) === 'dropped') return;
    const found = (await listPartitions(database)).find(({ name }) => name === partition.name);
    if (found === undefined) return;
    current = found;
  }
  throw new Error(`the partition ${partition.name} was busy ${BUSY_TRIES} times`);
}

/** Statistics, and nothing left to write that the measurements would pay for. */
async function settle(database: Database): Promise<void> {
  await runSql(database, 'VACUUM (ANALYZE)');
  await runSql(database, 'CHECKPOINT');
}
