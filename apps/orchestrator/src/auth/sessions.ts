// Sessions: begun by a sign-in, carried on by refresh tokens or a cookie, ended at once everywhere.
import { RivetError, type SecretText, uuidv7 } from '@rivet/base';
import {
  type Database,
  endSession,
  insertSession,
  lockSessionByLineage,
  noteUserLogin,
  type Queryable,
  rotateSession,
  type SessionKind,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AccessTokens } from './access-tokens.ts';
import { clientAddress } from './client-address.ts';
import {
  firstRefreshToken,
  judgeRefreshToken,
  type RefreshToken,
  readRefreshToken,
} from './refresh-tokens.ts';
import type { Throttle } from './throttle.ts';

/** Who signs in from where, as far as the request tells. */
export interface Client {
  readonly ip: string;
  readonly requestId: string;
  readonly userAgent: string | undefined;
}

/** What a program goes on with. */
export interface Tokens {
  readonly access: string;
  readonly accessSeconds: number;
  readonly refresh: SecretText;
}

interface SessionUser {
  readonly id: string;
  /** As it was when the user was looked at. */
  readonly token_version: number;
}

/** A session of a program that has just begun. */
export interface NewSession {
  readonly id: string;
  readonly userId: string;
  readonly refresh: SecretText;
}

export interface Sessions {
  /** Begins a session of a program for a user who has proved to be it. */
  begin(tx: Queryable, user: SessionUser, client: Client): Promise<NewSession>;
  /** Begins a session of a browser, whose cookie has that hash. */
  beginBrowser(
    tx: Queryable,
    user: SessionUser,
    cookieHash: Buffer,
    client: Client,
  ): Promise<{ id: string }>;
  /** The first tokens of a session, once its transaction has ended. */
  tokensOf(session: NewSession): Promise<Tokens>;
  /**
   * The next tokens. Within 30 seconds the token before gets the same again; later it ends the
   * session, as somebody has a copy.
   * @throws RIVET_AUTH_INVALID, RIVET_AUTH_THROTTLED
   */
  refresh(token: string, client: Client): Promise<Tokens>;
}

/** Longer than browsers have; the rest says nothing more. */
const USER_AGENT_LENGTH_MAX = 300;

export function createSessions(options: {
  readonly database: Database;
  readonly accessTokens: AccessTokens;
  readonly throttle: Throttle;
  readonly audit: AuditLog;
}): Sessions {
  const { database, accessTokens, throttle, audit } = options;

  /** The session goes on in a transaction of its own, so that its end by a copy is kept. */
  const advance = (
    given: RefreshToken,
    client: Client,
  ): Promise<{ id: string; userId: string; next: RefreshToken } | undefined> =>
    database.transaction(
      async (tx) => {
        const session = await lockSessionByLineage(tx, given.lineageHash);
        if (session === undefined) return undefined;
        const { id, user_id: userId } = session;
        const presented = judgeRefreshToken(given, session);
        if (presented.kind === 'reused') {
          await endSession(tx, { id, userId, reason: 'reuse' });
          const from = { address: client.ip, requestId: client.requestId };
          await audit.record(
            tx,
            { kind: 'anonymous', from },
            {
              action: 'auth.session_stolen',
              object: { kind: 'session', id, name: '' },
              details: { user: userId },
            },
          );
          return undefined;
        }
        const { next } = presented;
        if (presented.kind === 'present') {
          const { salt } = presented;
          await rotateSession(tx, { id, tokenHash: next.hash, salt, ...describe(client) });
        }
        return { id, userId, next };
      },
      // What was lost with the connection is repeated as a client would repeat it.
      { repeatable: true },
    );

  return {
    async begin(tx, user, client) {
      const { token, hash, lineageHash } = firstRefreshToken();
      const id = await insert(tx, { user, kind: 'cli', tokenHash: hash, lineageHash, client });
      return { id, userId: user.id, refresh: token };
    },
    async beginBrowser(tx, user, tokenHash, client) {
      const id = await insert(tx, { user, kind: 'browser', tokenHash, lineageHash: null, client });
      return { id };
    },
    tokensOf: async (session) => {
      const access = await accessTokens.issue(session);
      return {
        access: access.token,
        accessSeconds: access.seconds,
        refresh: session.refresh,
      };
    },
    async refresh(text, client) {
      const given = readRefreshToken(text);
      const session = given === undefined ? undefined : await advance(given, client);
      if (session === undefined) {
        await throttle.failed('refresh', client.ip);
        throw RivetError.of('RIVET_AUTH_INVALID', {});
      }
      const { id, userId, next } = session;
      const access = await accessTokens.issue({ id, userId });
      return { access: access.token, accessSeconds: access.seconds, refresh: next.token };
    },
  };
}

async function insert(
  tx: Queryable,
  session: {
    user: SessionUser;
    kind: SessionKind;
    tokenHash: Buffer;
    lineageHash: Buffer | null;
    client: Client;
  },
): Promise<string> {
  const { user, kind, tokenHash, lineageHash, client } = session;
  const id = uuidv7();
  const owner = { userId: user.id, tokenVersion: user.token_version };
  await insertSession(tx, { id, kind, tokenHash, lineageHash, ...owner, ...describe(client) });
  await noteUserLogin(tx, user.id);
  return id;
}

function describe({ ip, userAgent = '' }: Client): { address: string; userAgent: string } {
  return { address: clientAddress(ip), userAgent: userAgent.slice(0, USER_AGENT_LENGTH_MAX) };
}
