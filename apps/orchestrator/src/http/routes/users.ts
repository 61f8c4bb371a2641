// Routes of users: for administrators.
import type { User } from '@rivet/protocol';
import {
  allowUserLink,
  endUserSessions,
  listUsers,
  setUserPassword,
  type UserRow,
} from '@rivet/store';
import {
  changeAccount,
  createAccount,
  deleteAccount,
  findUserBy,
  hashTemporaryPassword,
  requireWholeRights,
} from '../../auth/user-accounts.ts';
import type { Services } from '../../services.ts';
import { decodeCursor, encodeCursor, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';
import { userObject } from './auth.ts';

type Names =
  | 'listUsers'
  | 'createUser'
  | 'getUser'
  | 'changeUser'
  | 'deleteUser'
  | 'resetUserPassword'
  | 'logOutUser';

const LIMIT_DEFAULT = 50;
/** Whoever is asked to sign in elsewhere for the first time does it soon. */
const LINK_SECONDS = 24 * 3600;
const NAME = /^[a-z0-9][a-z0-9._@+-]{0,99}$/;

export function userRoutes({ database, audit, auth }: Services): Handlers<Names> {
  return {
    listUsers: async ({ query }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const after = query.cursor === undefined ? '' : decodeCursor('users', query.cursor, NAME);
      const options = { after, search: query.search ?? '', limit: limit + 1 };
      const rows = await listUsers(database, options);
      return toPage(rows, limit, presentUser, (row) => encodeCursor('users', row.name));
    },
    createUser: async (call) => {
      const { body } = call;
      if (body.password !== false || body.link === true || body.role === 'admin') {
        requireWholeRights(call.person(), 'make a user that somebody can sign in as');
      }
      const made =
        body.password === false ? undefined : await hashTemporaryPassword(auth.passwords);
      const user = await database.transaction(
        async (tx) => {
          const created = await createAccount(tx, body, made);
          if (body.link === true) await allowUserLink(tx, created.id, LINK_SECONDS);
          const details = { role: created.role, link: body.link };
          const event = { object: userObject(created), details };
          await audit.record(tx, call.principal, { action: 'user.create', ...event });
          return created;
        },
        { repeatable: false },
      );
      return {
        user: presentUser(user),
        temporary_password: made?.password.reveal() ?? null,
        expires_at: made === undefined ? null : inSeconds(made.passwordSeconds),
      };
    },
    getUser: async ({ params }) => presentUser(await findUserBy(database, params.ref)),
    changeUser: async (call) => {
      const { link, role } = call.body;
      if (link === true || (role !== undefined && role !== 'viewer')) {
        requireWholeRights(call.person(), 'raise a role or link a user');
      }
      const { id } = await findUserBy(database, call.params.ref);
      return database.transaction(
        async (tx) => {
          const { user, changed } = await changeAccount(tx, id, call.body);
          if (link === true) await allowUserLink(tx, id, LINK_SECONDS);
          if (changed || link === true) {
            const details = { role: user.role, disabled: user.disabled_at !== null, link };
            const event = { action: 'user.update', object: userObject(user), details } as const;
            await audit.record(tx, call.principal, event);
          }
          return presentUser(user);
        },
        { repeatable: true },
      );
    },
    deleteUser: async (call) => {
      const { id } = await findUserBy(database, call.params.ref);
      await database.transaction(
        async (tx) => {
          const user = await deleteAccount(tx, id);
          await audit.record(tx, call.principal, {
            action: 'user.delete',
            object: userObject(user),
          });
        },
        { repeatable: false },
      );
      return undefined;
    },
    resetUserPassword: async (call) => {
      requireWholeRights(call.person(), "change somebody's password");
      const { id } = await findUserBy(database, call.params.ref);
      const made = await hashTemporaryPassword(auth.passwords);
      const { passwordHash, passwordSeconds: seconds } = made;
      const user = await database.transaction(
        async (tx) => {
          const changed = await setUserPassword(tx, { id, passwordHash, seconds });
          // Somebody may have deleted it a moment ago.
          const account = changed ?? (await findUserBy(tx, id));
          await audit.record(tx, call.principal, {
            action: 'user.password',
            object: userObject(account),
          });
          return account;
        },
        { repeatable: false },
      );
      return {
        user: presentUser(user),
        temporary_password: made.password.reveal(),
        expires_at: inSeconds(seconds),
      };
    },
    logOutUser: async (call) => {
      const { id } = await findUserBy(database, call.params.ref);
      await database.transaction(
        async (tx) => {
          const user = (await endUserSessions(tx, id)) ?? (await findUserBy(tx, id));
          await audit.record(tx, call.principal, {
            action: 'auth.logout_everywhere',
            object: userObject(user),
          });
        },
        { repeatable: true },
      );
      return undefined;
    },
  };
}

function presentUser(row: UserRow): User {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    disabled: row.disabled_at !== null,
    password: passwordState(row),
    created_at: row.created_at.toISOString(),
    last_login_at: row.last_login_at?.toISOString() ?? null,
  };
}

function passwordState(row: UserRow): User['password'] {
  if (row.password_hash === null) return 'none';
  if (!row.password_temporary) return 'password';
  return row.password_expired ? 'expired' : 'temporary';
}

function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}
