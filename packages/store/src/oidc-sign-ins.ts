// Sign-ins elsewhere under way, and those that a command line may fetch; each can be used once.
import { once, type Queryable, repeatable } from './statement.ts';

/** Of a command line that waits for a sign-in. */
export interface WaitingCli {
  /** `http://127.0.0.1:port/path`. */
  readonly redirect: string;
  readonly state: string;
  readonly challenge: string;
}

const insert = once(
  'insert_oidc_sign_in',
  `INSERT INTO oidc_sign_ins (hash, cli_redirect, cli_state, cli_challenge, expires_at)
   VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
);

/** @param hash SHA-256 of the secret in the cookie */
export async function insertOidcSignIn(
  db: Queryable,
  hash: Buffer,
  cli: WaitingCli | undefined,
  seconds: number,
): Promise<void> {
  const { redirect = null, state = null, challenge = null } = cli ?? {};
  await db.query(insert, [hash, redirect, state, challenge, seconds]);
}

const take = once(
  'take_oidc_sign_in',
  `DELETE FROM oidc_sign_ins WHERE hash = $1
   RETURNING expires_at > now() AS live, cli_redirect, cli_state, cli_challenge`,
);

interface SignInRow {
  readonly live: boolean;
  readonly cli_redirect: string | null;
  readonly cli_state: string | null;
  readonly cli_challenge: string | null;
}

/** Uses a sign-in up; undefined when there is none (any more). */
export async function takeOidcSignIn(
  db: Queryable,
  hash: Buffer,
): Promise<{ cli: WaitingCli | undefined } | undefined> {
  const [row] = await db.query<SignInRow>(take, [hash]);
  if (row?.live !== true) return undefined;
  const { cli_redirect: redirect, cli_state: state, cli_challenge: challenge } = row;
  if (redirect === null || state === null || challenge === null) return { cli: undefined };
  return { cli: { redirect, state, challenge } };
}

const insertCode = once(
  'insert_oidc_code',
  `INSERT INTO oidc_codes (hash, user_id, challenge, expires_at)
   VALUES ($1, $2, $3, now() + make_interval(secs => $4))`,
);

/** Lets a command line fetch a session of the user. */
export async function insertOidcCode(
  tx: Queryable,
  code: { hash: Buffer; userId: string; challenge: string; seconds: number },
): Promise<void> {
  await tx.query(insertCode, [code.hash, code.userId, code.challenge, code.seconds]);
}

const takeCode = once(
  'take_oidc_code',
  `DELETE FROM oidc_codes WHERE hash = $1
   RETURNING user_id, challenge, expires_at > now() AS live`,
);

/** Uses a code up; undefined when there is none (any more). */
export async function takeOidcCode(
  db: Queryable,
  hash: Buffer,
): Promise<{ userId: string; challenge: string } | undefined> {
  const [row] = await db.query<{ user_id: string; challenge: string; live: boolean }>(takeCode, [
    hash,
  ]);
  return row?.live === true ? { userId: row.user_id, challenge: row.challenge } : undefined;
}

const forgetSignIns = repeatable(
  'forget_oidc_sign_ins',
  `DELETE FROM oidc_sign_ins WHERE expires_at < now()`,
);
const forgetCodes = repeatable(
  'forget_oidc_codes',
  `DELETE FROM oidc_codes WHERE expires_at < now()`,
);

/** Deletes those that never came back. */
export async function forgetOidcSignIns(db: Queryable): Promise<void> {
  await db.query(forgetSignIns);
  await db.query(forgetCodes);
}
