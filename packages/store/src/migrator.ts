// Brings the schema to the version that this program knows, and refuses one that it does not.
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Logger, RivetError, sleep } from '@rivet/base';
import type { Client } from 'pg';
import type { Database } from './database.ts';
import { toDatabaseError } from './database-error.ts';
import { runMigrations } from './run-migrations.ts';
import { type Queryable, repeatable } from './statement.ts';

/** The migrations of this program. */
export const migrationsDirectory = resolve(import.meta.dirname, '../../../migrations');

/** Orchestrators that start together wait for each other at this advisory lock. */
const LOCK_KEY = 727_481_001;
/** How often whoever waits for it asks again, in milliseconds. */
const TURN_MS = 100;
const POSTGRESQL_MIN = 14;
/** Long enough for a backup of a small installation to end, short enough to be told at a start. */
const PATIENCE_MS = 120_000;

interface SchemaState {
  /** Migrations of this program that the database lacks, in order. */
  readonly missing: readonly string[];
  /** Migrations of the database that this program does not know, in order. */
  readonly unknown: readonly string[];
  /** Whether one of the unknown ones forbids this program to work. */
  readonly breaking: boolean;
}

export interface MigrateOptions {
  /** Where the migrations are; those of this program when absent. */
  readonly directory?: string;
  /** Stop after this one; absent: run all. */
  readonly last?: string | undefined;
  /** Is told what a migration waits for. */
  readonly logger?: Logger;
  /** How long a migration is tried while others hold what it needs, in milliseconds. */
  readonly patienceMs?: number;
}

/**
 * Runs the migrations that are missing, each in a transaction of its own; returns their names.
 * While others work none of them makes anybody wait for longer than two seconds for its locks.
 * @throws RIVET_DATABASE_SCHEMA_NEWER, RIVET_DATABASE_TOO_OLD, RIVET_DATABASE_MIGRATION_FAILED,
 *   RIVET_DATABASE_MIGRATION_BLOCKED
 */
export async function migrate(database: Database, options: MigrateOptions = {}): Promise<string[]> {
  const { directory = migrationsDirectory, last, logger, patienceMs = PATIENCE_MS } = options;
  const client = await database.connect();
  try {
    await checkServerVersion(client);
    await client.query('SET statement_timeout = 0');
    await endWithProgram(client);
    await takeTurn(client, logger);
    const known = await knownMigrations(directory);
    const { missing } = await refuseNewer(client, known);
    const wanted = missing.filter((name) => last === undefined || name <= last);
    await runMigrations({ database, client, directory, logger, patienceMs }, wanted);
    return wanted;
  } catch (error) {
    throw toDatabaseError(error, database.address);
  } finally {
    // Ending the session gives the lock back.
    await client.end().catch(() => undefined);
  }
}

/** Where the server can: a session whose program was killed does not finish what it was at. */
async function endWithProgram(client: Client): Promise<void> {
  await client.query(`SET client_connection_check_interval = '1s'`).catch(() => undefined);
}

/** One program migrates at a time; the others then find nothing to do. */
async function takeTurn(client: Client, logger: Logger | undefined): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    const { rows } = await client.query<{ taken: boolean }>(
      'SELECT pg_try_advisory_lock($1) AS taken',
      [LOCK_KEY],
    );
    if (rows[0]?.taken === true) return;
    if (tried === 1) {
      logger?.info({}, 'another program brings the schema up to date; waiting for it');
    }
    // Not inside a statement: an index that is made there waits for all that run, and so for us.
    await sleep(TURN_MS);
  }
}

/**
 * Whether this program can work with the schema as it is.
 * @throws RIVET_DATABASE_SCHEMA_OLDER, RIVET_DATABASE_SCHEMA_NEWER
 */
export async function checkSchema(
  database: Database,
  directory: string = migrationsDirectory,
): Promise<void> {
  const state = await readSchemaState(database, await knownMigrations(directory));
  refuse(state);
  if (state.missing[0] !== undefined) {
    throw RivetError.of('RIVET_DATABASE_SCHEMA_OLDER', { missing: state.missing[0] });
  }
}

const listApplied = repeatable(
  'list_applied_migrations',
  `SELECT name FROM rivet_migrations ORDER BY id`,
);
const hasMigrations = repeatable(
  'has_migrations',
  `SELECT to_regclass('rivet_migrations') IS NOT NULL AS found`,
);
const readCompatibility = repeatable(
  'read_compatibility',
  `SELECT needs_migration FROM schema_compatibility`,
);

async function readSchemaState(db: Queryable, known: readonly string[]): Promise<SchemaState> {
  const [table] = await db.query<{ found: boolean }>(hasMigrations);
  if (table?.found !== true) return { missing: known, unknown: [], breaking: false };
  const applied = (await db.query<{ name: string }>(listApplied)).map((row) => row.name);
  const unknown = applied.filter((name) => !known.includes(name));
  const missing = known.filter((name) => !applied.includes(name));
  if (unknown.length === 0) return { missing, unknown, breaking: false };
  const [row] = await db.query<{ needs_migration: number }>(readCompatibility);
  const newest = Math.max(0, ...known.map((name) => Number.parseInt(name, 10)));
  return { missing, unknown, breaking: (row?.needs_migration ?? 0) > newest };
}

/** Migrations that the database has, in order; none where Rivet never was. */
export async function listMigrations(client: Client): Promise<string[]> {
  const db = queryable(client);
  const [table] = await db.query<{ found: boolean }>(hasMigrations);
  if (table?.found !== true) return [];
  return (await db.query<{ name: string }>(listApplied)).map((row) => row.name);
}

async function refuseNewer(client: Client, known: readonly string[]): Promise<SchemaState> {
  const state = await readSchemaState(queryable(client), known);
  refuse(state);
  return state;
}

function queryable(client: Client): Queryable {
  return {
    query: async ({ text }, values = []) => (await client.query(text, [...values])).rows,
  };
}

function refuse(state: SchemaState): void {
  if (!state.breaking) return;
  throw RivetError.of('RIVET_DATABASE_SCHEMA_NEWER', { found: state.unknown.at(-1) ?? '' });
}

async function checkServerVersion(client: Client): Promise<void> {
  const result = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  const found = Math.floor(Number(result.rows[0]?.server_version_num) / 10_000);
  if (found >= POSTGRESQL_MIN) return;
  throw RivetError.of('RIVET_DATABASE_TOO_OLD', {
    found: String(found),
    expected: String(POSTGRESQL_MIN),
  });
}

/** Migrations that this program knows, in order. */
export async function knownMigrations(directory: string = migrationsDirectory): Promise<string[]> {
  const files = (await readdir(directory)).filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file));
  return files.sort().map((file) => file.replace(/\.sql$/, ''));
}
