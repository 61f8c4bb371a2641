// Rights that end while a request is under way, and names that would stand in for somebody else.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { type AccessPermission, createClient } from '@rivet/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import { clientWith, PASSWORD, seedPersonWithPassword, signIn } from '../auth/test-people.ts';
import {
  clientFor,
  FakeRunner,
  logLine,
  seedPerson,
  seedPipeline,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let runner: FakeRunner;

beforeAll(async () => {
  runner = await FakeRunner.register(server.client, { pipelines: ['lost-*'] });
});

/** Longer than a request is believed without asking again. */
const SLOW_MS = 1200;
/** Longer than somebody who downloads is believed. */
const RECHECKED_MS = 3500;
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends the head of a request at once and its body after `meanwhile`, which takes its time. */
async function sendSlowly(
  path: string,
  token: string,
  body: unknown,
  meanwhile: () => Promise<unknown>,
): Promise<{ status: number | undefined; code: string | undefined }> {
  const text = JSON.stringify(body);
  const headers: OutgoingHttpHeaders = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  };
  const sent = request(`${server.url}${path}`, { method: 'POST', headers, agent: false });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  sent.write(text.slice(0, 1));
  await pass(SLOW_MS);
  await meanwhile();
  sent.end(text.slice(1));
  const [response] = await answered;
  const answer = (await response.setEncoding('utf8').toArray()).join('');
  const { code } = JSON.parse(answer) as { code?: string };
  return { status: response.statusCode, code };
}

describe('a request whose body comes late', () => {
  test('makes no API key for a session that was signed out everywhere meanwhile', async () => {
    const { name } = await seedPersonWithPassword(server.database);
    const [stolen, own] = [await signIn(server.url, name), await signIn(server.url, name)];
    const answer = await sendSlowly('/api/api-keys', stolen.access_token, { name: 'kept' }, () =>
      clientWith(server.url, own).logout({ body: { everywhere: true } }),
    );
    expect(answer).toEqual({ status: 401, code: 'RIVET_AUTH_INVALID' });
    const { items } = await server.client.listApiKeys({ query: { user: name } });
    expect(items).toEqual([]);
  });

  test('launches nothing with a grant that was taken back meanwhile', async () => {
    const ref = await seedPipeline(server.database, { name: `late-${randomUUID()}` });
    const { name: user, token } = await seedPerson(server.database, 'user');
    const { id } = await server.client.createGrant({
      body: { user, kind: 'pipeline', pattern: ref, permissions: ['pipelines.launch'] },
    });
    const path = `/api/pipelines/${ref}/launch`;
    const before = await sendSlowly(path, token, { inputs: {} }, async () => {});
    expect(before).toMatchObject({ status: 200 });
    const answer = await sendSlowly(path, token, { inputs: {} }, () =>
      server.client.deleteGrant({ id }),
    );
    expect(answer).toEqual({ status: 404, code: 'RIVET_PIPELINE_NOT_FOUND' });
  });
});

test('a download of a log breaks off for who may not see the job any more', async () => {
  const ref = await seedPipeline(server.database, { name: `lost-${randomUUID()}` });
  const { id } = await server.client.launchPipeline({ ref, body: {} });
  const job = await runner.claimOne();
  for (let seq = 1; seq <= 3; seq += 1) {
    const first = (seq - 1) * 12;
    // What cannot be compressed is read in small pieces.
    const text = randomBytes(768 * 1024).toString('base64');
    const logs = Array.from({ length: 12 }, (_, n) => logLine(first + n + 1, text));
    await runner.report(job, { seq, logs });
  }
  const { name: user, token } = await seedPerson(server.database, 'user');
  const grant = { user, kind: 'pipeline', pattern: ref } as const;
  const given = await server.client.createGrant({
    body: { ...grant, permissions: ['pipelines.view'] },
  });
  const download = async (meanwhile: () => Promise<unknown>): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    const sent = get(`${server.url}/api/jobs/${id}/logs/raw`, { headers, agent: false });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // Takes the first piece and no more, so that the server has to wait.
    await once(response, 'readable');
    await meanwhile();
    let bytes = 0;
    response.on('error', () => undefined);
    response.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    // Not by `once`, to which a download that breaks off is an error.
    await new Promise((resolve) => response.once('close', resolve));
    return bytes;
  };
  const whole = await download(() => pass(RECHECKED_MS));
  expect(whole).toBeGreaterThan(36 * 1024 * 1024);
  const part = await download(async () => {
    await server.client.deleteGrant({ id: given.id });
    await pass(RECHECKED_MS);
  });
  expect(part).toBeLessThan(whole);
});

