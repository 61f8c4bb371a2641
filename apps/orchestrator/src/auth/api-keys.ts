// API keys: made, listed and revoked by those whose they are, and by administrators.
import { RivetError, uuidv7 } from '@rivet/base';
import type { AccessPermission, CreateApiKeyRequest } from '@rivet/protocol';
import {
  type ApiKeyRow,
  type ApiKeyScope,
  countApiKeys,
  findApiKeys,
  forgetApiKeys,
  insertApiKey,
  lockApiKey,
  type Queryable,
  revokeApiKey,
} from '@rivet/store';
import { findSubjectUser, whileThere } from '../access/find-subject.ts';
import { denied } from '../access/guard.ts';
import { coversPattern, readPattern } from '../access/pattern.ts';
import type { AccessServices } from '../access/teams.ts';
import { onlyOne } from '../find.ts';
import type { Person } from './principal.ts';
import { makeToken } from './token.ts';

const DEFAULT_MS = 90 * 24 * 3_600_000;
const KEYS_MAX = 100;

interface Limits {
  readonly permissions: readonly AccessPermission[] | null;
  readonly pipelines: readonly string[] | null;
}

/**
 * Makes a key. One that is made with another key can neither do more nor live longer than that,
 * and ends with it.
 * @throws RIVET_ACCESS_DENIED, RIVET_API_KEY_EXCEEDS, RIVET_API_KEY_LIMIT, RIVET_ACCESS_PATTERN,
 * RIVET_USER_NOT_FOUND
 */
export async function createApiKey(
  { database, audit }: AccessServices,
  person: Person,
  request: CreateApiKeyRequest,
): Promise<{ row: ApiKeyRow; token: string }> {
  const owner = await ownerOf(database, person, request.user);
  if (owner.id !== person.userId && isLimited(person)) throw exceeds('may more');
  const limits = limitsOf(person, request);
  const { token, hash, shown } = makeToken('apiKey');
  const id = uuidv7();
  const store = async (tx: Queryable): Promise<ApiKeyRow | undefined> => {
    await forgetApiKeys(tx, owner.id);
    if ((await countApiKeys(tx, owner.id)) >= KEYS_MAX) {
      throw RivetError.of('RIVET_API_KEY_LIMIT', { user: owner.name, limit: KEYS_MAX });
    }
    const parent = await lockMaker(tx, person);
    const expiresAt = expiryOf(request.expires_in_seconds, parent?.expires_at ?? null);
    await insertApiKey(tx, {
      id,
      userId: owner.id,
      name: request.name,
      hash,
      prefix: shown,
      ...limits,
      expiresAt,
      ...(parent && { parentId: parent.id }),
    });
    await audit.record(tx, person, {
      action: 'api_key.create',
      object: { kind: 'api_key', id, name: request.name },
      details: {
        user: owner.name,
        permissions: limits.permissions,
        pipelines: limits.pipelines,
        expires_at: expiresAt.toISOString(),
      },
    });
    return await lockApiKey(tx, id);
  };
  const row = await whileThere(
    () => database.transaction(store, { repeatable: false }),
    () => (request.user === undefined ? signedOut() : findSubjectUser(database, request.user)),
  );
  if (row === undefined) throw RivetError.of('RIVET_API_KEY_NOT_FOUND', { id });
  return { row, token: token.reveal() };
}

/**
 * Ends a key at once, with those that were made with it.
 * @throws RIVET_API_KEY_NOT_FOUND also when it is somebody else's, RIVET_ID_AMBIGUOUS
 */
