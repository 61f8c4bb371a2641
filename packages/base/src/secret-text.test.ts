// A secret text shows nowhere unless it is revealed.
import { format, inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SecretText } from './secret-text.ts';

describe('a secret text', () => {
  const secret = new SecretText('hunter2');

  test('is shown as stars by everything that prints', () => {
    const shown = [
      `${secret}`,
      `a ${secret} b`,
      String(secret),
      JSON.stringify({ secret }),
      inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
      format('%s %o', secret, secret),
    ];
    for (const text of shown) {
      expect(text).toContain('***');
      expect(text).not.toContain('hunter2');
    }
  });

  test('is given by reveal alone', () => {
    expect(secret.reveal()).toBe('hunter2');
    expect(Object.values(secret)).toEqual([]);
  });
});