describe('a whole id', () => {
  test('is the user of that id, not somebody who is called so', async () => {
    const victim = await seedPerson(server.database, 'user');
    const decoy = await seedPerson(server.database, 'user', victim.userId);
    expect(await server.client.getUser({ ref: victim.userId })).toMatchObject({
      name: victim.name,
    });
    const { user } = await server.client.createGrant({
      body: {
        user: victim.userId,
        kind: 'pipeline',
        pattern: 'x-*',
        permissions: ['pipelines.view'],
      },
    });
    expect(user).toBe(victim.name);
    expect(await server.client.getUser({ ref: decoy.userId })).toMatchObject({ id: decoy.userId });
  });

  test('is the pipeline or runner of that id, not one that is called so', async () => {
    const name = await seedPipeline(server.database, { name: `whole-${randomUUID()}` });
    const { id } = await server.client.getPipeline({ ref: name });
    await seedPipeline(server.database, { name: id });
    expect(await server.client.getPipeline({ ref: id })).toMatchObject({ id, name });
    const real = await FakeRunner.register(server.client);
    await FakeRunner.register(server.client, { name: real.id });
    await server.client.revokeRunner({ ref: real.id });
    const { items } = await server.client.listRunners();
    expect(items.map((each) => each.name)).toContain(real.id);
    expect(items.map((each) => each.id)).not.toContain(real.id);
  });

  test('is the team of that id, not one that is called so', async () => {
    const team = await server.client.createTeam({ body: { name: `t-${randomUUID()}` } });
    await server.client.createTeam({ body: { name: team.id } });
    await server.client.deleteTeam({ ref: team.id });
    const { items } = await server.client.listTeams({ query: { limit: 200 } });
    expect(items.map(({ name }) => name)).toContain(team.id);
    expect(items.map(({ name }) => name)).not.toContain(team.name);
  });
});

describe('an API key', () => {
  test('with limits neither sees nor ends the sessions of its owner', async () => {
    const { name } = await seedPersonWithPassword(server.database);
    const session = clientWith(server.url, await signIn(server.url, name));
    const [{ id = '' } = {}] = (await session.listSessions()).items;
    const limits: { permissions?: AccessPermission[]; pipelines?: string[] }[] = [
      { permissions: ['pipelines.view'] },
      { pipelines: ['x-*'] },
    ];
    for (const limit of limits) {
      const { token } = await session.createApiKey({ body: { name: 'narrow', ...limit } });
      const narrow = clientFor(server.url, token);
      const refused = { code: 'RIVET_AUTH_SESSION_NEEDED' };
      await expect(narrow.listSessions()).rejects.toMatchObject(refused);
      await expect(narrow.endSession({ id })).rejects.toMatchObject(refused);
    }
    const { token } = await session.createApiKey({ body: { name: 'whole' } });
    expect((await clientFor(server.url, token).listSessions()).items).toHaveLength(1);
    expect(await session.getMe()).toMatchObject({ name });
  });
});

describe('at once', () => {
  test('no two administrators take the role from each other', async () => {
    for (let round = 0; round < 5; round += 1) {
      const admins = [
        await seedPersonWithPassword(server.database, 'admin'),
        await seedPersonWithPassword(server.database, 'admin'),
      ] as const;
      // Everybody else who can sign in as an administrator is out of the way.
      await server.database.query({
        name: '',
        text: `UPDATE users SET disabled_at = now() WHERE role = 'admin'
          AND password_hash IS NOT NULL AND name NOT IN ('${admins[0].name}', '${admins[1].name}')`,
        repeatable: true,
      });
      const act = async (by: string, to: string) =>
        clientWith(server.url, await signIn(server.url, by)).changeUser({
          ref: to,
          body: { disabled: true },
        });
      await Promise.allSettled([
        act(admins[0].name, admins[1].name),
        act(admins[1].name, admins[0].name),
      ]);
      const states = await Promise.all(
        admins.map(async ({ name }) => (await server.client.getUser({ ref: name })).disabled),
      );
      expect(states).toContain(false);
    }
  });

  test('a refresh and a change of the password leave no old session', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { name } = await seedPersonWithPassword(server.database);
      const tokens = await signIn(server.url, name);
      const other = await signIn(server.url, name);
      const anybody = createClient({ url: server.url, triesMax: 1 });
      const body = { refresh_token: tokens.refresh_token };
      const change = { password: PASSWORD, new_password: 'staple of the battery' };
      const [refreshed] = await Promise.allSettled([
        anybody.refreshSession({ body }),
        clientWith(server.url, other).changePassword({ body: change }),
      ]);
      if (refreshed.status === 'rejected') continue;
      const { access_token, refresh_token } = refreshed.value;
      await expect(
        createClient({ url: server.url, token: access_token, triesMax: 1 }).getMe(),
      ).rejects.toMatchObject({ code: 'RIVET_AUTH_INVALID' });
      await expect(anybody.refreshSession({ body: { refresh_token } })).rejects.toMatchObject({
        code: 'RIVET_AUTH_INVALID',
      });
    }
  });
});

test('an administrator whose temporary password is too old is not the one who stays', async () => {
  const admin = await seedPersonWithPassword(server.database, 'admin');
  const spare = `spare-${randomUUID()}`;
  await server.client.createUser({ body: { name: spare, role: 'admin' } });
  await server.database.query(
    {
      name: '',
      text: `UPDATE users SET disabled_at = CASE WHEN name IN ($1, $2) THEN NULL ELSE now() END,
        password_expires_at = CASE WHEN name = $2 THEN now() - interval '1 day' END
        WHERE role = 'admin' AND password_hash IS NOT NULL`,
      repeatable: true,
    },
    [admin.name, spare],
  );
  await expect(
    server.client.changeUser({ ref: admin.name, body: { role: 'user' } }),
  ).rejects.toMatchObject({ code: 'RIVET_USER_LAST_ADMIN' });
});
