// Refresh tokens: which of them goes on, which is repeated, which gives a thief away.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  firstRefreshToken,
  judgeRefreshToken,
  type RefreshToken,
  readRefreshToken,
  type TokenMemory,
} from './refresh-tokens.ts';
import { makeToken } from './token.ts';

/** A session that knows no token but this one. */
const fresh = (token: RefreshToken): TokenMemory => ({
  token_hash: token.hash,
  previous_hash: null,
  rotation_salt: null,
  rotated_seconds: 0,
});

/** The token after `given`, and what the session remembers then. */
function rotate(given: RefreshToken, memory: TokenMemory): [RefreshToken, TokenMemory] {
  const judged = judgeRefreshToken(given, memory);
  if (judged.kind !== 'present') throw new Error(`the token is ${judged.kind}`);
  const { next, salt } = judged;
  return [
    next,
    {
      token_hash: next.hash,
      previous_hash: given.hash,
      rotation_salt: salt,
      rotated_seconds: 0,
    },
  ];
}

test('a token is read as it was written, and shares its lineage with those after it', () => {
  const first = firstRefreshToken();
  const text = first.token.reveal();
  expect(text).toMatch(/^rvf_[A-Za-z0-9_-]{86}$/);
  expect(String(first.token)).toBe('***');
  expect(readRefreshToken(text)?.hash).toEqual(first.hash);
  const [second] = rotate(first, fresh(first));
  expect(second.lineageHash).toEqual(first.lineageHash);
  expect(second.token.reveal()).not.toBe(text);
  expect(firstRefreshToken().lineageHash).not.toEqual(first.lineageHash);
});

test('a repeat within 30 seconds gets the very same next token; a later one is a copy', () => {
  const first = firstRefreshToken();
  const [second, memory] = rotate(first, fresh(first));
  const soon = judgeRefreshToken(first, { ...memory, rotated_seconds: 29.9 });
  expect(soon.kind === 'repeated' && soon.next.token.reveal()).toBe(second.token.reveal());
  expect(judgeRefreshToken(first, { ...memory, rotated_seconds: 30.1 }).kind).toBe('reused');
});

test('of a long chain only the last token goes on and only the one before is repeated', () => {
  let token = firstRefreshToken();
  let memory = fresh(token);
  const before: RefreshToken[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    before.push(token);
    [token, memory] = rotate(token, memory);
  }
  const kinds = [...before, token].map((each) => judgeRefreshToken(each, memory).kind);
  expect(kinds.slice(-2)).toEqual(['repeated', 'present']);
  expect(new Set(kinds.slice(0, -2))).toEqual(new Set(['reused']));
});

test('the next token does not follow from what the database keeps', () => {
  const first = firstRefreshToken();
  const one = judgeRefreshToken(first, fresh(first));
  const two = judgeRefreshToken(first, fresh(first));
  if (one.kind !== 'present' || two.kind !== 'present') throw new Error('both are present');
  expect(one.next.token.reveal()).not.toBe(two.next.token.reveal());
  expect(one.next.token.reveal()).not.toContain(one.salt.toString('base64url'));
});

test('any other text is no refresh token', () => {
  const wrong = [
    '',
    'rvf_',
    makeToken('refresh').token.reveal(),
    ` ${firstRefreshToken().token.reveal()}`,
    `${firstRefreshToken().token.reveal()}\n`,
    firstRefreshToken().token.reveal().replace('rvf_', 'rvt_'),
  ];
  for (const text of wrong) expect(readRefreshToken(text)).toBeUndefined();
  fc.assert(fc.property(fc.string(), (text) => readRefreshToken(text) === undefined));
});
