// Signing in with a name and a password: one answer, in one time, for everything that is not right.
import { RivetError } from '@rivet/base';
import {
  type Database,
  findUser,
  lockUser,
  rehashUserPassword,
  setUserPassword,
  type UserRow,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import { RefusedAccount } from '../audit/refusals.ts';
import { checkNewPassword } from './password-rule.ts';
import type { Passwords } from './passwords.ts';
import { anonymous, type Origin } from './principal.ts';
import type { Throttle } from './throttle.ts';

export interface Credentials {
  readonly name: string;
  readonly password: string;
  /** Takes the place of a temporary password. */
  readonly newPassword?: string | undefined;
}

export interface SignInParts {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly throttle: Throttle;
  readonly audit: AuditLog;
}

/**
 * The user who has this name and password, and may sign in.
 * @throws RIVET_AUTH_LOGIN_FAILED, RIVET_AUTH_THROTTLED, RIVET_AUTH_BUSY,
 *   RIVET_AUTH_PASSWORD_SIZE, RIVET_AUTH_PASSWORD_TEMPORARY, RIVET_AUTH_PASSWORD_WEAK
 */
export async function checkCredentials(
  parts: SignInParts,
  credentials: Credentials,
  from: Origin,
): Promise<UserRow> {
  const { database, audit } = parts;
  // Names are lower case; nobody should have to know.
  const name = credentials.name.toLowerCase();
  const user = await checkPassword(parts, name, credentials.password, from.address);
  if (!user.password_temporary) {
    if (credentials.newPassword !== undefined) {
      const summary = 'body.new_password is for temporary passwords, and this one is not';
      throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
    }
    return user;
  }
  if (credentials.newPassword === undefined) {
    throw RivetError.of('RIVET_AUTH_PASSWORD_TEMPORARY', { name });
  }
  checkNewPassword(credentials.newPassword, name);
  const passwordHash = await parts.passwords.hash(credentials.newPassword);
  return database.transaction(
    async (tx) => {
      const now = await lockUser(tx, user.id);
      // An administrator may have been faster.
      if (now?.password_hash !== user.password_hash || now.disabled_at !== null) throw failed();
      const after = (await setUserPassword(tx, { id: user.id, passwordHash })) ?? user;
      const object = { kind: 'user', id: user.id, name };
      // Whoever had the temporary password: nobody is signed in yet.
      const who = { ...anonymous, from };
      const details = { temporary: true };
      await audit.record(tx, who, { action: 'auth.password', object, details });
      return after;
    },
    { repeatable: false },
  );
}

/**
 * The user whose password it is, hashed anew where the stored hash has become too cheap.
 * @throws RIVET_AUTH_LOGIN_FAILED, RIVET_AUTH_THROTTLED, RIVET_AUTH_BUSY, RIVET_AUTH_PASSWORD_SIZE
 */
export async function checkPassword(
  { database, passwords, throttle }: SignInParts,
  name: string,
  password: string,
  ip: string,
): Promise<UserRow> {
  const attempt = await throttle.login(name, ip);
  const user = await findUser(database, name);
  const { matches, outdated } = await passwords
    .compare(user?.password_hash, password)
    .catch((error) => attempt.giveBack().then(() => Promise.reject(error)));
  if (user === undefined || !matches || user.disabled_at !== null || user.password_expired) {
    throw failed(user);
  }
  await attempt.giveBack();
  if (outdated && user.password_hash !== null) {
    const change = { id: user.id, before: user.password_hash };
    const after = await passwords.hash(password);
    await rehashUserPassword(database, { ...change, after });
    return { ...user, password_hash: after };
  }
  return user;
}

/** Whose account it was is for the audit log alone. */
function failed(user?: UserRow): RivetError {
  return RivetError.of('RIVET_AUTH_LOGIN_FAILED', {}, user && new RefusedAccount(user));
}
