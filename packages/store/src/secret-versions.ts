// The values of secrets, sealed, and those that a job may have.
import type { LaunchEvent } from '@rivet/protocol';
import type { SealedColumns } from './sealed-rows.ts';
import type { SecretRow } from './secrets.ts';
import { once, type Queryable, repeatable } from './statement.ts';

export interface SecretVersionRow {
  readonly version: number;
  readonly restored_from: number | null;
  readonly created_by: string;
  readonly created_at: Date;
}

const insert = once(
  'insert_secret_version',
  `INSERT INTO secret_versions
     (secret_id, version, master_key_id, wrapped_key, box, restored_from, created_by)
   VALUES ($1, $2, $3, $4, $5, $6, $7)`,
);
const prune = once(
  'prune_secret_versions',
  `DELETE FROM secret_versions WHERE secret_id = $1 AND version <= $2`,
);

/** Adds a version, and forgets those that are more than `keep` old. */
export async function insertSecretVersion(
  tx: Queryable,
  secretId: string,
  added: {
    readonly version: number;
    readonly sealed: SealedColumns;
    readonly restoredFrom: number | null;
    readonly by: string;
    readonly keep: number;
  },
): Promise<void> {
  const { version, sealed, restoredFrom, by, keep } = added;
  const { master_key_id, wrapped_key, box } = sealed;
  const columns = [master_key_id, wrapped_key, box, restoredFrom, by];
  await tx.query(insert, [secretId, version, ...columns]);
  await tx.query(prune, [secretId, version - keep]);
}

const newest = repeatable(
  'newest_secret_version',
  `SELECT COALESCE(max(version), 0) AS version FROM secret_versions WHERE secret_id = $1`,
);

/** The number of the newest version, 0 when there is none. */
export async function newestSecretVersion(db: Queryable, secretId: string): Promise<number> {
  return (await db.query<{ version: number }>(newest, [secretId]))[0]?.version ?? 0;
}

const list = repeatable(
  'list_secret_versions',
  `SELECT version, restored_from, created_by, created_at FROM secret_versions
   WHERE secret_id = $1 ORDER BY version DESC`,
);

/** The versions that are kept, newest first. */
export function listSecretVersions(db: Queryable, secretId: string): Promise<SecretVersionRow[]> {
  return db.query(list, [secretId]);
}

const read = repeatable(
  'read_secret_version',
  `SELECT master_key_id, wrapped_key, box FROM secret_versions
   WHERE secret_id = $1 AND version = $2`,
);

export async function readSecretVersion(
  db: Queryable,
  secretId: string,
  version: number,
): Promise<SealedColumns | undefined> {
  return (await db.query<SealedColumns>(read, [secretId, version]))[0];
}

/** A secret as a job meets it: with its sealed value where that is in the database. */
export interface JobSecretRow
  extends Pick<SecretRow, 'id' | 'scope' | 'name' | 'provider' | 'reference' | 'version'>,
    Partial<{ readonly [Column in keyof SealedColumns]: SealedColumns[Column] | null }> {
  /** The events for which it is granted to the pipeline; empty: not to this pipeline at all. */
  readonly events: LaunchEvent[];
}

const findForJob = repeatable(
  'find_job_secrets',
  `SELECT DISTINCT ON (s.name) s.id, s.scope, s.name, s.provider, s.reference, s.version,
     v.master_key_id, v.wrapped_key, v.box,
     (SELECT COALESCE(array_agg(DISTINCT e), '{}') FROM secret_grants g, unnest(g.events) AS e
      WHERE g.secret_id = s.id
        -- "*" stands for any text; what LIKE would take for more than itself is escaped.
        AND $1 LIKE replace(regexp_replace(g.pipelines, '([\\\\%_])', '\\\\\\1', 'g'), '*', '%')
     ) AS events
   FROM secrets s
   LEFT JOIN secret_versions v ON v.secret_id = s.id AND v.version = s.version
   WHERE s.scope IN ('', $1) AND s.name = ANY($2)
   -- The pipeline's own hides the installation's, also when it is not granted.
   ORDER BY s.name, s.scope = ''`,
);

/** The secrets that these names mean in a pipeline, granted or not. */
export function findJobSecrets(
  db: Queryable,
  pipeline: string,
  names: readonly string[],
): Promise<JobSecretRow[]> {
  return db.query(findForJob, [pipeline, names]);
}
