// Which pipelines secrets are given to, and for which events.
import type { LaunchEvent } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

export interface SecretGrantRow {
  readonly secret_id: string;
  /** Of the names of pipelines; `*` stands for any text. */
  readonly pipelines: string;
  readonly events: LaunchEvent[];
  readonly created_by: string;
  readonly created_at: Date;
}

const list = repeatable(
  'list_secret_grants',
  `SELECT secret_id, pipelines, events, created_by, created_at FROM secret_grants
   WHERE secret_id = ANY($1::uuid[]) ORDER BY secret_id, pipelines`,
);

/** The grants of several secrets. */
export function listSecretGrants(
  db: Queryable,
  secretIds: readonly string[],
): Promise<SecretGrantRow[]> {
  return db.query(list, [secretIds]);
}

const put = once(
  'put_secret_grant',
  `INSERT INTO secret_grants (secret_id, pipelines, events, created_by) VALUES ($1, $2, $3, $4)
   ON CONFLICT (secret_id, pipelines) DO UPDATE
     SET events = EXCLUDED.events, created_by = EXCLUDED.created_by, created_at = now()
     -- The same again changes nothing.
     WHERE secret_grants.events <> EXCLUDED.events`,
);

/** Makes a grant, or gives the one of this pattern its new events. */
export async function putSecretGrant(
  tx: Queryable,
  grant: { secretId: string; pipelines: string; events: readonly LaunchEvent[]; by: string },
): Promise<void> {
  await tx.query(put, [grant.secretId, grant.pipelines, grant.events, grant.by]);
}

const remove = once(
  'delete_secret_grant',
  `DELETE FROM secret_grants WHERE secret_id = $1 AND pipelines = $2 RETURNING pipelines`,
);

/** Whether there was a grant of this pattern. */
export async function deleteSecretGrant(
  tx: Queryable,
  secretId: string,
  pipelines: string,
): Promise<boolean> {
  return (await tx.query(remove, [secretId, pipelines])).length > 0;
}
