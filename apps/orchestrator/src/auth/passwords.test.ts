// Passwords: what is stored, what is refused before it costs anything, and how long "no" takes.
import { randomBytes } from 'node:crypto';
import { processorMsOf } from '@rivet/testing';
import { expect, test } from 'vitest';
import { createPasswords } from './passwords.ts';

const CHEAP = { memoryKib: 1024, passes: 2, lanes: 1 };
const passwords = createPasswords({ cost: CHEAP });

test('a password matches its hash, and no other password does', async () => {
  const stored = await passwords.hash('correct horse battery');
  expect(await passwords.compare(stored, 'correct horse battery')).toEqual({
    matches: true,
    outdated: false,
  });
  for (const wrong of [
    'correct horse batterz',
    'Correct horse battery',
    'correct horse battery ',
  ]) {
    expect((await passwords.compare(stored, wrong)).matches).toBe(false);
  }
});

test('a hash has the parameters that OWASP asks for, and a salt of its own', async () => {
  const real = createPasswords();
  const [one, two] = await Promise.all([real.hash('the same'), real.hash('the same')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,p=1,t=2\$/);
  expect(one).not.toBe(two);
  expect(one).not.toContain('the same');
});

test('nobody matches whatever is typed, not even with the hash of nobody', async () => {
  for (const stored of [null, undefined]) {
    expect((await passwords.compare(stored, 'anything')).matches).toBe(false);
  }
});

test('the same password typed as other code points matches', async () => {
  const stored = await passwords.hash('pa\u0308ssw\u00f6rter \ufb01ne');
  expect((await passwords.compare(stored, 'p\u00e4sswo\u0308rter fine')).matches).toBe(true);
});

test('a hash with smaller parameters matches and is told to be outdated; a larger one is not', async () => {
  const stored = await passwords.hash('correct horse battery');
  const dearer = createPasswords({ cost: { ...CHEAP, memoryKib: 2048 } });
  expect(await dearer.compare(stored, 'correct horse battery')).toEqual({
    matches: true,
    outdated: true,
  });
  expect(await dearer.compare(stored, 'wrong')).toEqual({ matches: false, outdated: false });
  const dear = await dearer.hash('correct horse battery');
  expect((await passwords.compare(dear, 'correct horse battery')).outdated).toBe(false);
});

test.each([
  ['nothing', '', 0],
  ['1025 bytes', 'x'.repeat(1025), 1025],
  ['513 characters of two bytes', 'ä'.repeat(513), 1026],
  ['a megabyte', 'x'.repeat(1_000_000), 1_000_000],
])('%s is refused without hashing', async (_, password, found) => {
  // Hashing would need a gigabyte, which the hasher refuses in another way.
  const never = createPasswords({ cost: { memoryKib: 2 ** 32, passes: 1, lanes: 1 } });
  for (const refused of [never.compare(null, password), never.hash(password)]) {
    await expect(refused).rejects.toMatchObject({
      code: 'RIVET_AUTH_PASSWORD_SIZE',
      details: { found },
    });
  }
});

test('1024 bytes, one character, spaces and NUL are passwords like any other', async () => {
  for (const password of ['x'.repeat(1024), 'ä'.repeat(512), 'x', '            ', 'a\0b']) {
    const stored = await passwords.hash(password);
    expect((await passwords.compare(stored, password)).matches).toBe(true);
    expect((await passwords.compare(stored, `${password.slice(0, -1)}!`)).matches).toBe(false);
  }
  const stored = await passwords.hash('a\0b');
  expect((await passwords.compare(stored, 'a')).matches).toBe(false);
});

test('of many at once few are hashed, some wait, and the others are refused at once', async () => {
  const one = createPasswords({ cost: CHEAP, parallel: 1 });
  const results = await Promise.allSettled(
    Array.from({ length: 500 }, () => one.compare(null, randomBytes(12).toString('hex'))),
  );
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(results.length - refused.length).toBe(51);
  for (const result of refused) {
    expect((result as PromiseRejectedResult).reason).toMatchObject({
      code: 'RIVET_AUTH_BUSY',
      details: { retry_after_ms: 2000 },
    });
  }
  expect((await one.compare(null, 'later')).matches).toBe(false);
});

test('"no" takes as long for nobody as for somebody with a wrong password', async () => {
  const real = createPasswords({ cost: { memoryKib: 2048, passes: 2, lanes: 1 } });
  const stored = await real.hash('correct horse battery');
  await real.compare(null, 'warm-up');
  const [somebody, nobody]: number[][] = [[], []];
  // One after the other in turns: whatever else the machine does falls on both. A hash is nothing
  // but processor time, and waits for nobody.
  for (let turn = 0; turn < 40; turn += 1) {
    somebody?.push(await processorMsOf(() => real.compare(stored, 'wrong')));
    nobody?.push(await processorMsOf(() => real.compare(undefined, 'wrong')));
  }
  const ratio = fast(nobody ?? []) / fast(somebody ?? []);
  // Without the hash of nobody it would be near 0.
  expect(ratio).toBeGreaterThan(0.7);
  expect(ratio).toBeLessThan(1.4);
}, 60_000);

/** What the fastest tenth takes: the others tell how busy the machine is. */
function fast(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)] ?? 0;
}
