// Passwords that an administrator hands on: easy to read out, good for setting another one.
import { randomInt } from 'node:crypto';
import { SecretText } from '@rivet/base';

/** No two that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 5;
const GROUP_LENGTH = 4;

/** For as long a temporary password can be used. */
export const TEMPORARY_SECONDS = 7 * 24 * 3600;

/** 20 characters, which are 99 random bits: `abcd-efgh-jkmn-pqrs-tuvw`. */
export function makeTemporaryPassword(): SecretText {
  const group = (): string =>
    Array.from({ length: GROUP_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return new SecretText(Array.from({ length: GROUPS }, group).join('-'));
}
