// Changes of users by an administrator: the last one who can sign in always stays one.
import { didYouMean, RivetError, type SecretText, uuidv7 } from '@rivet/base';
import type { ChangeUserRequest, CreateUserRequest } from '@rivet/protocol';
import {
  deleteUser,
  findUsers,
  insertUser,
  listUsers,
  lockAdministrators,
  lockUser,
  type Queryable,
  setUserDisabled,
  setUserRole,
  type UserRow,
} from '@rivet/store';
import type { Passwords } from './passwords.ts';
import type { Person } from './principal.ts';
import { makeTemporaryPassword, TEMPORARY_SECONDS } from './temporary-password.ts';

/** @throws RIVET_USER_NOT_FOUND, RIVET_ID_AMBIGUOUS */
export async function findUserBy(db: Queryable, ref: string): Promise<UserRow> {
  const found = await findUsers(db, ref.toLowerCase());
  const [only] = found;
  if (found.length > 1) {
    const examples = found.slice(0, 3).map(({ id }) => id);
    throw RivetError.of('RIVET_ID_AMBIGUOUS', {
      prefix: ref,
      count: found.length > 3 ? 'more than 3' : String(found.length),
      examples: examples.join(', '),
    });
  }
  if (only !== undefined) return only;
  const names = (await listUsers(db, { after: '', search: '', limit: 1000 })).map(
    ({ name }) => name,
  );
  const facts = { user: JSON.stringify(ref), suggestion: didYouMean(ref, names) };
  throw RivetError.of('RIVET_USER_NOT_FOUND', facts);
}

/**
 * Holds an API key with limits: it must not come by an account that may more than the key.
 * @param what continues "an API key with limits cannot"
 * @throws RIVET_USER_KEY_LIMITED
 */
export function requireWholeRights({ access }: Person, what: string): void {
  const { permissions, pipelines } = access.limits;
  if (permissions === undefined && pipelines === undefined) return;
  throw RivetError.of('RIVET_USER_KEY_LIMITED', { what });
}

/** A temporary password with its hash, which is made before a transaction begins. */
export async function hashTemporaryPassword(
  passwords: Passwords,
): Promise<{ password: SecretText; passwordHash: string; passwordSeconds: number }> {
  const password = makeTemporaryPassword();
  const passwordHash = await passwords.hash(password.reveal());
  return { password, passwordHash, passwordSeconds: TEMPORARY_SECONDS };
}

/** @throws RIVET_USER_EXISTS */
export async function createAccount(
  tx: Queryable,
  { name, role }: CreateUserRequest,
  made: { passwordHash: string; passwordSeconds: number } | undefined,
): Promise<UserRow> {
  const user = await insertUser(tx, {
    id: uuidv7(),
    name,
    role,
    passwordHash: null,
    ...made,
  });
  if (user === undefined) throw RivetError.of('RIVET_USER_EXISTS', { user: name });
  return user;
}

/**
 * Changes a user as far as the request differs from what is there.
 * @returns the user after it, and whether anything has changed
 * @throws RIVET_USER_LAST_ADMIN
 */
export async function changeAccount(
  tx: Queryable,
  id: string,
  { role, disabled }: ChangeUserRequest,
): Promise<{ user: UserRow; changed: boolean }> {
  const losesAdmin = (role !== undefined && role !== 'admin') || disabled === true;
  const before = await lockAccount(tx, id, losesAdmin);
  let user = before;
  if (role !== undefined && role !== user.role) {
    user = (await setUserRole(tx, id, role)) ?? user;
  }
  if (disabled !== undefined && disabled !== (user.disabled_at !== null)) {
    user = (await setUserDisabled(tx, id, disabled)) ?? user;
  }
  return { user, changed: user !== before };
}

/** @throws RIVET_USER_LAST_ADMIN */
export async function deleteAccount(tx: Queryable, id: string): Promise<UserRow> {
  const user = await lockAccount(tx, id, true);
  await deleteUser(tx, id);
  return user;
}

/**
 * Keeps others from changing the user until the transaction ends.
 * @param losesAdmin whether an administrator would be none any more
 */
async function lockAccount(tx: Queryable, id: string, losesAdmin: boolean): Promise<UserRow> {
  // Always the administrators first, so that no two wait for each other.
  const admins = losesAdmin ? await lockAdministrators(tx) : [];
  const user = await lockUser(tx, id);
  if (user === undefined) {
    throw RivetError.of('RIVET_USER_NOT_FOUND', { user: id, suggestion: '' });
  }
  if (losesAdmin && admins.length === 1 && admins[0] === id) {
    throw RivetError.of('RIVET_USER_LAST_ADMIN', { user: user.name });
  }
  return user;
}
