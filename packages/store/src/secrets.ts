// Secrets: what is known of them; their values are in secret-versions.ts, sealed.
import type { SecretProviderName } from '@rivet/protocol';
import { filterValues, type NameFilter, nameFits } from './name-filter.ts';
import { once, type Queryable, repeatable, replanned } from './statement.ts';

export interface SecretRow {
  readonly id: string;
  /** The name of its pipeline; empty: the installation's. */
  readonly scope: string;
  readonly name: string;
  readonly provider: SecretProviderName;
  /** Null for values in this database. */
  readonly reference: string | null;
  /** 0 for values that are elsewhere. */
  readonly version: number;
  readonly created_by: string;
  readonly created_at: Date;
  readonly updated_by: string;
  readonly updated_at: Date;
  readonly used_at: Date | null;
}

const COLUMNS = `s.id, s.scope, s.name, s.provider, s.reference, s.version, s.created_by,
  s.created_at, s.updated_by, s.updated_at, s.used_at`;

/** What patterns of grants are held against: `NAME`, and `pipeline/NAME` for a pipeline's own. */
const FULL_NAME = `CASE WHEN s.scope = '' THEN s.name ELSE s.scope || '/' || s.name END`;

const find = repeatable(
  'find_secret',
  `SELECT ${COLUMNS} FROM secrets s WHERE s.scope = $1 AND s.name = $2`,
);
const lock = repeatable(
  'lock_secret',
  `SELECT ${COLUMNS} FROM secrets s WHERE s.scope = $1 AND s.name = $2 FOR UPDATE`,
);

export async function findSecret(
  db: Queryable,
  scope: string,
  name: string,
): Promise<SecretRow | undefined> {
  return (await db.query<SecretRow>(find, [scope, name]))[0];
}

/** Keeps others from changing the secret until the transaction ends. */
export async function lockSecret(
  tx: Queryable,
  scope: string,
  name: string,
): Promise<SecretRow | undefined> {
  return (await tx.query<SecretRow>(lock, [scope, name]))[0];
}

const list = replanned(
  `SELECT ${COLUMNS} FROM secrets s
   WHERE (s.scope, s.name) > ($1, $2)
     AND ($3::text IS NULL OR s.scope = $3)
     -- strpos takes the text literally, LIKE would not.
     AND ($4 = '' OR strpos(lower(s.name), lower($4)) > 0)
     AND ((${nameFits(FULL_NAME, 5)}) OR (${nameFits(FULL_NAME, 7)}))
   ORDER BY s.scope, s.name LIMIT $9`,
);

/** Secrets after a scope and name: those of the installation, then by pipeline. */
export function listSecrets(
  db: Queryable,
  options: {
    after: readonly [scope: string, name: string];
    scope: string | undefined;
    search: string;
    /** Listed is what fits one of the two; undefined: everything. */
    filters: readonly [NameFilter | undefined, NameFilter | undefined];
    limit: number;
  },
): Promise<SecretRow[]> {
  const { after, scope, search, filters, limit } = options;
  return db.query(list, [
    ...after,
    scope ?? null,
    search,
    ...filterValues(filters[0]),
    ...filterValues(filters[1]),
    limit,
  ]);
}

const insert = once(
  'insert_secret',
  `INSERT INTO secrets (id, scope, name, provider, reference, version, created_by, updated_by)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
   -- Somebody may have made the name a moment ago: then there is no row, and the caller looks
   -- again.
   ON CONFLICT (scope, name) DO NOTHING`,
);

export interface NewSecret {
  readonly id: string;
  readonly scope: string;
  readonly name: string;
  readonly provider: SecretProviderName;
  readonly reference: string | null;
  readonly version: number;
  readonly by: string;
}

/** Makes a secret unless the name is taken; locks the one that is there then. */
export async function insertSecret(tx: Queryable, secret: NewSecret): Promise<SecretRow> {
  const { id, scope, name, provider, reference, version, by } = secret;
  await tx.query(insert, [id, scope, name, provider, reference, version, by]);
  const row = await lockSecret(tx, scope, name);
  // Only when it was deleted in between: the caller's transaction begins again.
  if (row === undefined) throw new Error(`the secret ${name} vanished while it was made`);
  return row;
}

const update = once(
  'update_secret',
  `UPDATE secrets SET provider = $2, reference = $3, version = $4, updated_by = $5,
     updated_at = now()
   WHERE id = $1`,
);

/** Says where the value that counts is; the caller has locked the secret. */
export async function updateSecret(
  tx: Queryable,
  change: Pick<NewSecret, 'id' | 'provider' | 'reference' | 'version' | 'by'>,
): Promise<void> {
  const { id, provider, reference, version, by } = change;
  await tx.query(update, [id, provider, reference, version, by]);
}

const remove = once('delete_secret', `DELETE FROM secrets WHERE id = $1`);

/** Deletes a secret with its versions and grants. */
export async function deleteSecret(tx: Queryable, id: string): Promise<void> {
  await tx.query(remove, [id]);
}

const markUsed = repeatable(
  'mark_secrets_used',
  `UPDATE secrets SET used_at = now()
   WHERE id = ANY($1::uuid[]) AND (used_at IS NULL OR used_at < now() - interval '1 hour')`,
);

export async function markSecretsUsed(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query(markUsed, [ids]);
}
