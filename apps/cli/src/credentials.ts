// By what a command is known to its server: a token of the environment, an API key or a session of
// the configuration file. A token goes to the server that it is for, and to no other.
import { isRivetError, RivetError } from '@rivet/base';
import { createClient, type FetchInit } from '@rivet/protocol';
import { loadConfig } from './config.ts';
import { changeConfigFile, type Environment, type StoredContext } from './config-file.ts';
import type { Server } from './contexts.ts';
import { type Fetch, fetchFor } from './server-fetch.ts';

export interface Credentials {
  readonly kind: 'none' | 'variable' | 'api_key' | 'session';
  /** The token to send; undefined: none. */
  current(): Promise<string | undefined>;
  /** Another token in place of one that the server refused; undefined: there is none. */
  renew(refused: string): Promise<string | undefined>;
}

/** An access token with less time than this is renewed before it is sent. */
const RENEW_BEFORE_MS = 30_000;
/**
 * Of a try. Three of them and the pauses between take less than the 30 seconds within which the
 * server gives the same answer again: a later one would look like the token of a thief.
 */
const RENEW_MS_MAX = 8_000;
/** What a header can carry; a line end in a token would be shown by the error of `fetch`. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * The credentials for a server.
 * @throws RIVET_CLI_TOKEN_INVALID, RIVET_CLI_TOKEN_ELSEWHERE, RIVET_CLI_PLAINTEXT
 */
export async function credentialsFor(server: Server, env: Environment): Promise<Credentials> {
  const credentials = await chooseCredentials(server, env);
  if (credentials.kind !== 'none') refusePlaintext(server.url, env);
  return credentials;
}

async function chooseCredentials(server: Server, env: Environment): Promise<Credentials> {
  const { url, stored } = server;
  const { RIVET_TOKEN: token = '' } = env;
  if (token !== '') {
    requireToken(token);
    const used = await loadConfig(env);
    // A context can be changed at any time, and in another terminal: a token is for an address.
    const home = used.context === undefined ? used.url : undefined;
    if (home === url) return fixed('variable', token);
    if (stored === undefined || (home === undefined && used.url === url)) {
      const named = home ?? 'the server of RIVET_URL, which is not set';
      throw RivetError.of('RIVET_CLI_TOKEN_ELSEWHERE', { home: named, url });
    }
  }
  if (stored === undefined) return fixed('none', undefined);
  const { name, context } = stored;
  if (context.api_key !== undefined) return fixed('api_key', context.api_key);
  return session(name, context, env, await fetchFor(server, env));
}

/**
 * Refuses to send what others could read on the way.
 * @throws RIVET_CLI_PLAINTEXT
 */
export function refusePlaintext(url: string, env: Environment): void {
  const { protocol, hostname } = new URL(url);
  const isLoopback = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  if (protocol === 'https:' || isLoopback || env.RIVET_ALLOW_PLAINTEXT === 'yes') return;
  throw RivetError.of('RIVET_CLI_PLAINTEXT', { url });
}

/**
 * A `fetch` that says who asks. A refused token is renewed once: the server has done nothing.
 * @param url of the server; requests to another origin go without
 */
export function authorizedFetch(url: string, credentials: Credentials, fetch: Fetch): Fetch {
  const { origin } = new URL(url);
  return async (input, init) => {
    if (new URL(input).origin !== origin) {
      return await fetch(input, init);
    }
    const token = await credentials.current();
    if (token === undefined) return await fetch(input, init);
    const response = await fetch(input, withToken(init, token));
    if (response.status !== 401) return response;
    const renewed = await credentials.renew(token);
    if (renewed === undefined) return response;
    await response.body?.cancel();
    return await fetch(input, withToken(init, renewed));
  };
}

function withToken(init: FetchInit, token: string): FetchInit {
  return { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } };
}

function requireToken(token: string): void {
  // Its value is never shown.
  const refused = (found: string): RivetError =>
    RivetError.of('RIVET_CLI_TOKEN_INVALID', { found });
  if (!TOKEN.test(token)) throw refused('text with spaces, line ends or other such characters');
  const others = { rvr_: 'runner', rvg_: 'registration', rvf_: 'refresh', rvs_: 'set-up' };
  for (const [prefix, kind] of Object.entries(others)) {
    if (token.startsWith(prefix)) throw refused(`a ${kind} token`);
  }
}

function fixed(kind: 'none' | 'variable' | 'api_key', token: string | undefined): Credentials {
  return { kind, current: async () => token, renew: async () => undefined };
}

/** The session that a context keeps; its tokens change under way, for all processes at once. */
function session(name: string, stored: StoredContext, env: Environment, fetch: Fetch): Credentials {
  let known = stored;
  const renew = async (refused: string | undefined): Promise<string> => {
    known = await renewSession(name, known, refused, { env, fetch });
    return known.access_token ?? '';
  };
  return {
    kind: 'session',
    current: async () => {
      const { access_token: token } = known;
      return token !== undefined && isFresh(known) ? token : await renew(token);
    },
    renew,
  };
}

function isFresh({ access_expires_at: expiresAt }: StoredContext): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) - Date.now() > RENEW_BEFORE_MS;
}

/**
 * Renews the tokens of a context, unless another process just has: a refresh token that is used
 * twice ends its session.
 * @param refused the access token that is of no use any more
 * @throws RIVET_CLI_SESSION_ENDED, or why the server could not be asked
 */
async function renewSession(
  name: string,
  { url, user = 'somebody' }: StoredContext,
  refused: string | undefined,
  { env, fetch }: { env: Environment; fetch: Fetch },
): Promise<StoredContext> {
  const ended = (): RivetError => RivetError.of('RIVET_CLI_SESSION_ENDED', { user, url });
  let result: StoredContext | undefined;
  let failure: RivetError | undefined;
  await changeConfigFile(env, async (file) => {
    const now = file.contexts.get(name);
    // Somebody else may have signed out, or this name may be another server's by now.
    if (now === undefined || now.url !== url || now.refresh_token === undefined) {
      failure = ended();
      return undefined;
    }
    const isNew = now.access_token !== undefined && now.access_token !== refused;
    if (isNew && isFresh(now)) {
      result = now;
      return undefined;
    }
    try {
      result = await refreshTokens(now, now.refresh_token, fetch);
    } catch (error) {
      if (!isRivetError(error, 'RIVET_AUTH_INVALID')) throw error;
      failure = ended();
    }
    const { access_token, access_expires_at, refresh_token, ...rest } = now;
    return { ...file, contexts: new Map([...file.contexts, [name, result ?? rest]]) };
  });
  if (result === undefined) throw failure ?? ended();
  return result;
}

/** Not ended by Ctrl-C: the answer holds the only token that the session goes on with. */
async function refreshTokens(
  context: StoredContext,
  refreshToken: string,
  fetch: Fetch,
): Promise<StoredContext> {
  const client = createClient({ url: context.url, userAgent: 'rivet-cli', fetch, triesMax: 3 });
  const body = { refresh_token: refreshToken };
  const tokens = await client.refreshSession({ body, timeoutMs: RENEW_MS_MAX });
  return { ...context, ...storedTokens(tokens) };
}

/** The tokens of an answer as a context keeps them; times are those of this machine. */
export function storedTokens(tokens: {
  readonly access_token: string;
  readonly expires_in: number;
  readonly refresh_token: string;
}): Pick<StoredContext, 'access_token' | 'access_expires_at' | 'refresh_token'> {
  return {
    access_token: tokens.access_token,
    access_expires_at: new Date(Date.now() + tokens.expires_in * 1000).toISOString(),
    refresh_token: tokens.refresh_token,
  };
}
