// Users: made, changed and removed by administrators; the last administrator stays; the first one.
import { randomUUID } from 'node:crypto';
import { createClient, type Role } from '@rivet/protocol';
import { type Database, insertSetupToken, listUsers } from '@rivet/store';
import { createTestDatabase } from '@rivet/testing';
import { describe, expect, test } from 'vitest';
import {
  openTestDatabase,
  startTestOrchestrator,
  type TestOrchestrator,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { makeFirstAdministrator, offerSetup } from './setup-token.ts';
import { clientWith, PASSWORD, seedPersonWithPassword, send, signIn } from './test-people.ts';
import { makeToken } from './token.ts';

const server = useTestOrchestrator();

const newName = (): string => `ada-${randomUUID().slice(0, 8)}`;

describe('users', () => {
  test('a new one gets a temporary password, which is shown once and stored nowhere', async () => {
    const name = newName();
    const made = await server.client.createUser({ body: { name, role: 'viewer' } });
    expect(made).toMatchObject({
      user: { name, role: 'viewer', disabled: false, password: 'temporary', last_login_at: null },
      temporary_password: expect.stringMatching(/^\w{4}(-\w{4}){4}$/),
    });
    const days = (Date.parse(made.expires_at ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(7, 1);
    const password = made.temporary_password ?? '';
    const body = { name, password, new_password: PASSWORD };
    const tokens = await createClient({ url: server.url, triesMax: 1 }).login({ body });
    expect(await clientWith(server.url, tokens).getMe()).toMatchObject({ name, role: 'viewer' });
    const shown = await server.client.getUser({ ref: name });
    expect(shown).toMatchObject({ password: 'password', last_login_at: expect.any(String) });
    expect(JSON.stringify(shown)).not.toMatch(/argon2|hash/);
  });

  test('one without a password cannot sign in with any', async () => {
    const name = newName();
    const made = await server.client.createUser({ body: { name, role: 'user', password: false } });
    expect(made).toMatchObject({ user: { password: 'none' }, temporary_password: null });
    for (const password of ['null', 'undefined', ' ', PASSWORD]) {
      await expect(signIn(server.url, name, password)).rejects.toMatchObject({
        code: 'RIVET_AUTH_LOGIN_FAILED',
      });
    }
  });

  test.each(['Ada', 'аda', 'a da', '-ada', '../ada', "ada'--", 'a'.repeat(101), '', 'ada\u202e'])(
    'the name %j is refused, as somebody could be taken for somebody else',
    async (name) => {
      const refused = server.client.createUser({ body: { name, role: 'user' } });
      await expect(refused).rejects.toMatchObject({ code: 'RIVET_REQUEST_INVALID' });
    },
  );

  test('a name is taken once', async () => {
    const name = newName();
    await server.client.createUser({ body: { name, role: 'user' } });
    const again = server.client.createUser({ body: { name, role: 'admin' } });
    await expect(again).rejects.toMatchObject({ code: 'RIVET_USER_EXISTS' });
  });

  test('they are found by name, by the beginning of the id, and with a hint when misspelt', async () => {
    const { id, name } = await seedPersonWithPassword(server.database);
    expect(await server.client.getUser({ ref: name })).toMatchObject({ id });
    expect(await server.client.getUser({ ref: id })).toMatchObject({ name });
    const missing = server.client.getUser({ ref: `${name}x` });
    await expect(missing).rejects.toMatchObject({ code: 'RIVET_USER_NOT_FOUND' });
    await expect(missing).rejects.toThrow(`did you mean "${name}"`);
  });

  test('lists go in pages, and searching takes the text literally', async () => {
    const tag = randomUUID().slice(0, 8);
    for (const each of ['c', 'a', 'b']) {
      await seedPersonWithPassword(server.database, 'user', `${each}-${tag}`);
    }
    const names: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query = { search: tag, limit: 2, ...(cursor !== undefined && { cursor }) };
      const page = await server.client.listUsers({ query });
      names.push(...page.items.map(({ name }) => name));
      cursor = page.next_cursor;
    }
    expect(names).toEqual([`a-${tag}`, `b-${tag}`, `c-${tag}`]);
    expect((await server.client.listUsers({ query: { search: '%' } })).items).toEqual([]);
  });

  test('only administrators manage them; others learn nothing from asking', async () => {
    const { name } = await seedPersonWithPassword(server.database, 'user');
    const token = (await signIn(server.url, name)).access_token;
    const answers = await Promise.all(
      [name, 'nobody-of-that-name'].map((ref) => send(`${server.url}/api/users/${ref}`, { token })),
    );
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect(answers[0]?.text).toBe(answers[1]?.text);
  });
});

test('an API key with limits comes by no account that may more than itself', async () => {
  const { client } = server;
  const { token } = await client.createApiKey({
    body: { name: 'provisioning', permissions: ['users.manage'] },
  });
  const key = createClient({ url: server.url, token, triesMax: 1 });
  const { name } = await seedPersonWithPassword(server.database, 'user');
  const refused = { code: 'RIVET_USER_KEY_LIMITED' };
  for (const attempt of [
    () => key.createUser({ body: { name: newName(), role: 'viewer' } }),
    () => key.createUser({ body: { name: newName(), role: 'admin', password: false } }),
    () => key.createUser({ body: { name: newName(), role: 'user', password: false, link: true } }),
    () => key.changeUser({ ref: name, body: { role: 'admin' } }),
    () => key.changeUser({ ref: name, body: { link: true } }),
    () => key.resetUserPassword({ ref: name }),
  ]) {
    await expect(attempt()).rejects.toMatchObject(refused);
  }
  const made = await key.createUser({ body: { name: newName(), role: 'user', password: false } });
  expect(made.temporary_password).toBeNull();
  expect(await key.changeUser({ ref: name, body: { disabled: true } })).toMatchObject({
    disabled: true,
  });
  await key.logOutUser({ ref: name });
});

describe('the last administrator', () => {
  /** A database of its own, in which these are all the users who can sign in. */
  async function withAdmins(
    count: number,
    work: (server: TestOrchestrator, names: string[], db: Database) => Promise<void>,
  ): Promise<void> {
    const own = await createTestDatabase();
    const db = openTestDatabase(own.url);
    const orchestrator = await startTestOrchestrator(own.url);
    try {
      const names = [];
      for (let n = 0; n < count; n += 1) {
        names.push((await seedPersonWithPassword(db, 'admin')).name);
      }
      await work(orchestrator, names, db);
    } finally {
      await orchestrator.orchestrator.stop();
      await db.close();
      await own.drop();
    }
  }

  test('cannot be demoted, disabled or deleted, not even by themselves', async () => {
    await withAdmins(1, async ({ client, orchestrator }, [name = '']) => {
      const self = clientWith(orchestrator.url, await signIn(orchestrator.url, name));
      for (const { changeUser, deleteUser } of [client, self]) {
        for (const change of [
          () => changeUser({ ref: name, body: { role: 'user' } }),
          () => changeUser({ ref: name, body: { disabled: true } }),
          () => changeUser({ ref: name, body: { role: 'viewer', disabled: true } }),
          () => deleteUser({ ref: name }),
        ]) {
          await expect(change()).rejects.toMatchObject({ code: 'RIVET_USER_LAST_ADMIN' });
        }
      }
      expect(await client.getUser({ ref: name })).toMatchObject({ role: 'admin', disabled: false });
      expect(await client.changeUser({ ref: name, body: { role: 'admin' } })).toMatchObject({
        name,
      });
    });
  });

  test('is there still when all of several are removed at the same moment', async () => {
    await withAdmins(6, async ({ client }, names) => {
      const results = await Promise.allSettled(
        names.map((ref, n) => {
          if (n % 3 === 0) return client.deleteUser({ ref });
          const body = n % 3 === 1 ? { role: 'user' as Role } : { disabled: true };
          return client.changeUser({ ref, body });
        }),
      );
      const refused = results.filter(({ status }) => status === 'rejected');
      expect(refused).toHaveLength(1);
      expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({
        code: 'RIVET_USER_LAST_ADMIN',
      });
    });
  });
});

describe('the first administrator', () => {
  test('is made with a token that works once, for one day, and only while nobody is there', async () => {
    const own = await createTestDatabase();
    const db = openTestDatabase(own.url);
    const { orchestrator } = await startTestOrchestrator(own.url);
    const plain = createClient({ url: orchestrator.url, triesMax: 1 });
    const setUp = (token: string, name = 'ada', password = PASSWORD) =>
      plain.setUp({ body: { token, name, password } });
    try {
      // The orchestrator of a test makes an administrator, whom this one must not have.
      await db.query({ name: '', text: 'DELETE FROM users', repeatable: true });
      const [first, second] = [await offerSetup(db), await offerSetup(db)];
      const token = first?.reveal() ?? '';
      expect(token).toMatch(/^rvs_/);
      const late = makeToken('setup');
      await insertSetupToken(db, late.hash, 0);
      for (const wrong of [late.token.reveal(), makeToken('setup').token.reveal(), 'rvs_', '']) {
        await expect(setUp(wrong)).rejects.toMatchObject({ code: 'RIVET_AUTH_SETUP_INVALID' });
      }
      await expect(setUp(token, 'ada', 'password1234')).rejects.toMatchObject({
        code: 'RIVET_AUTH_PASSWORD_WEAK',
      });
      const results = await Promise.allSettled([
        setUp(token, 'ada'),
        setUp(token, 'eve'),
        setUp(second?.reveal() ?? '', 'mallory'),
      ]);
      const made = results.filter((result) => result.status === 'fulfilled');
      expect(made).toHaveLength(1);
      const tokens = (made[0] as Awaited<(typeof made)[0]>).value;
      expect(await clientWith(orchestrator.url, tokens).getMe()).toMatchObject({ role: 'admin' });
      for (const used of [token, second?.reveal() ?? '']) {
        await expect(setUp(used, 'bob')).rejects.toMatchObject({ code: 'RIVET_AUTH_SETUP_DONE' });
      }
      expect(await offerSetup(db)).toBeUndefined();
    } finally {
      await orchestrator.stop();
      await db.close();
      await own.drop();
    }
  });

  test('of several at the same moment there is one', async () => {
    const own = await createTestDatabase();
    const db = openTestDatabase(own.url);
    try {
      const token = (await offerSetup(db))?.reveal() ?? '';
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) =>
          db.transaction(
            (tx) => makeFirstAdministrator(tx, { token, name: `ada-${n}`, passwordHash: 'x' }),
            { repeatable: false },
          ),
        ),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await listUsers(db, { after: '', search: '', limit: 10 })).toHaveLength(1);
    } finally {
      await db.close();
      await own.drop();
    }
  });
});
