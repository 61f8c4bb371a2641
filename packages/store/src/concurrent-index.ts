// Makes an index without keeping writers out, on a table or on a table and all of its partitions.
import { RivetError } from '@rivet/base';
import type { Client } from 'pg';

/** What a migration that makes an index says. */
export interface ConcurrentIndex {
  readonly unique: boolean;
  readonly name: string;
  readonly table: string;
  /** Columns and what follows. */
  readonly rest: string;
}

/** PostgreSQL cuts longer names, and would then find another index by the same one. */
const NAME_LENGTH_MAX = 63;
const STATEMENT =
  /^CREATE (UNIQUE )?INDEX CONCURRENTLY ([a-z_][a-z0-9_]*)\s+ON ([a-z_][a-z0-9_]*)\s+(\([^;]+);$/;

/**
 * What the text of a migration says where it makes an index `CONCURRENTLY`; undefined where it does
 * not.
 * @throws RIVET_INTERNAL where there is anything besides: that could not be undone
 */
export function parseConcurrentIndex(sql: string): ConcurrentIndex | undefined {
  const text = sql.replaceAll(/--.*$/gm, '').trim();
  if (!/\bCONCURRENTLY\b/i.test(text)) return undefined;
  const [, unique, name, table, rest] = STATEMENT.exec(text) ?? [];
  if (name === undefined || table === undefined || rest === undefined) {
    const expected = 'CREATE [UNIQUE] INDEX CONCURRENTLY name ON table (…) and nothing besides';
    throw RivetError.of('RIVET_INTERNAL', { reason: `a migration is not ${expected}` });
  }
  return { unique: unique !== undefined, name, table, rest };
}

/**
 * Makes the index and notes it with `note`, a statement that is given `migration`. May be called
 * again after any failure or crash: what is whole is kept, what broke half-way is made anew.
 */
export async function makeIndex(
  client: Client,
  index: ConcurrentIndex,
  note: string,
  migration: string,
): Promise<void> {
  const { rows } = await client.query<{ partitioned: boolean }>(
    `SELECT relkind = 'p' AS partitioned FROM pg_class WHERE oid = to_regclass($1)`,
    [index.table],
  );
  if (rows[0]?.partitioned === true) await makeOfPartitions(client, index);
  else await makeOne(client, index);
  await client.query(note, [migration]);
}

/** Partitions that are made meanwhile get theirs by themselves. */
async function makeOfPartitions(client: Client, index: ConcurrentIndex): Promise<void> {
  const { name, table } = index;
  await client.query(`${create(index)} IF NOT EXISTS ${name} ON ONLY ${table} ${index.rest}`);
  const { rows } = await client.query<{ partition: string }>(
    `SELECT c.relname AS partition FROM pg_inherits p JOIN pg_class c ON c.oid = p.inhrelid
     WHERE p.inhparent = to_regclass($1) AND NOT EXISTS (
       SELECT FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid
       WHERE i.inhparent = to_regclass($2) AND x.indrelid = c.oid)
     ORDER BY c.relname`,
    [table, name],
  );
  for (const { partition } of rows) {
    const own = `${partition}_${name.replace(`${table}_`, '')}`.slice(0, NAME_LENGTH_MAX);
    await makeOne(client, { ...index, name: own, table: partition });
    await client.query(`ALTER INDEX ${name} ATTACH PARTITION ${own}`);
  }
}

async function makeOne(client: Client, index: ConcurrentIndex): Promise<void> {
  const { name, table, rest } = index;
  const { rows } = await client.query<{ valid: boolean }>(
    'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  );
  if (rows[0]?.valid === true) return;
  // It waits until transactions of before have ended, and nobody waits for it.
  const { rows: before } = await client.query<{ lock_timeout: string }>('SHOW lock_timeout');
  await client.query('SET lock_timeout = 0');
  // What broke half-way costs every write, and serves no query.
  if (rows[0]?.valid === false) await client.query(`DROP INDEX CONCURRENTLY ${name}`);
  await client.query(`${create(index)} CONCURRENTLY ${name} ON ${table} ${rest}`);
  await client.query(`SET lock_timeout = '${before[0]?.lock_timeout ?? 0}'`);
}

function create({ unique }: ConcurrentIndex): string {
  return unique ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX';
}
