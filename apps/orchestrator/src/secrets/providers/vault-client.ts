// Speaks HTTP with HashiCorp Vault: signing in, reading a secret of KV version 2, its errors.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { backoffMs, SecretText, sleep } from '@rivet/base';

/** How to sign in: with a token, or with the two halves of an AppRole. */
export type VaultAuth =
  | { readonly kind: 'token'; readonly token: () => Promise<SecretText> }
  | {
      readonly kind: 'approle';
      /** Where the method is mounted, `approle` as a rule. */
      readonly mount: string;
      readonly roleId: string;
      readonly secretId: () => Promise<SecretText>;
    };

export interface VaultOptions {
  /** `https://vault.example:8200`; without a slash at its end. */
  readonly address: string;
  readonly namespace: string | undefined;
  /** Of the authority that has signed Vault's certificate, PEM; undefined: the usual ones. */
  readonly ca: string | undefined;
  readonly auth: VaultAuth;
}

/** Where a field is: `mount`, `path` below it, `field` in the data. */
export interface VaultPlace {
  readonly mount: string;
  readonly path: string;
  readonly field: string;
}

/** Why Vault gave nothing, as a clause. Never holds a token or a value. */
export class VaultProblem extends Error {}

interface Answer {
  readonly status: number;
  readonly retryAfterMs: number;
  readonly body: Record<string, unknown>;
}

/** How long Vault may take, in milliseconds. */
export interface VaultLimits {
  readonly requestMs: number;
  /** Of a whole read with its sign-in and repeats: below what a runner waits for. */
  readonly readMs: number;
}

const LIMITS: VaultLimits = { requestMs: 5000, readMs: 15_000 };
const TRIES = 4;
const BACKOFF = { baseMs: 100, maxMs: 2000 };
const ANSWER_BYTES_MAX = 1024 * 1024;
/** Of the time that a token is good for; the rest is for clocks that differ. */
const TOKEN_SHARE = 0.8;
/** Answers after which the same may succeed a moment later: 412 and 472 come from replicas. */
const PASSING = new Set([412, 429, 472, 473, 500, 502, 503]);

export interface VaultClient {
  /**
   * The field as it stands in the newest version; undefined when there is no such path or field,
   * or the version was deleted.
   * @throws VaultProblem
   */
  read(place: VaultPlace): Promise<unknown>;
}

export function createVaultClient(
  options: VaultOptions,
  limits: VaultLimits = LIMITS,
): VaultClient {
  const connection: Connection = { ...options, limits };
  let session: { readonly token: SecretText; readonly untilMs: number } | undefined;

  let signingIn: Promise<SecretText> | undefined;

  const tokenNow = (deadline: AbortSignal): Promise<SecretText> => {
    const { auth } = options;
    if (auth.kind === 'token') return auth.token();
    if (session !== undefined && performance.now() < session.untilMs) {
      return Promise.resolve(session.token);
    }
    // One for all: a secret id may be good for a few times only.
    signingIn ??= signIn(auth, deadline).finally(() => {
      signingIn = undefined;
    });
    return signingIn;
  };
  const signIn = async (
    auth: VaultAuth & { kind: 'approle' },
    deadline: AbortSignal,
  ): Promise<SecretText> => {
    const secret_id = (await auth.secretId()).reveal();
    const path = `/v1/auth/${encodePath(auth.mount)}/login`;
    const body = JSON.stringify({ role_id: auth.roleId, secret_id });
    const answer = await patiently(connection, { method: 'POST', path, body }, deadline);
    if (answer.status !== 200) throw refusedSignIn(answer.status);
    const { client_token, lease_duration } = recordOf(answer.body.auth);
    if (typeof client_token !== 'string' || typeof lease_duration !== 'number') {
      throw new VaultProblem('its answer to the sign-in has no token');
    }
    const token = new SecretText(client_token);
    // A lease of 0 seconds is one without an end; looked at again within the hour all the same.
    const seconds = lease_duration > 0 ? Math.min(lease_duration, 3600) : 3600;
    session = { token, untilMs: performance.now() + seconds * 1000 * TOKEN_SHARE };
    return token;
  };
  return {
    async read({ mount, path, field }) {
      const deadline = AbortSignal.timeout(limits.readMs);
      const url = `/v1/${encodePath(mount)}/data/${encodePath(path)}`;
      const ask = (token: SecretText): Promise<Answer> =>
        patiently(connection, { method: 'GET', path: url, token }, deadline);
      const token = await tokenNow(deadline);
      let answer = await ask(token);
      if (answer.status === 403 && options.auth.kind === 'approle') {
        // The token may have been revoked; a new one tells whether it was that. Another read may
        // have one already.
        if (session?.token === token) session = undefined;
        answer = await ask(await tokenNow(deadline));
      }
      return fieldOf(answer, mount, path, field);
    },
  };
}

