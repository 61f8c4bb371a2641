// Signing keys: the public halves, and the private halves as they are sealed.
import type { SealedColumns } from './sealed-rows.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** What its tokens are for: requests to this API, or the identity of jobs elsewhere. */
export type SigningKeyPurpose = 'access' | 'identity';

export interface SigningKeyRow extends SealedColumns {
  readonly id: string;
  readonly purpose: SigningKeyPurpose;
  /** A JWK. */
  readonly public_key: Readonly<Record<string, string>>;
  readonly created_at: Date;
  /** Milliseconds until it signs, by the clock of the database; not above 0 when it does. */
  readonly signs_in_ms: number;
  /** Milliseconds until its tokens are worth nothing; null while it has no successor. */
  readonly ends_in_ms: number | null;
}

// Not now(): a transaction that waited for the lock began before the key that it must see now.
const list = repeatable(
  'list_signing_keys',
  `SELECT id, purpose, public_key, master_key_id, wrapped_key, box, created_at,
     extract(epoch FROM signs_from - statement_timestamp())::float8 * 1000 AS signs_in_ms,
     extract(epoch FROM verifies_until - statement_timestamp())::float8 * 1000 AS ends_in_ms
   FROM signing_keys WHERE verifies_until IS NULL OR verifies_until > statement_timestamp()
   ORDER BY signs_from DESC, id`,
);

/** The keys whose tokens count, the newest first. */
export function listSigningKeys(db: Queryable): Promise<SigningKeyRow[]> {
  return db.query(list);
}

const lock = repeatable(
  'lock_signing_keys',
  `SELECT pg_advisory_xact_lock(hashtextextended('signing keys', 727481))`,
);

/** Keeps others from changing the keys until the transaction ends. */
export async function lockSigningKeys(tx: Queryable): Promise<void> {
  await tx.query(lock);
}

const insert = once(
  'insert_signing_key',
  `INSERT INTO signing_keys
     (id, purpose, public_key, master_key_id, wrapped_key, box, signs_from)
   VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))`,
);

/** Stores a key that signs in `signsInSeconds`. */
export async function insertSigningKey(
  tx: Queryable,
  key: {
    id: string;
    purpose: SigningKeyPurpose;
    publicKey: Readonly<Record<string, unknown>>;
    sealed: SealedColumns;
    signsInSeconds: number;
  },
): Promise<void> {
  const { id, purpose, publicKey, sealed, signsInSeconds } = key;
  const { master_key_id, wrapped_key, box } = sealed;
  const json = JSON.stringify(publicKey);
  await tx.query(insert, [id, purpose, json, master_key_id, wrapped_key, box, signsInSeconds]);
}

const retire = once(
  'retire_signing_keys',
  `UPDATE signing_keys
   SET verifies_until = LEAST(verifies_until, now() + make_interval(secs => $3))
   WHERE purpose = $1 AND id <> $2 AND (verifies_until IS NULL OR verifies_until > now())`,
);

/** Lets all keys of the purpose but `successor` end in `inSeconds`, or sooner. */
export async function retireSigningKeys(
  tx: Queryable,
  purpose: SigningKeyPurpose,
  options: { successor: string; inSeconds: number },
): Promise<void> {
  await tx.query(retire, [purpose, options.successor, options.inSeconds]);
}

const forget = repeatable(
  'forget_signing_keys',
  `DELETE FROM signing_keys WHERE verifies_until < now() - make_interval(days => $1)`,
);

/** Deletes keys that ended `days` ago. */
export async function forgetSigningKeys(db: Queryable, days: number): Promise<void> {
  await db.query(forget, [days]);
}
