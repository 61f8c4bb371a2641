// Secrets of the database as the API says them: everything but the value.
import type { Secret, SecretVersion } from '@rivet/protocol';
import {
  listSecretGrants,
  type Queryable,
  type SecretGrantRow,
  type SecretRow,
  type SecretVersionRow,
} from '@rivet/store';

/** The secrets with their grants. */
export async function presentSecrets(db: Queryable, rows: readonly SecretRow[]): Promise<Secret[]> {
  const ids = rows.map(({ id }) => id);
  const grants = ids.length === 0 ? [] : await listSecretGrants(db, ids);
  return rows.map((row) =>
    present(
      row,
      grants.filter((grant) => grant.secret_id === row.id),
    ),
  );
}

export async function presentSecret(db: Queryable, row: SecretRow): Promise<Secret> {
  return present(row, await listSecretGrants(db, [row.id]));
}

function present(row: SecretRow, grants: readonly SecretGrantRow[]): Secret {
  return {
    name: row.name,
    pipeline: row.scope === '' ? null : row.scope,
    provider: row.provider,
    reference: row.reference,
    version: row.version === 0 ? null : row.version,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
    updated_by: row.updated_by,
    updated_at: row.updated_at.toISOString(),
    used_at: row.used_at?.toISOString() ?? null,
    grants: grants.map(({ pipelines, events, created_by, created_at }) => ({
      pipelines,
      events,
      created_by,
      created_at: created_at.toISOString(),
    })),
  };
}

export function presentSecretVersion(row: SecretVersionRow, current: number): SecretVersion {
  return {
    version: row.version,
    current: row.version === current,
    restored_from: row.restored_from,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
  };
}
