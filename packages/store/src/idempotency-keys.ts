// Idempotency keys: which launch a key was used for.
import { once, type Queryable, repeatable } from './statement.ts';

const insert = once(
  'insert_idempotency_key',
  `INSERT INTO idempotency_keys (key, digest, job_id) VALUES ($1, $2, $3)
   -- Waits for a launch under way with the same key, and then finds its key.
   ON CONFLICT (key) DO NOTHING RETURNING key`,
);
const read = repeatable(
  'read_idempotency_key',
  `SELECT digest, job_id FROM idempotency_keys WHERE key = $1`,
);

export interface IdempotencyKeyRow {
  readonly digest: string;
  readonly job_id: string;
}

/** Notes the key; the use that was first when it is taken already. */
export async function useIdempotencyKey(
  tx: Queryable,
  use: { key: string; digest: string; jobId: string },
): Promise<IdempotencyKeyRow | undefined> {
  const inserted = await tx.query(insert, [use.key, use.digest, use.jobId]);
  return inserted.length > 0 ? undefined : findIdempotencyKey(tx, use.key);
}

/** The use of a key; undefined when it is new. */
export async function findIdempotencyKey(
  db: Queryable,
  key: string,
): Promise<IdempotencyKeyRow | undefined> {
  return (await db.query<IdempotencyKeyRow>(read, [key]))[0];
}

const forget = repeatable(
  'forget_idempotency_keys',
  `DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1)`,
);

/** Forgets keys older than `hours`. */
export async function forgetIdempotencyKeys(db: Queryable, hours: number): Promise<void> {
  await db.query(forget, [hours]);
}
