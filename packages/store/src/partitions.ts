// The partitions of history: which there are, making one, and dropping one with all that it holds.
import type { Client } from 'pg';
import type { Database } from './database.ts';
import { toDatabaseError } from './database-error.ts';

/** The tables that hold a part of every job, `jobs` first: without its row there is no job. */
const TABLES = [
  { name: 'jobs', key: 'id', fillFactor: 70 },
  { name: 'job_attempts', key: 'job_id', fillFactor: 100 },
  { name: 'job_stages', key: 'job_id', fillFactor: 80 },
  { name: 'job_outputs', key: 'job_id', fillFactor: 100 },
  { name: 'job_logs', key: 'job_id', fillFactor: 100 },
  { name: 'job_secret_inputs', key: 'job_id', fillFactor: 100 },
] as const;

type Table = (typeof TABLES)[number];

/** The tables that a partition has one of each, `jobs` first. */
export const historyTables: readonly string[] = TABLES.map(({ name }) => name);

/** The jobs that were launched from one time until another. */
export interface PartitionBounds {
  /** What its tables are named by: `initial`, or the day on which it begins as `20261123`. */
  readonly name: string;
  /** Milliseconds since 1970; absent: everything before `toMs`. */
  readonly fromMs?: number | undefined;
  readonly toMs: number;
}

export interface Partition extends PartitionBounds {
  /** Those of the tables that have it; fewer when a program ended half-way. */
  readonly tables: readonly string[];
}

/** Statements of a partition wait so long for others, and others for them, in milliseconds. */
const LOCK_MS = 50;

/** The calendar of partitions ends here: what is later stays with what fits no partition. */
const LAST_MS = Date.UTC(9999, 0);

/** What a drop of a partition came to: of what is kept, how many jobs keep it, and why. */
export type DropResult =
  | 'dropped'
  | 'busy'
  | { readonly unfinished: number; readonly recent: number };

/** The time by the clock of the database, in milliseconds since 1970. */
export function databaseTime(database: Database): Promise<number> {
  return connected(database, async (client) => {
    const sql = 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms';
    const { rows } = await client.query<{ ms: number }>(sql);
    return rows[0]?.ms ?? 0;
  });
}

/** All partitions but the one for what fits no other, oldest first. */
export function listPartitions(database: Database): Promise<Partition[]> {
  return connected(database, readPartitions);
}

/** The time of the oldest job that fits no partition, in milliseconds; undefined without one. */
export function findUnfitting(database: Database): Promise<number | undefined> {
  return connected(database, async (client) => {
    const oldest = TABLES.map(
      ({ name, key }) =>
        `(SELECT ${key} FROM ${name}_default WHERE ${key} < '${firstIdOf(LAST_MS)}'
          ORDER BY ${key} LIMIT 1)`,
    );
    const sql = `SELECT least(${oldest.join(', ')}) AS id`;
    const { rows } = await client.query<{ id: string | null }>(sql);
    const id = rows[0]?.id ?? undefined;
    return id === undefined ? undefined : timeOf(id);
  });
}

/**
 * Makes a partition in each table that lacks it, and moves there what the one for the rest has of
 * it; each table in a transaction of its own. False when others kept a table busy: it is not done,
 * and may be tried again.
 */
export function addPartition(
  database: Database,
  partition: { readonly name: string; readonly fromMs: number; readonly toMs: number },
): Promise<boolean> {
  return connected(database, async (client) => {
    const known = (await readPartitions(client)).find(({ name }) => name === partition.name);
    for (const table of TABLES) {
      if (known?.tables.includes(table.name) === true) continue;
      if (!(await unlessBusy(client, () => add(client, table, partition)))) return false;
    }
    return true;
  });
}

/**
 * Drops a partition with all its jobs, unless one of them has not ended or was launched after
 * `beforeMs`: an orchestrator whose clock is behind gives ids of long ago. What others want of
 * these tables meanwhile waits for LOCK_MS at most. Idempotency keys of the jobs are forgotten.
 */
export function dropPartition(
  database: Database,
  partition: Partition,
  beforeMs: number,
): Promise<DropResult> {
  return connected(database, async (client) => {
    await client.query('SET statement_timeout = 0');
    if (partition.tables.includes('jobs')) {
      // No job comes to life again, so this may be asked without a lock, and takes a while.
      const table = `jobs_${checked(partition.name)}`;
      const sql = `SELECT count(*) FILTER (WHERE finished_at IS NULL)::int AS unfinished,
          count(*) FILTER (WHERE created_at >= $1)::int AS recent
        FROM ${table} WHERE finished_at IS NULL OR created_at >= $1`;
      const { rows } = await client.query<{ unfinished: number; recent: number }>(sql, [
        new Date(beforeMs),
      ]);
      const [kept] = rows;
      if (kept !== undefined && kept.unfinished + kept.recent > 0) return kept;
      const forget = 'DELETE FROM idempotency_keys WHERE job_id >= $1 AND job_id < $2';
      await client.query(forget, boundsOf(partition));
    }
    for (const table of TABLES) {
      if (!partition.tables.includes(table.name)) continue;
      let unfinished = 0;
      const done = await unlessBusy(client, async () => {
        unfinished = await drop(client, table, partition);
      });
      if (unfinished > 0) return { unfinished, recent: 0 };
      if (!done) return 'busy';
    }
    return 'dropped';
  });
}

/**
 * Replaces all partitions but the one for the rest, which must be empty, by others: in the
 * transaction that is open.
 */