export async function endApiKey(
  { database, audit }: AccessServices,
  person: Person,
  prefix: string,
): Promise<void> {
  const scope = managesUsers(person) ? { userId: null, apiKeyId: null } : ownScope(person);
  const key = onlyOne(prefix, await findApiKeys(database, prefix, scope));
  if (key === undefined) throw RivetError.of('RIVET_API_KEY_NOT_FOUND', { id: prefix });
  await database.transaction(
    async (tx) => {
      // Locks the owner, so that no key is being made with this one meanwhile.
      await countApiKeys(tx, key.user_id);
      const count = await revokeApiKey(tx, key.id);
      if (count === 0) return;
      await audit.record(tx, person, {
        action: 'api_key.revoke',
        object: { kind: 'api_key', id: key.id, name: key.name },
        details: { user: key.user_name, with_those_made_by_it: count },
      });
    },
    { repeatable: true },
  );
}

/**
 * Which keys a list shows: one's own, those of another user, or with `*` everybody's.
 * @throws RIVET_ACCESS_DENIED, RIVET_USER_NOT_FOUND
 */
export async function listedKeys(
  db: Queryable,
  person: Person,
  user: string | undefined,
): Promise<ApiKeyScope> {
  if (user === undefined) return ownScope(person);
  if (user === '*') {
    requireUsers(person);
    return { userId: null, apiKeyId: null };
  }
  const { id } = await ownerOf(db, person, user);
  return id === person.userId ? ownScope(person) : { userId: id, apiKeyId: null };
}

/** A key with limits sees itself and what was made with it, or it would be a way around them. */
function ownScope(person: Person): ApiKeyScope {
  const { userId, via } = person;
  return { userId, apiKeyId: via.kind === 'api_key' && isLimited(person) ? via.apiKeyId : null };
}

function isLimited({ access }: Person): boolean {
  const { permissions, pipelines } = access.limits;
  return permissions !== undefined || pipelines !== undefined;
}

/** The user that somebody names; whether there is another one is told to those who manage users. */
async function ownerOf(
  db: Queryable,
  person: Person,
  user: string | undefined,
): Promise<{ id: string; name: string }> {
  if (user === undefined || user === person.name) return { id: person.userId, name: person.name };
  requireUsers(person);
  return findSubjectUser(db, user);
}

function managesUsers(person: Person): boolean {
  return person.access.may('users.manage');
}

function requireUsers(person: Person): void {
  if (!managesUsers(person)) throw denied(person, 'users.manage');
}

function limitsOf({ access }: Person, request: CreateApiKeyRequest): Limits {
  const { permissions, pipelines } = request;
  const patterns = pipelines?.map((pattern) => readPattern('pipeline', pattern));
  const own = access.limits;
  if (permissions?.some((permission) => !access.withinLimits(permission)))
    throw exceeds('may more');
  const covered = (pattern: string): boolean =>
    own.pipelines === undefined || coversPattern(own.pipelines, pattern);
  if (patterns?.some((pattern) => !covered(pattern))) throw exceeds('may more');
  return {
    permissions: sorted(permissions ?? own.permissions),
    pipelines: sorted(patterns ?? own.pipelines),
  };
}

function sorted<T extends string>(list: readonly T[] | undefined): T[] | null {
  return list === undefined ? null : [...new Set(list)].sort();
}

/** The key that a request came with, which nobody revokes until the transaction ends. */
async function lockMaker(tx: Queryable, { via }: Person): Promise<ApiKeyRow | undefined> {
  if (via.kind !== 'api_key') return undefined;
  const maker = await lockApiKey(tx, via.apiKeyId);
  if (maker === undefined) throw RivetError.of('RIVET_AUTH_INVALID', {});
  return maker;
}

function expiryOf(seconds: number | undefined, parentEnds: Date | null): Date {
  const end = new Date(Date.now() + (seconds === undefined ? DEFAULT_MS : seconds * 1000));
  if (parentEnds === null || end <= parentEnds) return end;
  if (seconds !== undefined) throw exceeds('lives longer');
  return parentEnds;
}

/** The user of the request is not there any more. */
function signedOut(): Promise<never> {
  return Promise.reject(RivetError.of('RIVET_AUTH_INVALID', {}));
}

function exceeds(what: string): RivetError {
  return RivetError.of('RIVET_API_KEY_EXCEEDS', { what });
}
