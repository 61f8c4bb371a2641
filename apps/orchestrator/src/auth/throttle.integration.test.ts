// Limits of attempts: what stops a guesser, and that it stops nobody else.
import { randomUUID } from 'node:crypto';
import { uuidv7 } from '@rivet/base';
import { type Database, forgetAttempts, insertSession } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openTestDatabase } from '../test-orchestrator.ts';
import { seedPersonWithPassword } from './test-people.ts';
import { createThrottle, type Throttle } from './throttle.ts';

const testDatabase = useTestDatabase();
let database: Database;
let throttle: Throttle;

beforeAll(() => {
  database = openTestDatabase(testDatabase.url);
});
afterAll(() => database?.close());

const run = (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
  database.query({ name: '', text, repeatable: true }, values);

beforeEach(async () => {
  // Another one each time, as another orchestrator is.
  throttle = createThrottle(database);
  await run('DELETE FROM attempt_limits');
});

/** How many of `count` attempts, one after the other, are let through. */
async function allowed(
  count: number,
  attempt: (turn: number) => Promise<unknown>,
): Promise<number> {
  let passed = 0;
  for (let turn = 0; turn < count; turn += 1) {
    await attempt(turn).then(
      () => {
        passed += 1;
      },
      (error: { code?: string }) => expect(error.code).toBe('RIVET_AUTH_THROTTLED'),
    );
  }
  return passed;
}

const ATTACKER = '203.0.113.7';
const HOME = '198.51.100.4';

test('a name can be tried ten times from an address, and says when it can be tried again', async () => {
  expect(await allowed(12, () => throttle.login('ada', ATTACKER))).toBe(10);
  const refused = throttle.login('ada', ATTACKER);
  await expect(refused).rejects.toMatchObject({ code: 'RIVET_AUTH_THROTTLED' });
  const { details } = (await refused.catch((error) => error)) as {
    details: { retry_after_ms: number; wait: string };
  };
  // 15 minutes for ten: the next one after a minute and a half.
  expect(details.retry_after_ms).toBeGreaterThan(80_000);
  expect(details.retry_after_ms).toBeLessThanOrEqual(90_000);
  expect(details.wait).toMatch(/^1m/);
});

test('whoever uses up the attempts of a name at one address locks nobody out elsewhere', async () => {
  await allowed(20, () => throttle.login('ada', ATTACKER));
  expect(await allowed(5, () => throttle.login('ada', HOME))).toBe(5);
});

test('an address can try sixty times in all, whatever the names', async () => {
  expect(await allowed(70, (turn) => throttle.login(`name-${turn}`, ATTACKER))).toBe(60);
  expect(await allowed(5, () => throttle.login('ada', HOME))).toBe(5);
});

test('where a user has signed in before, others cannot use up the attempts of the address', async () => {
  const { id, name } = await seedPersonWithPassword(database);
  await insertSession(database, {
    id: uuidv7(),
    userId: id,
    kind: 'cli',
    tokenHash: Buffer.from(randomUUID()),
    lineageHash: null,
    tokenVersion: 1,
    address: HOME,
    userAgent: 'test',
  });
  await allowed(70, (turn) => throttle.login(`name-${turn}`, HOME));
  await expect(throttle.login('bob', HOME)).rejects.toMatchObject({ code: 'RIVET_AUTH_THROTTLED' });
  expect(await allowed(12, () => throttle.login(name, HOME))).toBe(10);
});

test('attempts with the right password cost nothing', async () => {
  const succeed = async (): Promise<void> => (await throttle.login('ada', HOME)).giveBack();
  expect(await allowed(100, succeed)).toBe(100);
  expect(await allowed(12, () => throttle.login('ada', HOME))).toBe(10);
});

test('an IPv6 network counts as one address, the next one as another', async () => {
  const address = (turn: number): string => `2001:db8:0:1::${(turn + 1).toString(16)}`;
  expect(await allowed(30, (turn) => throttle.login('ada', address(turn)))).toBe(10);
  expect(await allowed(3, () => throttle.login('ada', '2001:db8:0:2::1'))).toBe(3);
});

test('five hundred attempts at once at several orchestrators are no more than ten', async () => {
  const [one, two] = [createThrottle(database), createThrottle(database)];
  const results = await Promise.allSettled(
    Array.from({ length: 500 }, (_, turn) => (turn % 2 ? one : two).login('ada', ATTACKER)),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
});

test('attempts come back one by one as time passes', async () => {
  await allowed(10, () => throttle.login('ada', ATTACKER));
  await run(`UPDATE attempt_limits SET free_at = free_at - interval '91 seconds'`);
  expect(await allowed(3, () => throttle.login('ada', ATTACKER))).toBe(1);
});

test('of tokens only failures count, and beyond the limit they are told to wait', async () => {
  expect(await allowed(25, () => throttle.failed('setup', ATTACKER))).toBe(20);
  expect(await allowed(3, () => throttle.failed('setup', HOME))).toBe(3);
  expect(await allowed(3, () => throttle.failed('refresh', ATTACKER))).toBe(3);
});

test('the table forgets what limits nobody, and of the rest all but the fullest', async () => {
  await allowed(10, () => throttle.login('ada', ATTACKER));
  for (let turn = 0; turn < 20; turn += 1) await throttle.login('bob', `192.0.2.${turn}`);
  await run(`INSERT INTO attempt_limits VALUES ($1, now() - interval '1 second')`, [
    Buffer.from('past'),
  ]);
  await forgetAttempts(database, 5);
  expect(await run('SELECT count(*)::int AS count FROM attempt_limits')).toEqual([{ count: 5 }]);
  // Who guesses stays limited.
  expect(await allowed(3, () => throttle.login('ada', ATTACKER))).toBe(0);
});

test('the table tells nobody who tried as whom from where', async () => {
  await throttle.login('ada', ATTACKER);
  const text = JSON.stringify(await run('SELECT l::text FROM attempt_limits l'));
  expect(text).not.toContain('ada');
  expect(text).not.toContain(Buffer.from('ada').toString('hex'));
});
