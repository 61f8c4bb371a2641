// Routes of signing in and out, and of one's own account.
import { isRivetError, RivetError } from '@rivet/base';
import type { SessionTokens } from '@rivet/protocol';
import {
  endSession,
  endUserSessions,
  findUser,
  listSessions,
  lockUser,
  setUserPassword,
  teamsOfUser,
  type UserRow,
} from '@rivet/store';
import type { FastifyRequest } from 'fastify';
import { Access } from '../../access/access.ts';
import { checkNewPassword } from '../../auth/password-rule.ts';
import type { Person } from '../../auth/principal.ts';
import type { Client, NewSession, Tokens } from '../../auth/sessions.ts';
import { checkSetupToken, makeFirstAdministrator } from '../../auth/setup-token.ts';
import { checkCredentials, checkPassword } from '../../auth/sign-in.ts';
import type { Services } from '../../services.ts';
import { originOf } from '../authorize.ts';
import type { Call, Handlers } from '../handler.ts';

type Names =
  | 'getSignInOptions'
  | 'login'
  | 'setUp'
  | 'refreshSession'
  | 'logout'
  | 'getMe'
  | 'changePassword'
  | 'listSessions'
  | 'endSession';

export function authRoutes(services: Services): Handlers<Names> {
  const { database, audit, auth, oidc } = services;
  const { sessions, passwords } = auth;
  return {
    getSignInOptions: async () => ({
      oidc: oidc === undefined ? null : { name: oidc.config.name },
    }),
    login: async ({ body, request }) => {
      const { name, password, new_password: newPassword } = body;
      const user = await checkCredentials(auth, { name, password, newPassword }, originOf(request));
      const session = await database.transaction(
        async (tx) => {
          const begun = await sessions.begin(tx, user, clientOf(request));
          const details = { new_password: newPassword === undefined ? undefined : true };
          await audit.record(tx, personOf(user, begun, request), {
            action: 'auth.login',
            object: userObject(user),
            details,
          });
          return begun;
        },
        { repeatable: false },
      );
      return presentTokens(await sessions.tokensOf(session));
    },
    setUp: async ({ body, request }) => {
      const { token, name, password } = body;
      await checkSetupToken(database, token).catch(async (error: unknown) => {
        const wrong = isRivetError(error, 'RIVET_AUTH_SETUP_INVALID');
        if (wrong) await auth.throttle.failed('setup', request.ip);
        throw error;
      });
      checkNewPassword(password, name);
      const passwordHash = await passwords.hash(password);
      const session = await database.transaction(
        async (tx) => {
          const user = await makeFirstAdministrator(tx, { token, name, passwordHash });
          const begun = await sessions.begin(tx, user, clientOf(request));
          await audit.record(tx, personOf(user, begun, request), {
            action: 'auth.setup',
            object: userObject(user),
          });
          return begun;
        },
        { repeatable: false },
      );
      return presentTokens(await sessions.tokensOf(session));
    },
    refreshSession: async ({ body, request }) =>
      presentTokens(await sessions.refresh(body.refresh_token, clientOf(request))),
    logout: async (call) => {
      const { userId, name, sessionId } = requireSession(call.person());
      const everywhere = call.body.everywhere === true;
      await database.transaction(
        async (tx) => {
          await endSession(tx, { id: sessionId, userId, reason: 'logout' });
          if (everywhere) await endUserSessions(tx, userId);
          await audit.record(tx, call.principal, {
            action: everywhere ? 'auth.logout_everywhere' : 'auth.logout',
            object: { kind: 'user', id: userId, name },
          });
        },
        { repeatable: true },
      );
      return undefined;
    },
    getMe: async (call) => {
      const { userId: id, name, access, via } = call.person();
      const ofSession = via.kind === 'session';
      return {
        id,
        name,
        role: access.role,
        permissions: access.permissions(),
        teams: await teamsOfUser(database, id),
        via: ofSession ? (via.browser ? 'browser' : 'session') : 'api_key',
        via_id: ofSession ? via.sessionId : via.apiKeyId,
      };
    },
    changePassword: async (call) => {
      const { browser } = requireSession(call.person());
      const session = await changePassword(services, call, browser);
      const tokens = session === undefined ? null : await sessions.tokensOf(session);
      return { tokens: tokens && presentTokens(tokens) };
    },
    listSessions: async (call) => {
      const { userId, via } = requireUnlimited(call.person());
      const current = via.kind === 'session' ? via.sessionId : '';
      const rows = await listSessions(database, userId);
      return {
        items: rows.map((row) => ({
          id: row.id,
          kind: row.kind,
          current: row.id === current,
          address: row.address,
          user_agent: row.user_agent,
          created_at: row.created_at.toISOString(),
          used_at: row.used_at.toISOString(),
          expires_at: row.expires_at.toISOString(),
        })),
      };
    },
    endSession: async (call) => {
      const { userId } = requireUnlimited(call.person());
      const { id } = call.params;
      await database.transaction(
        async (tx) => {
          if (!(await endSession(tx, { id, userId, reason: 'revoked' }))) {
            throw RivetError.of('RIVET_AUTH_SESSION_NOT_FOUND', { id });
          }
          const object = { kind: 'session', id, name: '' };
          await audit.record(tx, call.principal, { action: 'auth.logout', object });
        },
        { repeatable: false },
      );
      return undefined;
    },
  };
}

