// What PostgreSQL does for an installation: connections, processor time, transactions.
import { readFile } from 'node:fs/promises';
import { silentLogger } from '@rivet/base';
import { createDatabase, type Database } from '@rivet/store';
import { processUsage } from './program.ts';

export interface DatabaseActivity {
  /** Connections of the orchestrators. */
  readonly connections: number;
  /** Of all processes of the server that are there now, in milliseconds. */
  readonly cpuMs: ReadonlyMap<number, number>;
  /** Since the database was made. */
  readonly transactions: number;
}

const NAME = 'rivet-bench-activity';

const statement = {
  name: 'read_activity',
  text: `SELECT coalesce(array_agg(pid), '{}') AS pids,
      (count(*) FILTER (WHERE backend_type = 'client backend'
        AND application_name NOT LIKE 'rivet-bench%'))::int AS connections,
      (SELECT (xact_commit + xact_rollback)::float8 FROM pg_stat_database
        WHERE datname = current_database()) AS transactions
    FROM pg_stat_activity`,
  repeatable: true,
};

/** Reads it over a connection of its own; to be closed. */
export function openActivity(url: string): Database {
  return createDatabase({ url, applicationName: NAME, logger: silentLogger, connectionsMax: 1 });
}

export async function readActivity(database: Database): Promise<DatabaseActivity> {
  const [row] = await database.query<{
    pids: number[];
    connections: number;
    transactions: number;
  }>(statement);
  const { pids = [], connections = 0, transactions = 0 } = row ?? {};
  const cpuMs = new Map<number, number>();
  for (const pid of pids) {
    const usage = await processUsage(pid).catch(() => undefined);
    if (usage !== undefined) cpuMs.set(pid, usage.cpuMs);
  }
  return { connections, cpuMs, transactions };
}

/** Processor time between the two, of the processes that were there both times. */
export function cpuBetween(before: DatabaseActivity, after: DatabaseActivity): number {
  let sum = 0;
  for (const [pid, ms] of after.cpuMs) sum += ms - (before.cpuMs.get(pid) ?? 0);
  return sum;
}

/** How many files a process of this user may have open. */
export async function openFilesMax(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const [, hard = '0'] = /^Max open files\s+\S+\s+(\S+)/m.exec(limits) ?? [];
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}
