// Runs migrations on a database that others use: none waits for long in front of them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  backoffMs,
  describeThrown,
  formatDuration,
  type Logger,
  RivetError,
  sleep,
} from '@rivet/base';
import type { Client } from 'pg';
import { makeIndex, parseConcurrentIndex } from './concurrent-index.ts';
import type { Database } from './database.ts';
import { watchBlockers } from './lock-blockers.ts';

/** Everybody who wants the table queues up behind a migration that waits for it. */
const LOCK_TIMEOUT = '2s';
const BACKOFF = { baseMs: 500, maxMs: 8000 };
const TABLE = 'rivet_migrations';
/** A lock that was not given in time, and a deadlock: nothing of the migration is there. */
const BLOCKED = new Set(['55P03', '40P01']);

export interface MigrationRun {
  /** For looking at the other session. */
  readonly database: Database;
  /** The session that migrates. */
  readonly client: Client;
  readonly directory: string;
  readonly logger: Logger | undefined;
  /** How long one of them is tried while others hold what it needs, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * Runs those migrations, in that order, each in a transaction of its own, or outside of any where
 * it makes an index without keeping writers out.
 * @throws RIVET_DATABASE_MIGRATION_FAILED, RIVET_DATABASE_MIGRATION_BLOCKED
 */
export async function runMigrations(run: MigrationRun, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const index = parseConcurrentIndex(await readFile(join(run.directory, `${name}.sql`), 'utf8'));
    await untilUnblocked(run, name, () =>
      index === undefined
        ? runInTransaction(run)
        : makeIndex(
            run.client,
            index,
            `INSERT INTO ${TABLE} (name, run_on) VALUES ($1, now())`,
            name,
          ),
    );
  }
}

/** Tries again, with pauses in which others get on, while it is not given its locks. */
async function untilUnblocked(
  { database, client, logger, patienceMs }: MigrationRun,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  const begunAt = performance.now();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // An index is waited for as long as it takes, and an operator would not know what for.
  const tell = (who: string): void =>
    logger?.warn({ migration: name }, `the migration ${name} waits for ${who} to end`);
  for (let tried = 1; ; tried += 1) {
    const stopLooking = watchBlockers(database, rows[0]?.pid ?? 0, tell);
    try {
      await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
      return await work();
    } catch (error) {
      const blockers = (await stopLooking()) ?? 'sessions that were gone when they were looked for';
      await client.query('ROLLBACK').catch(() => undefined);
      if (!isBlocked(error)) {
        const reason = describeThrown(error);
        throw RivetError.of('RIVET_DATABASE_MIGRATION_FAILED', { name, reason }, error);
      }
      const waitedMs = performance.now() - begunAt;
      const words = { name, blockers, waited: formatDuration(waitedMs) };
      const blocked = RivetError.of('RIVET_DATABASE_MIGRATION_BLOCKED', words, error);
      if (waitedMs >= patienceMs) throw blocked;
      logger?.warn({ migration: name, tried }, `${blocked.message}; trying again`);
      await sleep(backoffMs(tried, BACKOFF));
    } finally {
      await stopLooking();
    }
  }
}

function isBlocked(error: unknown): boolean {
  return BLOCKED.has(String((error as { code?: unknown }).code));
}

/** Runs the first that is missing. */
async function runInTransaction({ client, directory }: MigrationRun): Promise<void> {
  // Only this function needs it, and it takes a while to load.
  const { runner } = await import('node-pg-migrate');
  const say = (): void => undefined;
  await runner({
    dbClient: client,
    dir: directory,
    ignorePattern: '(?!\\d{4}_.*\\.sql$).*',
    direction: 'up',
    count: 1,
    migrationsTable: TABLE,
    singleTransaction: false,
    // A newer, compatible program may have run migrations that come after ours.
    checkOrder: false,
    noLock: true,
    logger: { debug: say, info: say, warn: say, error: say },
  });
}
