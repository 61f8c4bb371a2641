// Refresh tokens: each is used once, and the next follows from it, so that a copy is noticed.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { SecretText } from '@rivet/base';
import { hashToken, tokenPrefixes } from './token.ts';

/**
 * `rvf_`, 43 characters that all tokens of a session share, 43 that are this one's own. The first
 * part tells a copy of an old token from a text that somebody made up: only with it can a session
 * be ended.
 */
const PATTERN = /^rvf_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{43})$/;
const BYTES = 32;
/** For an answer that was lost, or two programs that refresh together. */
const REPEAT_SECONDS = 30;

export interface RefreshToken {
  readonly token: SecretText;
  readonly hash: Buffer;
  readonly lineageHash: Buffer;
}

/** What a session remembers of its tokens. */
export interface TokenMemory {
  readonly token_hash: Buffer;
  readonly previous_hash: Buffer | null;
  readonly rotation_salt: Buffer | null;
  readonly rotated_seconds: number;
}

export type Presented =
  /** The present token: the next one takes its place. */
  | { readonly kind: 'present'; readonly next: RefreshToken; readonly salt: Buffer }
  /** The one before, within seconds: it gets the present token again. */
  | { readonly kind: 'repeated'; readonly next: RefreshToken }
  /** One that was used: somebody has a copy. */
  | { readonly kind: 'reused' };

/** The first token of a session. */
export function firstRefreshToken(): RefreshToken {
  return compose(randomBytes(BYTES).toString('base64url'), randomBytes(BYTES));
}

/** Reads what a client sends; undefined when it is no refresh token. */
export function readRefreshToken(text: string): RefreshToken | undefined {
  const [, lineage] = PATTERN.exec(text) ?? [];
  if (lineage === undefined) return undefined;
  return { token: new SecretText(text), hash: hashToken(text), lineageHash: hashToken(lineage) };
}

/** What a token of a session is at this moment. */
export function judgeRefreshToken(given: RefreshToken, memory: TokenMemory): Presented {
  if (timingSafeEqual(given.hash, memory.token_hash)) {
    const salt = randomBytes(BYTES);
    return { kind: 'present', next: successor(given, salt), salt };
  }
  const { previous_hash, rotation_salt, rotated_seconds } = memory;
  const repeated =
    previous_hash !== null &&
    rotation_salt !== null &&
    rotated_seconds <= REPEAT_SECONDS &&
    timingSafeEqual(given.hash, previous_hash);
  return repeated
    ? { kind: 'repeated', next: successor(given, rotation_salt) }
    : { kind: 'reused' };
}

/** The same for the same token and salt; neither of them alone gives it. */
function successor(given: RefreshToken, salt: Buffer): RefreshToken {
  const text = given.token.reveal();
  const [, lineage = ''] = PATTERN.exec(text) ?? [];
  return compose(lineage, createHmac('sha256', text).update(salt).digest());
}

function compose(lineage: string, own: Buffer): RefreshToken {
  const text = `${tokenPrefixes.refresh}${lineage}${own.toString('base64url')}`;
  return { token: new SecretText(text), hash: hashToken(text), lineageHash: hashToken(lineage) };
}
