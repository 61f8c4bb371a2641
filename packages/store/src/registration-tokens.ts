// Registration tokens: what new runners are let in with, and what they may be.
import type { RunnerTag } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

export interface RegistrationTokenRow {
  readonly id: string;
  /** The first characters of the token. */
  readonly prefix: string;
  readonly description: string;
  readonly uses_max: number;
  readonly uses: number;
  readonly tags: RunnerTag[];
  readonly tag_keys: string[];
  readonly pipelines: string[];
  readonly created_by: string;
  readonly created_at: Date;
  readonly expires_at: Date;
}

const COLUMNS = `id, prefix, description, uses_max, uses, tags, tag_keys, pipelines, created_by,
  created_at, expires_at`;

export interface NewRegistrationTokenRow {
  readonly id: string;
  /** SHA-256 of the token. */
  readonly tokenHash: Buffer;
  readonly prefix: string;
  readonly description: string;
  readonly usesMax: number;
  readonly tags: readonly RunnerTag[];
  readonly tagKeys: readonly string[];
  readonly pipelines: readonly string[];
  readonly createdBy: string;
  readonly expiresInSeconds: number;
}

const insert = once(
  'insert_registration_token',
  `INSERT INTO registration_tokens (id, token_hash, prefix, description, uses_max, tags, tag_keys,
     pipelines, created_by, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))
   RETURNING ${COLUMNS}`,
);

export async function insertRegistrationToken(
  tx: Queryable,
  token: NewRegistrationTokenRow,
): Promise<RegistrationTokenRow> {
  const [row] = await tx.query<RegistrationTokenRow>(insert, [
    token.id,
    token.tokenHash,
    token.prefix,
    token.description,
    token.usesMax,
    JSON.stringify(token.tags),
    token.tagKeys,
    token.pipelines,
    token.createdBy,
    token.expiresInSeconds,
  ]);
  if (row === undefined) throw new Error('the new registration token was not returned');
  return row;
}

const forget = repeatable(
  'forget_registration_tokens',
  `DELETE FROM registration_tokens WHERE expires_at < now() - interval '30 days'`,
);

/** Forgets those that expired long ago. */
export async function forgetRegistrationTokens(tx: Queryable): Promise<void> {
  await tx.query(forget);
}

const list = repeatable(
  'list_registration_tokens',
  `SELECT ${COLUMNS} FROM registration_tokens ORDER BY id DESC LIMIT $1`,
);

/** Newest first, with those that are used up or expired. */
export function listRegistrationTokens(
  db: Queryable,
  limit: number,
): Promise<RegistrationTokenRow[]> {
  return db.query(list, [limit]);
}

const find = repeatable(
  'find_registration_token',
  `SELECT id FROM registration_tokens WHERE token_hash = $1`,
);

/**
 * Id of the token with this hash, also when it is used up or has expired: a runner whose answer was
 * lost asks again with it.
 */
export async function findRegistrationToken(
  db: Queryable,
  hash: Buffer,
): Promise<string | undefined> {
  return (await db.query<{ id: string }>(find, [hash]))[0]?.id;
}

const use = once(
  'use_registration_token',
  `UPDATE registration_tokens SET uses = uses + 1
   WHERE id = $1 AND uses < uses_max AND expires_at > now() RETURNING ${COLUMNS}`,
);

/** Takes one use of it; undefined when it is used up, has expired or was deleted. */
export async function takeRegistrationTokenUse(
  tx: Queryable,
  id: string,
): Promise<RegistrationTokenRow | undefined> {
  return (await tx.query<RegistrationTokenRow>(use, [id]))[0];
}

const remove = once(
  'delete_registration_token',
  `DELETE FROM registration_tokens WHERE id = $1 RETURNING prefix`,
);

/** Its first characters; undefined when there is none with that id. */
export async function deleteRegistrationToken(
  tx: Queryable,
  id: string,
): Promise<string | undefined> {
  return (await tx.query<{ prefix: string }>(remove, [id]))[0]?.prefix;
}
