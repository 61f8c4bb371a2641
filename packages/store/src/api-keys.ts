// API keys: what programs sign in with, each in the name of a user.
import type { Role } from '@rivet/protocol';
import { type GrantRow, grantsOf } from './grants.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** Who holds a valid key, and what that user was granted. */
export interface ApiKeyHolderRow {
  readonly api_key_id: string;
  readonly permissions: string[] | null;
  readonly pipelines: string[] | null;
  readonly user_id: string;
  readonly name: string;
  readonly role: Role;
  readonly grants: GrantRow[];
}

const insert = once(
  'insert_api_key',
  `INSERT INTO api_keys (id, user_id, name, hash, prefix, permissions, pipelines, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
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
  },
): Promise<void> {
  const { id, userId, name, hash, prefix, permissions, pipelines, expiresAt } = key;
  await tx.query(insert, [id, userId, name, hash, prefix, permissions, pipelines, expiresAt]);
}

const holder = repeatable(
  'api_key_holder',
  `SELECT k.id AS api_key_id, k.permissions, k.pipelines, u.id AS user_id, u.name, u.role,
     ${grantsOf('u.id')} AS grants
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
