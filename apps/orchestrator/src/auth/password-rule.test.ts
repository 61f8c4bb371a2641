// New passwords: which are refused, and that the reason helps without repeating the password.
import { RivetError } from '@rivet/base';
import { expect, test } from 'vitest';
import { checkNewPassword } from './password-rule.ts';

test.each([
  ['short', 'it has 5 of at least 12 characters'],
  ['elevenchars', 'it has 11 of at least 12 characters'],
  ['äöüäöüäöüäö', 'it has 11 of at least 12 characters'],
  ['aaaaaaaaaaaa', 'it is made of 1 different characters only'],
  ['            ', 'it is made of 1 different characters only'],
  ['123456789012', 'it has fewer than 4 letters'],
  ['password1234', 'it is made of words that are tried first'],
  ['Password!2026', 'it is made of words that are tried first'],
  ['qwertyuiop123', 'it is made of words that are tried first'],
  ['welcome-admin-1', 'it is made of words that are tried first'],
  ['ada.lovelace-1', 'it is the name of the user with little else'],
  ['x'.repeat(1025), 'it has 1025 bytes; 1024 are taken'],
])('%.20s is refused: %s', (password, reason) => {
  const refusal = refusalOf(password);
  expect(refusal).toMatchObject({ code: 'RIVET_AUTH_PASSWORD_WEAK', details: { reason } });
  expect(refusal?.message).not.toContain(password);
});

test.each([
  'correct horse battery staple',
  'vK4-nnq8WzP2',
  'Zwölf Boxkämpfer jagen',
  '我喜欢在早上喝一杯绿茶吧',
  'my admin password is long enough',
  'b7f0c2d19e4a8365',
])('%s is taken', (password) => {
  expect(refusalOf(password)).toBeUndefined();
});

test('a user whose name is a letter or two is not told off for using it', () => {
  expect(() => checkNewPassword('correct horse battery', 'e')).not.toThrow();
});

function refusalOf(password: string): RivetError | undefined {
  try {
    checkNewPassword(password, 'ada.lovelace');
    return undefined;
  } catch (error) {
    if (error instanceof RivetError) return error;
    throw error;
  }
}
