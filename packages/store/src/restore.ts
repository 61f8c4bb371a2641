// Puts what a backup holds into a database in which nothing is, and makes it a world of its own.
import { describeThrown, RivetError } from '@rivet/base';
import type { Client } from 'pg';
import { type BackupHeader, type BackupTable, listTables } from './backup.ts';
import { copyIn } from './copy.ts';
import type { Database } from './database.ts';
import { toDatabaseError } from './database-error.ts';
import { knownMigrations, listMigrations, migrate } from './migrator.ts';
import { replacePartitions } from './partitions.ts';

export interface RestoreSource {
  /** For messages. */
  readonly path: string;
  readonly header: BackupHeader;
  /** The rows of each table of the header, in its order; each must be read before the next. */
  tables(): AsyncIterable<{
    readonly table: BackupTable;
    readonly rows: AsyncIterable<Uint8Array>;
  }>;
}

export interface RestoreResult {
  readonly rows: number;
  /** Ids of the jobs that ran when the backup was made: their attempts count as lost. */
  readonly lost: readonly string[];
}

/** Where there is one of these, the database is somebody's. Others have rows by the migrations. */
const USED = ['users', 'setup_tokens', 'signing_keys', 'audit_log', 'pipelines', 'jobs', 'runners'];
/** Data that do not fit their column, or break a rule of the schema. */
const UNFIT = /^(22|23)/;

/**
 * Brings the schema to the version of the backup, loads all rows in one transaction, and then runs
 * the migrations that came later. Killed or failed before that transaction has ended, it has left
 * nothing but an empty schema, and may run again.
 *
 * What the backup says of running jobs, sessions of runners and of people was true in another
 * world: it gets new lease ids and sessions, so whoever has the old ones is refused.
 * @throws RIVET_BACKUP_SCHEMA_NEWER, RIVET_RESTORE_NOT_EMPTY, and what `source` throws
 */
export async function restoreAll(
  database: Database,
  source: RestoreSource,
): Promise<RestoreResult> {
  const { migrations } = source.header;
  const known = await knownMigrations();
  const unknown = migrations.find((name, n) => known[n] !== name);
  if (unknown !== undefined) {
    throw RivetError.of('RIVET_BACKUP_SCHEMA_NEWER', { migration: unknown });
  }
  const client = await database.connect();
  try {
    await client.query('SET statement_timeout = 0');
    await client.query('SET idle_in_transaction_session_timeout = 0');
    const newer = (await listMigrations(client)).find((name) => !migrations.includes(name));
    if (newer !== undefined) refuseTarget(database, `it has the migration ${newer}`);
    await migrate(database, { last: migrations.at(-1) });
    await client.query('BEGIN');
    const result = await load(database, client, source);
    await client.query('COMMIT');
    await client.query('ANALYZE');
    await migrate(database);
    return result;
  } catch (error) {
    throw toDatabaseError(error, database.address);
  } finally {
    // Ending the session undoes what was not committed.
    await client.end().catch(() => undefined);
  }
}

async function load(
  database: Database,
  client: Client,
  source: RestoreSource,
): Promise<RestoreResult> {
  const tables = await listTables(client);
  const quoted = (name: string): string => client.escapeIdentifier(name);
  const names = tables.map(({ name }) => quoted(name));
  // Nobody writes in between what is asked next and the end.
  await client.query(`LOCK TABLE ${names.join(', ')} IN ACCESS EXCLUSIVE MODE`);
  for (const { name } of tables) {
    const { rows } = await client.query(`SELECT 1 FROM ${quoted(name)} LIMIT 1`);
    if (rows.length === 0) continue;
    if (USED.includes(name)) refuseTarget(database, `its table ${name} has rows`);
    await client.query(`DELETE FROM ${quoted(name)}`);
  }
  await replacePartitions(client, source.header.partitions);
  let rows = 0;
  for await (const { table, rows: from } of source.tables()) {
    const wanted = tables.find(({ name }) => name === table.name);
    if (wanted === undefined || wanted.columns.join() !== table.columns.join()) {
      refuseBackup(source, `the table ${table.name} is not one of its schema`);
    }
    const columns = table.columns.map(quoted).join(', ');
    const sql = `COPY ${quoted(table.name)} (${columns}) FROM STDIN`;
    rows += await copyIn(client, sql, from).catch((error: unknown) => {
      const { code } = error as { code?: unknown };
      if (typeof code !== 'string' || !UNFIT.test(code)) throw error;
      return refuseBackup(source, `${table.name}: ${describeThrown(error)}`, error);
    });
  }
  return { rows, lost: await beginAnew(client) };
}

/** Refuses what the world of before still sends; gives the ids of the jobs that ran in it. */
async function beginAnew(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ job_id: string }>(
    `UPDATE running_attempts SET lease_id = gen_random_uuid(), request_id = gen_random_uuid(),
       lease_until = now() RETURNING job_id`,
  );
  await client.query('UPDATE runners SET session = gen_random_uuid()');
  await client.query(
    `UPDATE sessions SET ended_at = now(), end_reason = 'restored' WHERE ended_at IS NULL`,
  );
  // What was revoked after the backup would be believed again for as long as it is valid.
  await client.query('UPDATE users SET token_version = token_version + 1');
  return rows.map(({ job_id }) => job_id).sort();
}

function refuseTarget({ address }: Database, reason: string): never {
  throw RivetError.of('RIVET_RESTORE_NOT_EMPTY', { database: address, reason });
}

function refuseBackup({ path }: RestoreSource, reason: string, cause?: unknown): never {
  throw RivetError.of('RIVET_BACKUP_DAMAGED', { path, reason }, cause);
}
