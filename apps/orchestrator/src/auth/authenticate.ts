// Says who sends a request, from its Authorization header or the cookie of its browser.
import { isRivetError, RivetError } from '@rivet/base';
import {
  type Database,
  findApiKeyHolder,
  findBrowserSessionHolder,
  findRegistrationToken,
  findSessionHolder,
  type SessionHolderRow,
  touchApiKey,
  touchSession,
} from '@rivet/store';
import type { FastifyRequest } from 'fastify';
import { Access } from '../access/access.ts';
import { readBrowserCookie } from '../http/browser-cookie.ts';
import { requireOwnPage } from '../http/same-origin.ts';
import type { KnownRunners } from '../runners/known-runners.ts';
import type { AccessTokens } from './access-tokens.ts';
import {
  anonymous,
  type Person,
  type Principal,
  type RegistrationPrincipal,
  type RunnerPrincipal,
} from './principal.ts';
import type { Throttle } from './throttle.ts';
import { hashToken, kindOfToken } from './token.ts';

export interface Authenticator {
  /**
   * Anonymous when the request brings nothing to know its sender by.
   * @throws RIVET_AUTH_INVALID when what it brings is not valid (any more)
   */
  authenticate(request: FastifyRequest): Promise<Principal>;
  /**
   * Who sent a request that may have begun long ago, with the rights of now; undefined when it
   * would be refused today.
   */
  stillValid(request: FastifyRequest): Promise<Principal | undefined>;
}

/** No token of ours is longer; what is longer is not looked at. */
const TOKEN_LENGTH_MAX = 4096;

/** What an access token names, once its signature was looked at. */
interface NamedSession {
  readonly id: string;
  readonly userId: string;
}

export function createAuthenticator(options: {
  readonly database: Database;
  readonly accessTokens: AccessTokens;
  readonly throttle: Throttle;
  readonly knownRunners: Pick<KnownRunners, 'identify'>;
}): Authenticator {
  const { database, accessTokens, throttle, knownRunners } = options;
  /** A stream goes on for as long as its session does, also when its token has ended. */
  const sessionsOfStreams = new WeakMap<FastifyRequest, NamedSession>();
  const byAccessToken = async (request: FastifyRequest, token: string): Promise<Person> => {
    const session = sessionsOfStreams.get(request) ?? (await accessTokens.verify(token));
    if (session === undefined) throw invalid();
    sessionsOfStreams.set(request, session);
    return bySession(database, session);
  };
  const identify = async (request: FastifyRequest): Promise<Principal> => {
    const header = request.headers.authorization;
    if (header === undefined) return byBrowserCookie(database, request);
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(header)?.[1];
    if (token === undefined || token.length > TOKEN_LENGTH_MAX) throw invalid();
    switch (kindOfToken(token)) {
      case 'apiKey':
        return byApiKey(database, token);
      case 'runner':
        return byRunnerToken(knownRunners, token);
      case 'registration':
        return byRegistrationToken(database, token);
      default:
        return byAccessToken(request, token);
    }
  };
  const authenticate = (request: FastifyRequest): Promise<Principal> =>
    identify(request).catch(async (error: unknown) => {
      const refused = isRivetError(error) && error.code === 'RIVET_AUTH_INVALID';
      if (refused) await throttle.failed('token', request.ip);
      throw error;
    });
  return {
    authenticate,
    stillValid: (request) =>
      identify(request).catch((error: unknown) => {
        if (isRivetError(error) && error.code === 'RIVET_AUTH_INVALID') return undefined;
        throw error;
      }),
  };
}

async function byApiKey(database: Database, token: string): Promise<Person> {
  const holder = await findApiKeyHolder(database, hashToken(token));
  if (holder === undefined) throw invalid();
  if (!holder.used_lately) await touchApiKey(database, holder.api_key_id);
  const { permissions, pipelines } = holder;
  return {
    kind: 'person',
    userId: holder.user_id,
    name: holder.name,
    access: new Access(holder.role, holder.grants, {
      ...(permissions !== null && { permissions }),
      ...(pipelines !== null && { pipelines }),
    }),
    via: { kind: 'api_key', apiKeyId: holder.api_key_id },
  };
}

async function bySession(database: Database, session: NamedSession): Promise<Person> {
  const holder = await findSessionHolder(database, session);
  if (holder === undefined) throw invalid();
  if (!holder.used_lately) await touchSession(database, session.id);
  return sessionPerson(holder);
}

/**
 * A cookie comes with whatever a browser is made to send, so it counts only for requests that a
 * page of ours makes. A token in a header is sent by nobody who does not have it.
 */
async function byBrowserCookie(database: Database, request: FastifyRequest): Promise<Principal> {
  const hash = readBrowserCookie(request);
  if (hash === undefined) return anonymous;
  requireOwnPage(request);
  const holder = hash === 'invalid' ? undefined : await findBrowserSessionHolder(database, hash);
  if (holder === undefined) throw invalid();
  if (!holder.used_lately) await touchSession(database, holder.session_id);
  return sessionPerson(holder);
}

/** The person that a session stands for. */
export function sessionPerson(holder: SessionHolderRow): Person {
  return {
    kind: 'person',
    userId: holder.user_id,
    name: holder.name,
    access: new Access(holder.role, holder.grants),
    via: { kind: 'session', sessionId: holder.session_id, browser: holder.kind === 'browser' },
  };
}

async function byRunnerToken(
  knownRunners: Pick<KnownRunners, 'identify'>,
  token: string,
): Promise<RunnerPrincipal> {
  const runner = await knownRunners.identify(hashToken(token));
  if (runner === undefined) throw invalid();
  return { kind: 'runner', runnerId: runner.id, name: runner.name };
}

/** Also one that is used up or expired: registering knows what it is still good for. */
async function byRegistrationToken(
  database: Database,
  token: string,
): Promise<RegistrationPrincipal> {
  const tokenId = await findRegistrationToken(database, hashToken(token));
  if (tokenId === undefined) throw invalid();
  return { kind: 'registration', tokenId };
}

function invalid(): RivetError {
  return RivetError.of('RIVET_AUTH_INVALID', {});
}
