// API keys: what programs sign in with, each in the name of a user.
import type { AccessPermission, Role } from '@rivet/protocol';
import { type GrantRow, grantsOf } from './grants.ts';
import { idRange } from './id-range.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** Who holds a valid key, and what that user was granted. */
export interface ApiKeyHolderRow {
  readonly api_key_id: string;
  readonly permissions: AccessPermission[] | null;
  readonly pipelines: string[] | null;
  readonly user_id: string;
  readonly name: string;
  readonly role: Role;
  readonly grants: GrantRow[];
  /** Whether it was noted as used within the last minute. */
  readonly used_lately: boolean;
}

const insert = once(
  'insert_api_key',
  `INSERT INTO api_keys (id, user_id, name, hash, prefix, permissions, pipelines, expires_at,
     parent_id)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
);

/** Stores a new key by its hash. */
export async function insertApiKey(
  tx: Queryable,
  key: {
    id: string;
    userId: string;
    name: string;
    /** SHA-256 of the whole key. */
    hash: Buffer;
    prefix: string;
    permissions: readonly string[] | null;
    pipelines: readonly string[] | null;
    expiresAt: Date | null;
    /** The key that makes it, with which it ends. */
    parentId?: string;
  },
): Promise<void> {
  const { id, userId, name, hash, prefix, permissions, pipelines, expiresAt } = key;
  const values = [id, userId, name, hash, prefix, permissions, pipelines, expiresAt];
  await tx.query(insert, [...values, key.parentId ?? null]);
}

const holder = repeatable(
  'api_key_holder',
  `SELECT k.id AS api_key_id, k.permissions, k.pipelines, u.id AS user_id, u.name, u.role,
     ${grantsOf('u.id')} AS grants,
     COALESCE(k.last_used_at > now() - interval '1 minute', false) AS used_lately
   FROM api_keys k JOIN users u ON u.id = k.user_id
   WHERE k.hash = $1 AND k.revoked_at IS NULL AND u.disabled_at IS NULL
     AND (k.expires_at IS NULL OR k.expires_at > now())`,
);

/** Whoever the key with this hash stands for; undefined when it is unknown or not valid now. */
export async function findApiKeyHolder(
  db: Queryable,
  hash: Buffer,
): Promise<ApiKeyHolderRow | undefined> {
  return (await db.query<ApiKeyHolderRow>(holder, [hash]))[0];
}

const touch = repeatable(
  'touch_api_key',
  // Not with every request: one write a minute tells as much.
  `UPDATE api_keys SET last_used_at = now()
   WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
);

/** Notes that a key was used. */
export async function touchApiKey(db: Queryable, id: string): Promise<void> {
  await db.query(touch, [id]);
}

/** A key as people are shown it. */
export interface ApiKeyRow {
  readonly id: string;
  readonly user_id: string;
  readonly user_name: string;
  readonly name: string;
  readonly prefix: string;
  readonly permissions: AccessPermission[] | null;
  readonly pipelines: string[] | null;
  readonly expired: boolean;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
}

/** Which keys somebody may look at and revoke; null: no matter. */
export interface ApiKeyScope {
  readonly userId: string | null;
  /** Only this one and those that were made with it. */
  readonly apiKeyId: string | null;
}

const COLUMNS = `k.id, k.user_id, u.name AS user_name, k.name, k.prefix, k.permissions, k.pipelines,
  COALESCE(k.expires_at <= now(), false) AS expired, k.created_at, k.expires_at, k.last_used_at`;
const FROM = 'FROM api_keys k JOIN users u ON u.id = k.user_id';
/** SQL for the ids of the key in the parameter `at` and of all that were made with it. */
const familyOf = (at: string) => `(WITH RECURSIVE family AS (
     SELECT id FROM api_keys WHERE id = ${at}
     UNION SELECT child.id FROM api_keys child JOIN family ON child.parent_id = family.id)
   SELECT id FROM family)`;
const inScope = (first: number) =>
  `($${first}::uuid IS NULL OR k.user_id = $${first})
     AND ($${first + 1}::uuid IS NULL OR k.id IN ${familyOf(`$${first + 1}`)})`;

const list = repeatable(
  'list_api_keys',
  `SELECT ${COLUMNS} ${FROM} WHERE k.id < $1 AND k.revoked_at IS NULL AND ${inScope(3)}
   ORDER BY k.id DESC LIMIT $2`,
);

/** Keys that were not revoked with an id below `before`, newest first. */
export function listApiKeys(
  db: Queryable,
  options: ApiKeyScope & { before: string; limit: number },
): Promise<ApiKeyRow[]> {
  const { before, limit, userId, apiKeyId } = options;
  return db.query(list, [before, limit, userId, apiKeyId]);
}

const byIdRange = repeatable(
  'api_keys_by_id_range',
  `SELECT ${COLUMNS} ${FROM}
   WHERE k.id BETWEEN $1 AND $2 AND k.revoked_at IS NULL AND ${inScope(3)} ORDER BY k.id LIMIT 4`,
);

/** Up to four keys that were not revoked and whose id begins with `prefix`. */
export async function findApiKeys(
  db: Queryable,
  prefix: string,
  scope: ApiKeyScope,
): Promise<ApiKeyRow[]> {
  const range = idRange(prefix);
  if (range === undefined) return [];
  return db.query(byIdRange, [range.from, range.to, scope.userId, scope.apiKeyId]);
}

const lockValid = repeatable(
  'lock_api_key',
  `SELECT ${COLUMNS} ${FROM} WHERE k.id = $1 AND k.revoked_at IS NULL
     AND (k.expires_at IS NULL OR k.expires_at > now())
   FOR UPDATE OF k`,
);

/** A valid key, which nobody can revoke until the transaction ends. */
export async function lockApiKey(tx: Queryable, id: string): Promise<ApiKeyRow | undefined> {
  return (await tx.query<ApiKeyRow>(lockValid, [id]))[0];
}

const lockOwner = repeatable(
  'lock_api_key_owner',
  `SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE`,
);
const countValid = repeatable(
  'count_api_keys',
  `SELECT count(*)::int AS count FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL
     AND (expires_at IS NULL OR expires_at > now())`,
);

/** How many valid keys a user has; nobody adds one until the transaction ends. */
export async function countApiKeys(tx: Queryable, userId: string): Promise<number> {
  await tx.query(lockOwner, [userId]);
  return (await tx.query<{ count: number }>(countValid, [userId]))[0]?.count ?? 0;
}

const forget = repeatable(
  'forget_api_keys',
  // Those that were made with it go too: a key never lives longer than the one that made it.
  `DELETE FROM api_keys WHERE user_id = $1
     AND LEAST(revoked_at, expires_at) < now() - interval '30 days'`,
);

/** Forgets the keys of a user that ended long ago. */
export async function forgetApiKeys(tx: Queryable, userId: string): Promise<void> {
  await tx.query(forget, [userId]);
}

const revoke = repeatable(
  'revoke_api_key',
  `UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL AND id IN ${familyOf('$1')}
   RETURNING id`,
);

/** Ends a key and those that were made with it; how many these are. */
export async function revokeApiKey(tx: Queryable, id: string): Promise<number> {
  return (await tx.query(revoke, [id])).length;
}
