// The one-time token with which the first administrator is made, where nobody can sign in yet.
import { RivetError, type SecretText, uuidv7 } from '@rivet/base';
import {
  type Database,
  forgetSetupTokens,
  hasAnyUser,
  insertSetupToken,
  insertUser,
  isSetupToken,
  lockFirstUser,
  type Queryable,
  type UserRow,
} from '@rivet/store';
import { hashToken, makeToken } from './token.ts';

/** Whoever installs it is there when it starts. */
export const SETUP_HOURS = 24;

/**
 * A token for the first administrator; undefined when there is a user. Each start makes one of its
 * own: what was printed before may be lost, and stays valid for its day.
 */
export async function offerSetup(database: Database): Promise<SecretText | undefined> {
  if (await hasAnyUser(database)) return undefined;
  const { token, hash } = makeToken('setup');
  await insertSetupToken(database, hash, SETUP_HOURS);
  return token;
}

/**
 * Passes when the token may be used now: looked at before a password is hashed for it.
 * @throws RIVET_AUTH_SETUP_DONE, RIVET_AUTH_SETUP_INVALID
 */
export async function checkSetupToken(db: Queryable, token: string): Promise<void> {
  if (await hasAnyUser(db)) throw RivetError.of('RIVET_AUTH_SETUP_DONE', {});
  if (await isSetupToken(db, hashToken(token))) return;
  throw RivetError.of('RIVET_AUTH_SETUP_INVALID', {});
}

/**
 * Makes the first administrator, and all set-up tokens worthless.
 * @throws RIVET_AUTH_SETUP_DONE, RIVET_AUTH_SETUP_INVALID
 */
export async function makeFirstAdministrator(
  tx: Queryable,
  { token, name, passwordHash }: { token: string; name: string; passwordHash: string },
): Promise<UserRow> {
  // Of two at once the second finds a user.
  await lockFirstUser(tx);
  await checkSetupToken(tx, token);
  await forgetSetupTokens(tx);
  const user = await insertUser(tx, { id: uuidv7(), name, role: 'admin', passwordHash });
  if (user === undefined) throw RivetError.of('RIVET_USER_EXISTS', { user: name });
  return user;
}
