// Sealed values in tables: their columns, and finding those whose keys are to be wrapped anew.
import { once, type Queryable, repeatable } from './statement.ts';

/** The three columns of a sealed value, the same in every table that has some. */
export interface SealedColumns {
  readonly master_key_id: string;
  readonly wrapped_key: Buffer;
  readonly box: Buffer;
}

/** Every table with these columns; a test holds the list against the schema. */
export const sealedTables = [
  'installation',
  'signing_keys',
  'secret_versions',
  'job_secret_inputs',
] as const;

export type SealedTable = (typeof sealedTables)[number];

export interface WrappedKeyRow {
  /** Where the row is; a hint, not an identity. */
  readonly place: string;
  readonly master_key_id: string;
  readonly wrapped_key: Buffer;
}

/**
 * Up to `limit` rows whose keys are wrapped by another master key than `keyId`, after a place.
 */
export function listOtherWrappedKeys(
  db: Queryable,
  table: SealedTable,
  options: { keyId: string; after: string; limit: number },
): Promise<WrappedKeyRow[]> {
  const statement = repeatable(
    `other_wrapped_keys_${table}`,
    `SELECT ctid::text AS place, master_key_id, wrapped_key FROM ${table}
     WHERE master_key_id <> $1 AND ctid > $2::tid ORDER BY ctid LIMIT $3`,
  );
  return db.query(statement, [options.keyId, options.after, options.limit]);
}

/**
 * Puts wrapped keys in place of those of the rows; what was changed or removed meanwhile stays as
 * it is.
 */
export async function replaceWrappedKeys(
  db: Queryable,
  table: SealedTable,
  keyId: string,
  rows: readonly (WrappedKeyRow & { readonly fresh: Buffer })[],
): Promise<void> {
  const statement = once(
    `replace_wrapped_keys_${table}`,
    // A wrapped key is like no other, so a place that another row has taken is not mistaken.
    `UPDATE ${table} t SET master_key_id = $1, wrapped_key = r.fresh
     FROM unnest($2::tid[], $3::bytea[], $4::bytea[]) AS r (place, wrapped_key, fresh)
     WHERE t.ctid = r.place AND t.wrapped_key = r.wrapped_key`,
  );
  await db.query(statement, [
    keyId,
    rows.map(({ place }) => place),
    rows.map((row) => row.wrapped_key),
    rows.map(({ fresh }) => fresh),
  ]);
}

const countByKey = repeatable(
  'count_sealed_by_key',
  `SELECT master_key_id AS key_id, sum(count)::int AS count FROM (
     ${sealedTables
       .map((table) => `SELECT master_key_id, count(*) AS count FROM ${table} GROUP BY 1`)
       .join(' UNION ALL ')}
   ) AS counts WHERE master_key_id IS NOT NULL GROUP BY 1 ORDER BY 1`,
);

/** How many sealed values each master key holds. */
export function countSealedByKey(db: Queryable): Promise<{ key_id: string; count: number }[]> {
  return db.query(countByKey);
}

const readRoot = repeatable(
  'read_installation_root',
  `SELECT id, master_key_id, wrapped_key, box FROM installation`,
);

/** The installation's id, and its root once there is one. */
export async function readInstallationRoot(
  db: Queryable,
): Promise<{ id: string; sealed: SealedColumns | undefined }> {
  const [row] = await db.query<{ id: string } & Partial<SealedColumns>>(readRoot);
  const { id = '', master_key_id, wrapped_key, box } = row ?? {};
  if (!master_key_id || !wrapped_key || !box) return { id, sealed: undefined };
  return { id, sealed: { master_key_id, wrapped_key, box } };
}

const insertRoot = repeatable(
  'insert_installation_root',
  `UPDATE installation SET master_key_id = $1, wrapped_key = $2, box = $3
   -- Two orchestrators may start for the first time together: the first one wins.
   WHERE master_key_id IS NULL RETURNING id`,
);

/** Stores the root unless there is one; whether it did. */
export async function insertInstallationRoot(
  tx: Queryable,
  sealed: SealedColumns,
): Promise<boolean> {
  const values = [sealed.master_key_id, sealed.wrapped_key, sealed.box];
  return (await tx.query(insertRoot, values)).length > 0;
}
