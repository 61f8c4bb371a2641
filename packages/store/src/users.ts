// Users: who may sign in, and as what.
import type { Role } from '@rivet/protocol';
import { idRange, isWholeId } from './id-range.ts';
import { once, type Queryable, repeatable } from './statement.ts';

export interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly password_hash: string | null;
  /** Whether the password only lets its user set another one. */
  readonly password_temporary: boolean;
  /** Whether a temporary password is too old to be used. */
  readonly password_expired: boolean;
  readonly token_version: number;
  readonly disabled_at: Date | null;
  readonly last_login_at: Date | null;
  readonly created_at: Date;
}

/** SQL for the columns of a `UserRow`. */
export const USER_COLUMNS = `id, name, role, password_hash, password_temporary,
  COALESCE(password_expires_at <= now(), false) AS password_expired,
  token_version, disabled_at, last_login_at, created_at`;

const insert = once(
  'insert_user',
  `INSERT INTO users (id, name, role, password_hash, password_temporary, password_expires_at)
   VALUES ($1, $2, $3, $4, $5::float8 IS NOT NULL, now() + make_interval(secs => $5))
   ON CONFLICT (name) DO NOTHING RETURNING ${USER_COLUMNS}`,
);

export interface NewUser {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly passwordHash: string | null;
  /** Makes the password a temporary one. */
  readonly passwordSeconds?: number;
}

/** Makes a user; undefined when the name is taken. */
export async function insertUser(tx: Queryable, user: NewUser): Promise<UserRow | undefined> {
  const { id, name, role, passwordHash, passwordSeconds = null } = user;
  return (await tx.query<UserRow>(insert, [id, name, role, passwordHash, passwordSeconds]))[0];
}

const byName = repeatable('user_by_name', `SELECT ${USER_COLUMNS} FROM users WHERE name = $1`);
const byIdRange = repeatable(
  'users_by_id_range',
  `SELECT ${USER_COLUMNS} FROM users WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT 4`,
);

/** The user of a whole name; undefined when there is none. */
export async function findUser(db: Queryable, name: string): Promise<UserRow | undefined> {
  return (await db.query<UserRow>(byName, [name]))[0];
}

/** The users that `ref` can mean: the one of that name, or up to four whose id begins so. */
export async function findUsers(db: Queryable, ref: string): Promise<UserRow[]> {
  const named = isWholeId(ref) ? [] : await db.query<UserRow>(byName, [ref]);
  if (named.length > 0) return named;
  const range = ref.length < 4 ? undefined : idRange(ref);
  return range === undefined ? [] : db.query<UserRow>(byIdRange, [range.from, range.to]);
}

const lockById = repeatable(
  'lock_user',
  `SELECT ${USER_COLUMNS} FROM users WHERE id = $1 FOR UPDATE`,
);

/** Keeps others from changing the user until the transaction ends. */
export async function lockUser(tx: Queryable, id: string): Promise<UserRow | undefined> {
  return (await tx.query<UserRow>(lockById, [id]))[0];
}

const list = repeatable(
  'list_users',
  `SELECT ${USER_COLUMNS} FROM users
   WHERE name > $1 AND ($2 = '' OR strpos(name, lower($2)) > 0) ORDER BY name LIMIT $3`,
);

/** Users by name, after the name `after`. */
export function listUsers(
  db: Queryable,
  options: { after: string; search: string; limit: number },
): Promise<UserRow[]> {
  return db.query(list, [options.after, options.search, options.limit]);
}

const hasUsers = repeatable('has_users', `SELECT EXISTS (SELECT FROM users) AS found`);

/** Whether there is any user. */
export async function hasAnyUser(db: Queryable): Promise<boolean> {
  return (await db.query<{ found: boolean }>(hasUsers))[0]?.found === true;
}

const lockAdmins = repeatable(
  'lock_administrators',
  // Of two who remove each other the second waits here, and then sees what the first has done.
  `SELECT id FROM users WHERE role = 'admin' ORDER BY id FOR UPDATE`,
);
const activeAdmins = repeatable(
  'active_administrators',
  `SELECT u.id FROM users u WHERE u.role = 'admin' AND u.disabled_at IS NULL
     AND ((u.password_hash IS NOT NULL AND COALESCE(u.password_expires_at > now(), true))
       OR EXISTS (SELECT FROM user_identities i WHERE i.user_id = u.id))`,
);

