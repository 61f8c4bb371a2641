// What a new password must be: long, and not one of those that are tried first.
import { RivetError } from '@rivet/base';
import { PASSWORD_BYTES_MAX } from './passwords.ts';

/** Characters of a new password. */
const LENGTH_MIN = 12;
const DISTINCT_MIN = 5;
/** Letters that are left when everything is taken away that one guesses. */
const LETTERS_MIN = 4;
/** Shorter names are part of many words. */
const NAME_LENGTH_MIN = 4;

/** Words and rows of keys of which most passwords that leak are made. */
const GUESSED = new RegExp(
  [
    'p[a@]ss(?:w[o0]r[dt])?|qwert[yz]?u?i?o?p?|[az]?sdfg?h?j?k?l?|[yz]?xcvb?n?m?|abcd?e?f?g?h?',
    'letmein|welcome|iloveyou|administrator|admin|changeme|change|default|secret|monkey|dragon',
    'master|login|rivet|test|root|user|guest|hunter|summer|winter|spring|autumn',
  ].join('|'),
  'g',
);

/**
 * Refuses a password that is guessed easily.
 * @param name of the user, who must not use it as the password
 * @throws RIVET_AUTH_PASSWORD_WEAK with the reason, never with the password
 */
export function checkNewPassword(password: string, name: string): void {
  const reason = weakness(password.normalize('NFKC'), name);
  if (reason !== undefined) throw RivetError.of('RIVET_AUTH_PASSWORD_WEAK', { reason });
}

function weakness(password: string, name: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes > PASSWORD_BYTES_MAX) return `it has ${bytes} bytes; ${PASSWORD_BYTES_MAX} are taken`;
  const characters = [...password];
  if (characters.length < LENGTH_MIN) {
    return `it has ${characters.length} of at least ${LENGTH_MIN} characters`;
  }
  const distinct = new Set(characters).size;
  if (distinct < DISTINCT_MIN) return `it is made of ${distinct} different characters only`;
  const lower = password.toLowerCase();
  if (letters(lower) < LETTERS_MIN) return `it has fewer than ${LETTERS_MIN} letters`;
  const left = lower.replaceAll(GUESSED, '');
  if (letters(left) < LETTERS_MIN) return 'it is made of words that are tried first';
  const unnamed = name.length < NAME_LENGTH_MIN ? left : lower.replaceAll(name, '');
  return letters(unnamed) < LETTERS_MIN ? 'it is the name of the user with little else' : undefined;
}

function letters(text: string): number {
  return text.match(/\p{L}/gu)?.length ?? 0;
}
