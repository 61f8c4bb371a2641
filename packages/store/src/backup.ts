// Everything that is in the database, as it was at one moment: for a backup.
import type { Client } from 'pg';
import { copyOut } from './copy.ts';
import type { Database } from './database.ts';
import { toDatabaseError } from './database-error.ts';
import { checkSchema, listMigrations } from './migrator.ts';
import { type PartitionBounds, readPartitions } from './partitions.ts';

export interface BackupTable {
  readonly name: string;
  /** Those that are stored, in the order of the rows. */
  readonly columns: readonly string[];
}

/** What must be known before the rows can be used. */
export interface BackupHeader {
  /** Those that the schema had, in order. */
  readonly migrations: readonly string[];
  /** The database's time at that moment, as ISO 8601. */
  readonly takenAt: string;
  readonly partitions: readonly PartitionBounds[];
  /** Each after those that it refers to. */
  readonly tables: readonly BackupTable[];
}

/** Is told what is in the database; while it is busy the database waits. */
export interface BackupVisitor {
  header(header: BackupHeader): Promise<void>;
  /** @param rows in PostgreSQL's text format, cut anywhere; all of it must be read */
  table(table: BackupTable, rows: AsyncIterable<Buffer>): Promise<void>;
}

/** Made by the migrations, and again where the backup is restored. */
const MADE_BY_MIGRATIONS = ['rivet_migrations', 'schema_compatibility'];

/**
 * Reads all tables in one snapshot; others go on working.
 * @throws RIVET_DATABASE_SCHEMA_OLDER, RIVET_DATABASE_SCHEMA_NEWER
 */
export async function readAll(database: Database, visitor: BackupVisitor): Promise<void> {
  await checkSchema(database);
  const client = await database.connect();
  try {
    await client.query('SET statement_timeout = 0');
    await client.query('SET idle_in_transaction_session_timeout = 0');
    const tables = await listTables(client);
    const names = tables.map(({ name }) => client.escapeIdentifier(name)).join(', ');
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // Before the snapshot, which the next statement takes: no partition goes away while it is read.
    await client.query(`LOCK TABLE ${names} IN ACCESS SHARE MODE`);
    await visitor.header(await readHeader(client, tables));
    for (const table of tables) {
      const rows = copyOut(client, `COPY (${selectAll(client, table)}) TO STDOUT`);
      try {
        await visitor.table(table, rows);
      } finally {
        rows.destroy();
      }
    }
    await client.query('COMMIT');
  } catch (error) {
    throw toDatabaseError(error, database.address);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The tables that hold what people and jobs made, each after those that it refers to. */
export async function listTables(client: Client): Promise<BackupTable[]> {
  const { rows } = await client.query<{ name: string; columns: string[]; needs: string[] }>(
    `SELECT c.relname AS name,
       (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
          AND attgenerated = '') AS columns,
       ARRAY(SELECT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid) AS needs
     FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
       AND NOT c.relispartition AND NOT c.relname = ANY ($1)
     ORDER BY c.relname`,
    [MADE_BY_MIGRATIONS],
  );
  const tables: BackupTable[] = [];
  let waiting = rows;
  while (waiting.length > 0) {
    const open = new Set(waiting.map(({ name }) => name));
    const ready = waiting.filter(({ needs }) => !needs.some((need) => open.has(need)));
    if (ready.length === 0) throw new Error(`tables refer to each other: ${[...open].join(', ')}`);
    tables.push(...ready.map(({ name, columns }) => ({ name, columns })));
    waiting = waiting.filter((row) => !ready.includes(row));
  }
  return tables;
}

async function readHeader(client: Client, tables: readonly BackupTable[]): Promise<BackupHeader> {
  const { rows } = await client.query<{ at: Date }>('SELECT now() AS at');
  return {
    migrations: await listMigrations(client),
    takenAt: (rows[0]?.at ?? new Date()).toISOString(),
    partitions: (await readPartitions(client)).map(({ name, fromMs, toMs }) => ({
      name,
      ...(fromMs !== undefined && { fromMs }),
      toMs,
    })),
    tables,
  };
}

function selectAll(client: Client, { name, columns }: BackupTable): string {
  const list = columns.map((column) => client.escapeIdentifier(column)).join(', ');
  return `SELECT ${list} FROM ${client.escapeIdentifier(name)}`;
}