function fieldOf({ status, body }: Answer, mount: string, path: string, field: string): unknown {
  // A version that was deleted has this status too.
  if (status === 404) return undefined;
  if (status === 403) throw new VaultProblem(`its policy does not let Rivet read ${mount}/${path}`);
  if (status === 400) throw new VaultProblem(`${mount} is no KV engine of version 2, or no mount`);
  if (status !== 200) throw new VaultProblem(unexpected(status));
  const { data, metadata } = recordOf(body.data);
  if (typeof data !== 'object' || metadata === undefined) {
    throw new VaultProblem(`${mount} is no KV engine of version 2`);
  }
  const fields = recordOf(data);
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

function refusedSignIn(status: number): VaultProblem {
  if (status === 400 || status === 403 || status === 404) {
    return new VaultProblem(`it refused the role id or secret id of Rivet (${status})`);
  }
  return new VaultProblem(unexpected(status));
}

function unexpected(status: number): string {
  if (status === 503) return 'it is sealed, or under maintenance (503)';
  if (status === 429) return 'it has too much to do (429)';
  if (status >= 300 && status < 400) {
    return `it answered ${status}, which leads to another address: name that of the active node`;
  }
  return `it answered ${status}`;
}

type Connection = VaultOptions & { readonly limits: VaultLimits };

interface VaultRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly token?: SecretText;
}

/** Asks again while it is a passing trouble; the last answer, whatever it is. */
async function patiently(
  connection: Connection,
  asked: VaultRequest,
  deadline: AbortSignal,
): Promise<Answer> {
  for (let tried = 1; ; tried += 1) {
    let waitMs = backoffMs(tried, BACKOFF);
    try {
      const answer = await send(connection, asked, deadline);
      if (!PASSING.has(answer.status) || tried >= TRIES) return answer;
      waitMs = Math.max(waitMs, answer.retryAfterMs);
    } catch (error) {
      if (tried >= TRIES || deadline.aborted) throw error;
    }
    await sleep(waitMs, deadline);
    if (deadline.aborted) throw new VaultProblem(tooSlow(connection));
  }
}

function tooSlow({ limits }: Connection): string {
  return `it gave no answer within ${limits.readMs / 1000} seconds`;
}

/** One request. Redirects are not followed: the token is for this address. */
function send(
  connection: Connection,
  { method, path, body, token }: VaultRequest,
  deadline: AbortSignal,
): Promise<Answer> {
  const { address, namespace, ca, limits } = connection;
  const url = new URL(address + path);
  const begin = url.protocol === 'https:' ? requestHttps : requestHttp;
  const signal = AbortSignal.any([deadline, AbortSignal.timeout(limits.requestMs)]);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(
        new VaultProblem(
          signal.aborted ? tooSlow(connection) : `it cannot be reached: ${error.message}`,
        ),
      );
    };
    const sent = begin(url, {
      method,
      signal,
      ...(ca !== undefined && { ca }),
      headers: {
        'x-vault-request': 'true',
        ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
        ...(token !== undefined && { 'x-vault-token': token.reveal() }),
        ...(body !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(body)),
        }),
      },
    });
    sent.on('error', fail);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= ANSWER_BYTES_MAX) chunks.push(chunk);
        else response.destroy(new Error(`its answer is larger than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on('error', fail);
      response.on('end', () => {
        const retryAfterMs = Number(response.headers['retry-after'] ?? 0) * 1000;
        const answer = parse(Buffer.concat(chunks));
        const { statusCode: status = 0 } = response;
        if (answer === undefined && status === 200) {
          reject(new VaultProblem('its answer is no JSON: is this the address of Vault?'));
        } else {
          const wait = Number.isFinite(retryAfterMs) ? Math.max(0, retryAfterMs) : 0;
          resolve({ status, retryAfterMs: wait, body: answer ?? {} });
        }
      });
    });
    sent.end(body);
  });
}

function parse(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