export async function replacePartitions(
  client: Client,
  partitions: readonly PartitionBounds[],
): Promise<void> {
  for (const { name, tables } of await readPartitions(client)) {
    for (const table of tables) await client.query(`DROP TABLE ${table}_${checked(name)}`);
  }
  for (const partition of partitions) {
    for (const table of TABLES) await add(client, table, partition);
  }
}

/** As `listPartitions`, on a connection that is there. */
export async function readPartitions(client: Client): Promise<Partition[]> {
  const sql = `SELECT parent.relname AS parent,
      substr(part.relname, length(parent.relname) + 2) AS name,
      substring(pg_get_expr(part.relpartbound, part.oid)
        FROM 'FROM \\(''([0-9a-f-]{36})''') AS first,
      substring(pg_get_expr(part.relpartbound, part.oid) FROM 'TO \\(''([0-9a-f-]{36})''') AS last
    FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
    JOIN pg_class parent ON parent.oid = inhparent
    WHERE parent.relname = ANY ($1) AND parent.relnamespace = 'public'::regnamespace
      AND parent.relkind = 'p' AND pg_get_expr(part.relpartbound, part.oid) <> 'DEFAULT'`;
  const { rows } = await client.query<{
    parent: string;
    name: string;
    first: string | null;
    last: string;
  }>(sql, [historyTables]);
  const named = Map.groupBy(rows, ({ name }) => name);
  const partitions = [...named].flatMap(([name, [row, ...more]]) =>
    row === undefined
      ? []
      : {
          name,
          fromMs: row.first === null ? undefined : timeOf(row.first),
          toMs: timeOf(row.last),
          tables: [row, ...more].map(({ parent }) => parent),
        },
  );
  return partitions.sort((a, b) => a.toMs - b.toMs);
}

async function add(client: Client, table: Table, partition: PartitionBounds): Promise<void> {
  const { name, key, fillFactor } = table;
  const part = `${name}_${checked(partition.name)}`;
  const [from, to] = boundsOf(partition);
  // Others who make it wait here, and find it.
  await client.query(`LOCK TABLE ONLY ${name} IN SHARE UPDATE EXCLUSIVE MODE`);
  const found = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [part]);
  if (found.rows[0]?.there === true) return;
  await client.query(
    `CREATE TABLE ${part} (LIKE ${name} INCLUDING ALL) WITH (fillfactor = ${fillFactor})`,
  );
  const range = `${key} >= '${from}' AND ${key} < '${to}'`;
  const { rows } = await client.query(`SELECT 1 FROM ${name}_default WHERE ${range} LIMIT 1`);
  if (rows.length > 0) {
    // Of all of them together: a statement that already knows the partitions, and only waits for
    // the one that is emptied here, would look for its rows in neither place.
    await client.query(`LOCK TABLE ONLY ${name}, ${name}_default IN ACCESS EXCLUSIVE MODE`);
    const columns = await storedColumns(client, name);
    await client.query(`INSERT INTO ${part} (${columns})
      SELECT ${columns} FROM ${name}_default WHERE ${range}`);
    await client.query(`DELETE FROM ${name}_default WHERE ${range}`);
  }
  await client.query(
    `ALTER TABLE ${name} ATTACH PARTITION ${part} FOR VALUES FROM ('${from}') TO ('${to}')`,
  );
}

/** Detaches and drops; the unfinished jobs because of which it did not. */
async function drop(client: Client, { name }: Table, partition: Partition): Promise<number> {
  const part = `${name}_${checked(partition.name)}`;
  await client.query(`ALTER TABLE ${name} DETACH PARTITION ${part}`);
  if (name === 'jobs') {
    const unfinished = `SELECT count(*)::int AS count FROM (
      SELECT job_id FROM job_queue UNION ALL SELECT job_id FROM running_attempts) u
      WHERE job_id >= $1 AND job_id < $2`;
    const { rows } = await client.query<{ count: number }>(unfinished, boundsOf(partition));
    const count = rows[0]?.count ?? 0;
    if (count > 0) {
      await client.query('ROLLBACK');
      return count;
    }
  }
  await client.query(`DROP TABLE ${part}`);
  return 0;
}

/** In a transaction that gives up when it would have to wait; whether it did not. */
async function unlessBusy(client: Client, work: () => Promise<void>): Promise<boolean> {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_MS}`);
    await work();
    await client.query('COMMIT');
    return true;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    const { code } = error as { code?: unknown };
    // It waited too long for a lock, or in a circle.
    if (code === '55P03' || code === '40P01') return false;
    throw error;
  }
}

/** Those that are not computed. */
async function storedColumns(client: Client, table: string): Promise<string> {
  const { rows } = await client.query<{ names: string }>(
    `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS names FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    [table],
  );
  return rows[0]?.names ?? '';
}

async function connected<T>(database: Database, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await database.connect();
  try {
    return await work(client);
  } catch (error) {
    throw toDatabaseError(error, database.address);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Names become part of statements. */
function checked(name: string): string {
  if (!/^(initial|\d{8,12})$/.test(name)) throw new Error(`not the name of a partition: ${name}`);
  return name;
}

function boundsOf({ fromMs, toMs }: { fromMs?: number | undefined; toMs: number }): string[] {
  return [firstIdOf(fromMs ?? 0), firstIdOf(toMs)];
}

/** The smallest id of a job that was launched at this time: ids begin with it. */
function firstIdOf(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}
