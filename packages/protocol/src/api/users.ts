// The resource "users": who may sign in, and as what.
import { type Static, Type } from 'typebox';
import { roles } from '../states.ts';
import { NullableTimestamp, Page, PageQuery, Timestamp } from './page.ts';

export const UserRef = Type.Object({
  /** Name, id, or a unique prefix of the id. */
  ref: Type.String({ minLength: 1, maxLength: 100 }),
});

/** Lower case, so that nobody can look like somebody else. */
export const UserName = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: '^[a-z0-9][a-z0-9._@+-]*$',
});

/** Never shown in an answer, and not in the message of a mistake either. */
export const Password = Type.String({ writeOnly: true });

export const User = Type.Object({
  id: Type.String(),
  name: Type.String(),
  role: Type.Enum(roles),
  disabled: Type.Boolean(),
  /**
   * How the user signs in: `password`; `temporary`, a password that only lets set another one;
   * `expired`, such a one that is too old; `none`: elsewhere, or with API keys only.
   */
  password: Type.Enum(['password', 'temporary', 'expired', 'none'] as const),
  created_at: Timestamp,
  last_login_at: NullableTimestamp,
});
export type User = Static<typeof User>;

export const UserListQuery = Type.Object({
  ...PageQuery.properties,
  /** Text that the name contains; taken literally. */
  search: Type.Optional(Type.String({ maxLength: 100 })),
});
export const UserList = Page(User);
export type UserList = Static<typeof UserList>;

/**
 * True: the next one who signs in elsewhere with this name, within a day, is this user from then
 * on. Otherwise nobody becomes a user that is there already.
 */
const Link = Type.Optional(Type.Literal(true));

export const CreateUserRequest = Type.Object({
  name: UserName,
  role: Type.Enum(roles),
  /** False: no password, for programs with API keys and for people who sign in elsewhere. */
  password: Type.Optional(Type.Boolean()),
  link: Link,
});
export type CreateUserRequest = Static<typeof CreateUserRequest>;

/** A password that lets its user set another one; shown this once. */
const temporaryPassword = {
  temporary_password: Type.String(),
  expires_at: Timestamp,
};
export const TemporaryPassword = Type.Object({ user: User, ...temporaryPassword });
export type TemporaryPassword = Static<typeof TemporaryPassword>;

/** The password is null for a user without one. */
export const NewUser = Type.Object({
  user: User,
  temporary_password: Type.Union([temporaryPassword.temporary_password, Type.Null()]),
  expires_at: NullableTimestamp,
});
export type NewUser = Static<typeof NewUser>;

export const ChangeUserRequest = Type.Object({
  role: Type.Optional(Type.Enum(roles)),
  /** Locks the user out at once, API keys too, or lets them in again. */
  disabled: Type.Optional(Type.Boolean()),
  link: Link,
});
export type ChangeUserRequest = Static<typeof ChangeUserRequest>;
