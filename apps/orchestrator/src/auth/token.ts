// Opaque tokens: 256 random bits behind a prefix that says what they are; only a hash is kept.
import { hash, randomBytes } from 'node:crypto';
import { SecretText } from '@rivet/base';

/** The kinds of tokens by what they open. */
export const tokenPrefixes = {
  apiKey: 'rvt_',
  runner: 'rvr_',
  registration: 'rvg_',
  refresh: 'rvf_',
  setup: 'rvs_',
} as const;

const BYTES = 32;
/** 32 bytes in base64url. */
const RANDOM = /^[A-Za-z0-9_-]{43}$/;
/** Of a token, for its owner to know it by: too little to guess the rest from. */
const SHOWN_CHARACTERS = 10;

export interface NewToken {
  readonly token: SecretText;
  readonly hash: Buffer;
  /** Its first characters. */
  readonly shown: string;
}

export function makeToken(kind: keyof typeof tokenPrefixes): NewToken {
  const text = tokenPrefixes[kind] + randomBytes(BYTES).toString('base64url');
  return {
    token: new SecretText(text),
    hash: hashToken(text),
    shown: text.slice(0, SHOWN_CHARACTERS),
  };
}

/**
 * SHA-256 of a token. A token has 256 random bits, so a fast hash is enough: there is nothing to
 * guess, and looking it up by the hash tells no more by its time than the hash itself.
 */
export function hashToken(token: string): Buffer {
  // Through its text, which takes half as long as bytes from the hash itself: each request has one.
  return Buffer.from(hash('sha256', token, 'hex'), 'hex');
}

/** What kind of token a text looks like; undefined when it is none of ours. */
export function kindOfToken(text: string): keyof typeof tokenPrefixes | undefined {
  const kinds = Object.keys(tokenPrefixes) as (keyof typeof tokenPrefixes)[];
  return kinds.find(
    (kind) =>
      text.startsWith(tokenPrefixes[kind]) && RANDOM.test(text.slice(tokenPrefixes[kind].length)),
  );
}
