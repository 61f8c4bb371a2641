// Temporary passwords: readable aloud, random, and good enough for the rule of new passwords.
import { expect, test } from 'vitest';
import { checkNewPassword } from './password-rule.ts';
import { makeTemporaryPassword } from './temporary-password.ts';

test('temporary passwords have no letters that look alike, are all different, and hide in logs', () => {
  const made = Array.from({ length: 500 }, makeTemporaryPassword);
  for (const password of made) {
    expect(password.reveal()).toMatch(/^([a-hjkmnp-z2-9]{4}-){4}[a-hjkmnp-z2-9]{4}$/);
    expect(`${password}`).toBe('***');
    expect(() => checkNewPassword(password.reveal(), 'ada')).not.toThrow();
  }
  expect(new Set(made.map((password) => password.reveal())).size).toBe(500);
});