/** All sessions end; the one that is returned begins, but for browsers, which sign in again. */
async function changePassword(
  { database, audit, auth }: Services,
  call: Call<'changePassword'>,
  browser: boolean,
): Promise<NewSession | undefined> {
  const { userId, name } = call.person();
  const { password, new_password: next } = call.body;
  const user = await checkPassword(auth, name, password, call.request.ip).catch(async (error) => {
    if (!isRivetError(error, 'RIVET_AUTH_LOGIN_FAILED')) throw error;
    // Of one's own account that may be said.
    const own = await findUser(database, name);
    if (own?.password_hash === null) throw RivetError.of('RIVET_AUTH_NO_PASSWORD', { name });
    throw RivetError.of('RIVET_AUTH_PASSWORD_WRONG', {});
  });
  checkNewPassword(next, name);
  const passwordHash = await auth.passwords.hash(next);
  return database.transaction(
    async (tx) => {
      const before = await lockUser(tx, userId);
      if (before?.password_hash !== user.password_hash) {
        throw RivetError.of('RIVET_AUTH_PASSWORD_WRONG', {});
      }
      const after = (await setUserPassword(tx, { id: userId, passwordHash })) ?? user;
      await audit.record(tx, call.principal, {
        action: 'auth.password',
        object: userObject(user),
      });
      return browser ? undefined : auth.sessions.begin(tx, after, clientOf(call.request));
    },
    { repeatable: false },
  );
}

/** @throws RIVET_AUTH_SESSION_NEEDED for API keys: what is about sessions is for their owners */
function requireSession(person: Person): {
  userId: string;
  name: string;
  sessionId: string;
  browser: boolean;
} {
  const { userId, name, via } = person;
  if (via.kind === 'session') return { userId, name, ...via };
  throw RivetError.of('RIVET_AUTH_SESSION_NEEDED', {});
}

/**
 * Whoever is signed in, or has a key that may all that its owner may: where somebody works, and
 * whether they stay signed in, is nothing for a key that was made for one pipeline.
 * @throws RIVET_AUTH_SESSION_NEEDED
 */
function requireUnlimited(person: Person): Person {
  const { permissions, pipelines } = person.access.limits;
  if (permissions === undefined && pipelines === undefined) return person;
  throw RivetError.of('RIVET_AUTH_SESSION_NEEDED', {});
}

export function clientOf({ ip, id, headers }: FastifyRequest): Client {
  return { ip, requestId: id, userAgent: headers['user-agent'] };
}

/** The caller of a public route, once it is known who it is. */
export function personOf(
  user: UserRow,
  session: { id: string },
  request: FastifyRequest,
  browser = false,
): Person {
  return {
    kind: 'person',
    userId: user.id,
    name: user.name,
    access: new Access(user.role, []),
    via: { kind: 'session', sessionId: session.id, browser },
    from: { address: request.ip, requestId: request.id },
  };
}

export function userObject({ id, name }: UserRow): { kind: 'user'; id: string; name: string } {
  return { kind: 'user', id, name };
}

/** The only place where tokens become text of an answer. */
export function presentTokens({ access, accessSeconds, refresh }: Tokens): SessionTokens {
  return {
    access_token: access,
    token_type: 'Bearer',
    expires_in: accessSeconds,
    refresh_token: refresh.reveal(),
  };
}
