// Says who sends a request, from its Authorization header.
import { isRivetError, RivetError } from '@rivet/base';
import {
  type Database,
  findApiKeyHolder,
  findRegistrationToken,
  findRunnerByToken,
  touchApiKey,
} from '@rivet/store';
import type { FastifyRequest } from 'fastify';
import { Access } from '../access/access.ts';
import {
  anonymous,
  type Person,
  type Principal,
  type RegistrationPrincipal,
  type RunnerPrincipal,
} from './principal.ts';
import { hashToken, kindOfToken } from './token.ts';

export interface Authenticator {
  /**
   * Anonymous when the request brings nothing to know its sender by.
   * @throws RIVET_AUTH_INVALID when what it brings is not valid (any more)
   */
  authenticate(request: FastifyRequest): Promise<Principal>;
  /**
   * Who sent a request that may have begun long ago, with the rights of now; undefined when it would
   * be refused today.
   */
  stillValid(request: FastifyRequest): Promise<Principal | undefined>;
}

/** No token of ours is longer; what is longer is not looked at. */
const TOKEN_LENGTH_MAX = 4096;

export function createAuthenticator(database: Database): Authenticator {
  const authenticate = async (request: FastifyRequest): Promise<Principal> => {
    const header = request.headers.authorization;
    if (header === undefined) return anonymous;
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(header)?.[1];
    if (token === undefined || token.length > TOKEN_LENGTH_MAX) throw invalid();
    switch (kindOfToken(token)) {
      case 'apiKey':
        return byApiKey(database, token);
      case 'runner':
        return byRunnerToken(database, token);
      case 'registration':
        return byRegistrationToken(database, token);
      default:
        throw invalid();
    }
  };
  return {
    authenticate,
    stillValid: (request) =>
      authenticate(request).catch((error: unknown) => {
        if (isRivetError(error) && error.code === 'RIVET_AUTH_INVALID') return undefined;
        throw error;
      }),
  };
}

async function byApiKey(database: Database, token: string): Promise<Person> {
  const holder = await findApiKeyHolder(database, hashToken(token));
  if (holder === undefined) throw invalid();
  await touchApiKey(database, holder.api_key_id);
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

async function byRunnerToken(database: Database, token: string): Promise<RunnerPrincipal> {
  const runner = await findRunnerByToken(database, hashToken(token));
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
