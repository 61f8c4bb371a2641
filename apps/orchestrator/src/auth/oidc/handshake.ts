// What a sign-in elsewhere is bound to the browser by: one secret in a cookie, from which state,
// nonce and PKCE verifier are derived. The database keeps its hash only, for one use.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Handshake {
  /** For the cookie. */
  readonly secret: string;
  /** By which the database knows it. */
  readonly hash: Buffer;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

const BYTES = 32;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

export function newHandshake(): Handshake {
  return derive(randomBytes(BYTES).toString('base64url'));
}

/** The handshake of a cookie; undefined for one that is not ours. */
export function readHandshake(secret: string | undefined): Handshake | undefined {
  return secret !== undefined && SECRET.test(secret) ? derive(secret) : undefined;
}

export function hasState({ state }: Handshake, given: string | undefined): boolean {
  return given !== undefined && timingSafeEqual(digest(state), digest(given));
}

/** The challenge of a verifier (PKCE, S256). */
export function challengeOf(verifier: string): string {
  return digest(verifier).toString('base64url');
}

function derive(secret: string): Handshake {
  const part = (purpose: string): string =>
    createHmac('sha256', secret).update(`rivet oidc 1 ${purpose}`).digest('base64url');
  return {
    secret,
    hash: digest(secret),
    state: part('state'),
    nonce: part('nonce'),
    codeVerifier: part('verifier'),
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
