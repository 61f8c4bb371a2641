// The cookie of a signed-in browser: its name, its flags, and how it is read.
import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hashToken } from '../auth/token.ts';

/**
 * The prefix makes browsers hold what we promise: Secure, for this host only, for all of its paths;
 * no other host or plain HTTP can set or replace it. They allow it on http://localhost too.
 */
export const BROWSER_COOKIE = '__Host-rivet';

const FLAGS = 'Path=/; Secure; HttpOnly; SameSite=Lax';

/** 32 bytes in base64url. */
const VALUE = /^[A-Za-z0-9_-]{43}$/;

export interface BrowserToken {
  readonly value: string;
  readonly hash: Buffer;
}

/** 256 random bits, of which the database keeps the hash. */
export function makeBrowserToken(): BrowserToken {
  const value = randomBytes(32).toString('base64url');
  return { value, hash: hashToken(value) };
}

/**
 * The hash of the cookie that a request brings: undefined without one, `invalid` for one that we
 * never made, and for two, of which nobody could say which is meant.
 */
export function readBrowserCookie(request: FastifyRequest): Buffer | 'invalid' | undefined {
  const values = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${BROWSER_COOKIE}=`))
    .map((pair) => pair.slice(BROWSER_COOKIE.length + 1));
  const [value] = values;
  if (value === undefined) return undefined;
  return values.length === 1 && VALUE.test(value) ? hashToken(value) : 'invalid';
}

/** @param seconds until the session ends whatever happens */
export function setBrowserCookie(reply: FastifyReply, value: string, seconds: number): void {
  reply.header('set-cookie', `${BROWSER_COOKIE}=${value}; Max-Age=${seconds}; ${FLAGS}`);
}

export function clearBrowserCookie(reply: FastifyReply): void {
  reply.header('set-cookie', `${BROWSER_COOKIE}=; Max-Age=0; ${FLAGS}`);
}
