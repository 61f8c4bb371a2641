// Sessions: begun by a sign-in, carried on by refresh tokens or a cookie, ended at once everywhere.
import { type Logger, RivetError, type SecretText, uuidv7 } from '@rivet/base';
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
  readonly userAgent: string | undefined;
}

/** What a program goes on with. */
export interface Tokens {
  readonly access: string;
  readonly accessSeconds: number;
  readonly refresh: SecretText;
}

export interface SessionUser {
  readonly id: string;
  /** As it was when the user was looked at. */
  readonly token_version: number;
}

export interface Sessions {
  /**
   * Begins a session of a user who has proved to be it.
   * @param kind `browser`: the token is for a cookie and stays; `cli`: it is a refresh token
   */
  begin(
    tx: Queryable,
    user: SessionUser,
    kind: SessionKind,
    client: Client,
  ): Promise<{ id: string; token: SecretText }>;
  /** The first tokens of a session of the kind `cli`. */
  tokensOf(session: { id: string; token: SecretText }, userId: string): Promise<Tokens>;
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
  readonly logger: Logger;
}): Sessions {
  const { database, accessTokens, throttle, logger } = options;

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
          logger.warn(
            { session: id, user: userId, address: clientAddress(client.ip) },
            'a refresh token was used twice: its session was ended, as somebody has a copy',
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
    async begin(tx, user, kind, client) {
      const id = uuidv7();
      const first = firstRefreshToken();
      await insertSession(tx, {
        id,
        userId: user.id,
        kind,
        tokenHash: first.hash,
        lineageHash: kind === 'cli' ? first.lineageHash : null,
        tokenVersion: user.token_version,
        ...describe(client),
      });
      await noteUserLogin(tx, user.id);
      return { id, token: first.token };
    },
    tokensOf: async ({ id, token }, userId) => {
      const access = await accessTokens.issue({ id, userId });
      return { access: access.token, accessSeconds: access.seconds, refresh: token };
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

function describe({ ip, userAgent = '' }: Client): { address: string; userAgent: string } {
  return { address: clientAddress(ip), userAgent: userAgent.slice(0, USER_AGENT_LENGTH_MAX) };
}
