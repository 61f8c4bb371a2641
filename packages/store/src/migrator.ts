// Brings the schema to the version that this program knows, and refuses one that it does not.
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describeThrown, RivetError } from '@rivet/base';
import type { Client } from 'pg';
import type { Database } from './database.ts';
import { toDatabaseError } from './database-error.ts';
import { type Queryable, repeatable } from './statement.ts';

/** The migrations of this program. */
export const migrationsDirectory = resolve(import.meta.dirname, '../../../migrations');

/** Orchestrators that start together wait for each other at this advisory lock. */
const LOCK_KEY = 727_481_001;
const POSTGRESQL_MIN = 14;

interface SchemaState {
  /** Migrations of this program that the database lacks, in order. */
  readonly missing: readonly string[];
  /** Migrations of the database that this program does not know, in order. */
  readonly unknown: readonly string[];
  /** Whether one of the unknown ones forbids this program to work. */
  readonly breaking: boolean;
}

/**
 * Runs the migrations that are missing, each in a transaction of its own; returns their names.
 * @param last stop after this one; absent: run all
 * @throws RIVET_DATABASE_SCHEMA_NEWER, RIVET_DATABASE_TOO_OLD, RIVET_DATABASE_MIGRATION_FAILED
 */
export async function migrate(
  database: Database,
  directory: string = migrationsDirectory,
  last?: string,
): Promise<string[]> {
  const client = await database.connect();
  try {
    await checkServerVersion(client);
    await client.query('SET statement_timeout = 0');
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    const known = await knownMigrations(directory);
    const { missing } = await refuseNewer(client, known);
    const wanted = missing.filter((name) => last === undefined || name <= last);
    return wanted.length === 0 ? [] : await runMissing(client, directory, wanted.length);
  } catch (error) {
    throw toDatabaseError(error, database.address);
  } finally {
    // Ending the session gives the lock back.
    await client.end().catch(() => undefined);
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

async function runMissing(client: Client, directory: string, count: number): Promise<string[]> {
  // Only this function needs it, and it takes a while to load.
  const { runner } = await import('node-pg-migrate');
  let last = '';
  const note = (message: string): void => {
    last = /### MIGRATION (\S+)/.exec(message)?.[1] ?? last;
  };
  try {
    const ran = await runner({
      dbClient: client,
      dir: join(directory),
      ignorePattern: '(?!\\d{4}_.*\\.sql$).*',
      direction: 'up',
      count,
      migrationsTable: 'rivet_migrations',
      singleTransaction: false,
      // A newer, compatible program may have run migrations that come after ours.
      checkOrder: false,
      noLock: true,
      logger: { debug: note, info: note, warn: note, error: note },
    });
    return ran.map(({ name }) => name);
  } catch (error) {
    const reason = describeThrown(error);
    throw RivetError.of('RIVET_DATABASE_MIGRATION_FAILED', { name: last, reason }, error);
  }
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
