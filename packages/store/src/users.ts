// Users: who may sign in, and as what.
import type { Role } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

export interface UserRow {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly password_hash: string | null;
  readonly token_version: number;
  readonly disabled_at: Date | null;
  readonly last_login_at: Date | null;
  readonly created_at: Date;
}

const COLUMNS =
  'id, name, role, password_hash, token_version, disabled_at, last_login_at, created_at';

const insert = once(
  'insert_user',
  `INSERT INTO users (id, name, role, password_hash) VALUES ($1, $2, $3, $4)
   ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
);

/** Makes a user; undefined when the name is taken. */
export async function insertUser(
  tx: Queryable,
  user: { id: string; name: string; role: Role; passwordHash: string | null },
): Promise<UserRow | undefined> {
  const values = [user.id, user.name, user.role, user.passwordHash];
  return (await tx.query<UserRow>(insert, values))[0];
}

const byName = repeatable('user_by_name', `SELECT ${COLUMNS} FROM users WHERE name = $1`);

/** The user of a whole name; undefined when there is none. */
export async function findUser(db: Queryable, name: string): Promise<UserRow | undefined> {
  return (await db.query<UserRow>(byName, [name]))[0];
}