/**
 * Ids of the administrators who can sign in; none is added, removed or changed by others until the
 * transaction ends.
 */
export async function lockAdministrators(tx: Queryable): Promise<string[]> {
  await tx.query(lockAdmins);
  return (await tx.query<{ id: string }>(activeAdmins)).map(({ id }) => id);
}

const lockFirst = repeatable(
  'lock_first_user',
  `SELECT pg_advisory_xact_lock(hashtextextended('first user', 727481))`,
);

/** Keeps others from making the first user until the transaction ends. */
export async function lockFirstUser(tx: Queryable): Promise<void> {
  await tx.query(lockFirst);
}

const setRole = once(
  'set_user_role',
  `UPDATE users SET role = $2 WHERE id = $1 RETURNING ${USER_COLUMNS}`,
);
const setDisabled = once(
  'set_user_disabled',
  // Whoever is enabled again signs in again: the sessions from before stay ended.
  `UPDATE users SET token_version = token_version + 1,
     disabled_at = CASE WHEN $2 THEN COALESCE(disabled_at, now()) END
   WHERE id = $1 RETURNING ${USER_COLUMNS}`,
);
const remove = once('delete_user', `DELETE FROM users WHERE id = $1`);

export async function setUserRole(
  tx: Queryable,
  id: string,
  role: Role,
): Promise<UserRow | undefined> {
  return (await tx.query<UserRow>(setRole, [id, role]))[0];
}

/** Locks somebody out, which ends all sessions, or lets them in again. */
export async function setUserDisabled(
  tx: Queryable,
  id: string,
  disabled: boolean,
): Promise<UserRow | undefined> {
  return (await tx.query<UserRow>(setDisabled, [id, disabled]))[0];
}

/** Deletes a user with all that is theirs: sessions, API keys, grants, memberships. */
export async function deleteUser(tx: Queryable, id: string): Promise<void> {
  await tx.query(remove, [id]);
}

const setPassword = once(
  'set_user_password',
  `UPDATE users SET password_hash = $2, password_temporary = $3::float8 IS NOT NULL,
     password_expires_at = now() + make_interval(secs => $3), password_changed_at = now(),
     token_version = token_version + 1
   WHERE id = $1 RETURNING ${USER_COLUMNS}`,
);

/**
 * Gives a user another password, which ends all sessions.
 * @param change.seconds makes it a temporary one
 */
export async function setUserPassword(
  tx: Queryable,
  change: { id: string; passwordHash: string; seconds?: number },
): Promise<UserRow | undefined> {
  const values = [change.id, change.passwordHash, change.seconds ?? null];
  return (await tx.query<UserRow>(setPassword, values))[0];
}

const rehash = repeatable(
  'rehash_user_password',
  // Not when the password was changed meanwhile.
  `UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`,
);

/** Puts a stronger hash of the same password in place of the old one. */
export async function rehashUserPassword(
  db: Queryable,
  change: { id: string; before: string; after: string },
): Promise<void> {
  await db.query(rehash, [change.id, change.before, change.after]);
}

const endSessions = once(
  'end_user_sessions',
  `UPDATE users SET token_version = token_version + 1 WHERE id = $1 RETURNING ${USER_COLUMNS}`,
);

/** Ends all sessions of a user at once. */
export async function endUserSessions(tx: Queryable, id: string): Promise<UserRow | undefined> {
  return (await tx.query<UserRow>(endSessions, [id]))[0];
}

const noteLogin = repeatable(
  'note_user_login',
  `UPDATE users SET last_login_at = now() WHERE id = $1`,
);

export async function noteUserLogin(tx: Queryable, id: string): Promise<void> {
  await tx.query(noteLogin, [id]);
}

const teams = repeatable(
  'teams_of_user',
  `SELECT t.name FROM teams t WHERE t.everybody
     OR EXISTS (SELECT FROM team_members m WHERE m.team_id = t.id AND m.user_id = $1)
   ORDER BY t.name`,
);

/** Names of the teams that a user belongs to, in order. */
export async function teamsOfUser(db: Queryable, id: string): Promise<string[]> {
  return (await db.query<{ name: string }>(teams, [id])).map(({ name }) => name);
}
