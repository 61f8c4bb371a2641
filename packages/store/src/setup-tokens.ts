// Set-up tokens: with one of them the first administrator is made.
import { once, type Queryable, repeatable } from './statement.ts';

const insert = once(
  'insert_setup_token',
  `INSERT INTO setup_tokens (hash, expires_at) VALUES ($1, now() + make_interval(hours => $2))`,
);
const isValid = repeatable(
  'is_setup_token',
  `SELECT EXISTS (SELECT FROM setup_tokens WHERE hash = $1 AND expires_at > now()) AS found`,
);
const forget = repeatable('forget_setup_tokens', `DELETE FROM setup_tokens`);

/** Stores a token by its SHA-256. */
export async function insertSetupToken(db: Queryable, hash: Buffer, hours: number): Promise<void> {
  await db.query(insert, [hash, hours]);
}

/** Whether the token with this hash may be used now. */
export async function isSetupToken(db: Queryable, hash: Buffer): Promise<boolean> {
  return (await db.query<{ found: boolean }>(isValid, [hash]))[0]?.found === true;
}

/** Makes all of them worthless. */
export async function forgetSetupTokens(tx: Queryable): Promise<void> {
  await tx.query(forget);
}
