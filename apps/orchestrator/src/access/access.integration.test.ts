// Teams, grants and API keys over the API: what they give, at once, and what they never give.
import { RivetError, uuidv7 } from '@rivet/base';
import type { Client, CreateApiKeyRequest } from '@rivet/protocol';
import { countApiKeys, type Database, insertApiKey } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeToken } from '../auth/token.ts';
import {
  clientFor,
  openTestDatabase,
  type SeededPerson,
  seedPerson,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
let server: TestOrchestrator;
let admin: Client;
let url: string;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  server = await startTestOrchestrator(testDatabase.url);
  admin = server.client;
  url = server.orchestrator.url;
});

afterAll(async () => {
  await server.orchestrator.stop();
  await database.close();
});

async function someone(role: 'admin' | 'user' | 'viewer' = 'user') {
  const person = await seedPerson(database, role);
  return { ...person, client: clientFor(url, person.token) };
}

/** The code of the error that the call is refused with; "passes" when it is not. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'passes',
    (error: unknown) => {
      if (error instanceof RivetError) return error.code;
      throw error;
    },
  );
}

/** Whether somebody waits for a transaction of somebody else to end. */
async function isWaiting(): Promise<boolean> {
  const text = `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  return (await database.query({ name: '', text, repeatable: true })).length > 0;
}

const names = async (client: Client): Promise<string[]> =>
  (await client.listPipelines({})).items.map(({ name }) => name);

describe('a grant', () => {
  test('gives a user what it says, and its end takes that away', async () => {
    const { name: user, client } = await someone();
    const pipeline = await seedPipeline(database);
    expect(await codeOf(client.getPipeline({ ref: pipeline }))).toBe('RIVET_PIPELINE_NOT_FOUND');
    const grant = await admin.createGrant({
      body: { user, kind: 'pipeline', pattern: pipeline, permissions: ['pipelines.launch'] },
    });
    expect(grant).toMatchObject({ user, team: null, pattern: pipeline });
    const job = await client.launchPipeline({ ref: pipeline, body: {} });
    expect(await names(client)).toEqual([pipeline]);
    expect(await codeOf(client.cancelJob({ id: job.id }))).toBe('RIVET_ACCESS_DENIED');
    await admin.deleteGrant({ id: grant.id });
    expect(await names(client)).toEqual([]);
    expect(await codeOf(client.getJob({ id: job.id }))).toBe('RIVET_JOB_NOT_FOUND');
    expect(await codeOf(client.cancelJob({ id: job.id }))).toBe('RIVET_JOB_NOT_FOUND');
  });

  test('of a team is for its members, and only while they are members', async () => {
    const { name: user, client } = await someone();
    const pipeline = await seedPipeline(database);
    const team = `team-${pipeline.slice(2, 12)}`;
    await admin.createTeam({ body: { name: team } });
    const body = { team, kind: 'pipeline', pattern: pipeline } as const;
    await admin.createGrant({ body: { ...body, permissions: ['pipelines.view'] } });
    expect(await names(client)).toEqual([]);
    await admin.addTeamMember({ ref: team, user });
    await admin.addTeamMember({ ref: team, user });
    expect(await names(client)).toEqual([pipeline]);
    const { items } = await admin.listTeams({ query: { limit: 500 } });
    expect(items.find(({ name }) => name === team)?.members).toEqual([user]);
    await admin.removeTeamMember({ ref: team, user });
    expect(await names(client)).toEqual([]);
    await admin.addTeamMember({ ref: team, user });
    await admin.deleteTeam({ ref: team });
    expect(await names(client)).toEqual([]);
  });

  test('of the team everyone is for everybody, and that team stays as it is', async () => {
    const { name: user, client } = await someone('viewer');
    const pipeline = await seedPipeline(database);
    const body = { team: 'everyone', kind: 'pipeline', pattern: pipeline } as const;
    const { id } = await admin.createGrant({ body: { ...body, permissions: ['pipelines.view'] } });
    expect(await names(client)).toEqual([pipeline]);
    await admin.deleteGrant({ id });
    expect(await codeOf(admin.deleteTeam({ ref: 'everyone' }))).toBe('RIVET_TEAM_FIXED');
    expect(await codeOf(admin.addTeamMember({ ref: 'everyone', user }))).toBe('RIVET_TEAM_FIXED');
    expect(await codeOf(admin.createTeam({ body: { name: 'everyone' } }))).toBe(
      'RIVET_TEAM_EXISTS',
    );
  });

  test('given again is the same grant, also by many at once', async () => {
    const { name: user } = await someone();
    const body = { user, kind: 'pipeline', pattern: 'a*' } as const;
    const permissions = ['pipelines.view', 'pipelines.launch'] as const;
    const grants = await Promise.all(
      [permissions, permissions.toReversed(), [...permissions, ...permissions]].flatMap((list) =>
        [1, 2, 3].map(() => admin.createGrant({ body: { ...body, permissions: [...list] } })),
      ),
    );
    expect(new Set(grants.map(({ id }) => id)).size).toBe(1);
    expect((await admin.listGrants({ query: { user } })).items).toHaveLength(1);
  });

  test.each([
    [{ kind: 'pipeline', permissions: ['secrets.use'] }, 'RIVET_GRANT_PERMISSIONS'],
    [{ kind: 'secret', permissions: ['pipelines.view'] }, 'RIVET_GRANT_PERMISSIONS'],
    [{ permissions: ['users.manage'] }, 'RIVET_REQUEST_INVALID'],
    [{ permissions: [] }, 'RIVET_REQUEST_INVALID'],
    [{ pattern: '' }, 'RIVET_REQUEST_INVALID'],
    [{ pattern: 'a%' }, 'RIVET_ACCESS_PATTERN'],
    [{ pattern: 'a\\' }, 'RIVET_ACCESS_PATTERN'],
    [{ user: undefined }, 'RIVET_GRANT_SUBJECT'],
    [{ team: 'everyone' }, 'RIVET_GRANT_SUBJECT'],
    [{ user: 'nobody-here' }, 'RIVET_USER_NOT_FOUND'],
    [{ user: undefined, team: 'nobody-here' }, 'RIVET_TEAM_NOT_FOUND'],
  ])('that cannot be is refused: %j', async (changes, code) => {
    const { name: user } = await someone();
    const body = { user, kind: 'pipeline', pattern: 'a', permissions: ['pipelines.view'] };
    const given = JSON.parse(JSON.stringify({ ...body, ...changes }));
    expect(await codeOf(admin.createGrant({ body: given }))).toBe(code);
    expect((await admin.listGrants({ query: { user } })).items).toEqual([]);
  });

  test('goes with its user', async () => {
    const { name: user } = await someone();
    const body = { user, kind: 'pipeline', pattern: 'z', permissions: ['pipelines.view'] } as const;
    const { id } = await admin.createGrant({ body: { ...body, permissions: ['pipelines.view'] } });
    await admin.deleteUser({ ref: user });
    expect(await codeOf(admin.deleteGrant({ id }))).toBe('RIVET_GRANT_NOT_FOUND');
  });
});

test.each([
  ['a grant', 'createGrant'],
  ['a place in a team', 'addTeamMember'],
  ['an API key', 'createApiKey'],
] as const)('%s for a user who is being deleted is for nobody', async (_, call) => {
  const { name: user, userId } = await seedPerson(database, 'user');
  const team = `team-${userId}`;
  await admin.createTeam({ body: { name: team } });
  const body = { user, kind: 'pipeline', pattern: 'a' } as const;
  const calls = {
    createGrant: () => admin.createGrant({ body: { ...body, permissions: ['pipelines.view'] } }),
    addTeamMember: () => admin.addTeamMember({ ref: team, user }),
    createApiKey: () => admin.createApiKey({ body: { name: 'k', user } }),
  };
  let asked: Promise<string> = Promise.resolve('');
  await database.transaction(
    async (tx) => {
      const text = 'DELETE FROM users WHERE id = $1';
      await tx.query({ name: '', text, repeatable: false }, [userId]);
      asked = codeOf(calls[call]());
      await expect.poll(isWaiting, { timeout: 30_000 }).toBe(true);
    },
    { repeatable: false },
  );
  expect(await asked).toBe('RIVET_USER_NOT_FOUND');
});

describe('a right on one pipeline', () => {
  let client: Client;
  let mine: string;
  const source = (name: string) => `return pipeline.define({ name = ${JSON.stringify(name)},
    stages = { { name = "build", script = function() process.sh("true") end } } })`;
  const bundleOf = (name: string) => ({ main: 'p.lua', files: { 'p.lua': source(name) } });

  beforeAll(async () => {
    const person = await someone();
    client = person.client;
    mine = await seedPipeline(database);
    await admin.createGrant({
      body: {
        user: person.name,
        kind: 'pipeline',
        pattern: `${mine}*`,
        permissions: ['pipelines.edit', 'pipelines.launch'],
      },
    });
  });

  test('makes, changes and deletes no other, whether that is there or not', async () => {
    const other = await seedPipeline(database);
    const answers = await Promise.all(
      [other, 'not-there-at-all'].map((name) =>
        client.createPipeline({ body: { bundle: bundleOf(name) } }).catch((error) => error),
      ),
    );
    for (const [index, name] of [other, 'not-there-at-all'].entries()) {
      expect(answers[index]).toMatchObject({ code: 'RIVET_ACCESS_DENIED' });
      expect(answers[index].message).toContain(`on the pipeline ${name}`);
    }
    expect(await codeOf(client.deletePipeline({ ref: other }))).toBe('RIVET_PIPELINE_NOT_FOUND');
    expect((await admin.getPipeline({ ref: other })).version).toBe(1);
    expect(await codeOf(client.createPipeline({ body: { bundle: bundleOf(`${mine}-2`) } }))).toBe(
      'passes',
    );
  });

  test('launches no job of another pipeline again, and sees nothing of it by its id', async () => {
    const other = await seedPipeline(database);
    const { id } = await admin.launchPipeline({ ref: other, body: {} });
    await admin.cancelJob({ id });
    for (const call of [
      () => client.retryJob({ id }),
      () => client.getJob({ id }),
      () => client.getJobLogs({ id }),
      () => client.explainJob({ id }),
      () => client.cancelJob({ id }),
      () => client.getJob({ id: id.slice(0, 30) }),
    ]) {
      expect(await codeOf(call())).toBe('RIVET_JOB_NOT_FOUND');
    }
    const { items } = await client.listJobs({ query: { pipeline: other } });
    expect(items).toEqual([]);
  });

  test('lets who made no pipeline check none: checking runs a program', async () => {
    const viewerLike = await someone();
    const call = () => viewerLike.client.checkPipeline({ body: { bundle: bundleOf('x') } });
    expect(await codeOf(call())).toBe('RIVET_ACCESS_DENIED');
    const bad = { main: 'p.lua', files: { 'p.lua': 'this is not Lua' } };
    const create = viewerLike.client.createPipeline({ body: { bundle: bad } });
    expect(await codeOf(create)).toBe('RIVET_ACCESS_DENIED');
  });

  test('is for the name: a pipeline made anew under it has its old jobs', async () => {
    const name = `${mine}-again`;
    await client.createPipeline({ body: { bundle: bundleOf(name) } });
    const job = await client.launchPipeline({ ref: name, body: {} });
    await admin.cancelJob({ id: job.id });
    await client.deletePipeline({ ref: name });
    await client.createPipeline({ body: { bundle: bundleOf(name) } });
    expect((await client.getJob({ id: job.id })).pipeline).toBe(name);
    const stranger = await someone();
    expect(await codeOf(stranger.client.getJob({ id: job.id }))).toBe('RIVET_JOB_NOT_FOUND');
    // Its files were those of a pipeline that is gone.
    expect(await codeOf(client.retryJob({ id: job.id }))).toBe('RIVET_PIPELINE_NOT_FOUND');
  });
});

describe('an idempotency key', () => {
  test('gives nobody the job of somebody else', async () => {
    const [one, two] = [await someone(), await someone()];
    const ref = await seedPipeline(database);
    for (const user of [one.name, two.name]) {
      const body = { user, kind: 'pipeline', pattern: ref } as const;
      await admin.createGrant({ body: { ...body, permissions: ['pipelines.launch'] } });
    }
    const launch = (client: Client) =>
      client.launchPipeline({ ref, body: {}, idempotencyKey: 'the-same' });
    const [first, second, again] = [
      await launch(one.client),
      await launch(two.client),
      await launch(one.client),
    ];
    expect(first.id).not.toBe(second.id);
    expect(again.id).toBe(first.id);
  });

  test('gives no job to who has lost the right, nor to a key with fewer rights', async () => {
    const person = await someone();
    const ref = await seedPipeline(database);
    const body = { user: person.name, kind: 'pipeline', pattern: ref } as const;
    const grant = await admin.createGrant({ body: { ...body, permissions: ['pipelines.launch'] } });
    const launch = (client: Client) =>
      client.launchPipeline({ ref, body: {}, idempotencyKey: 'again' });
    const { id } = await launch(person.client);
    expect((await launch(person.client)).id).toBe(id);
    const key = await person.client.createApiKey({ body: { name: 'k', pipelines: ['other'] } });
    expect(await codeOf(launch(clientFor(url, key.token)))).toBe('RIVET_PIPELINE_NOT_FOUND');
    await admin.deleteGrant({ id: grant.id });
    expect(await codeOf(launch(person.client))).toBe('RIVET_PIPELINE_NOT_FOUND');
  });
});

describe('an API key', () => {
  const make = (client: Client, body: Partial<CreateApiKeyRequest> = {}) =>
    client.createApiKey({ body: { name: 'test', ...body } });
  let owner: SeededPerson & { client: Client };
  let mine: string;
  let other: string;

  beforeAll(async () => {
    owner = await someone();
    [mine, other] = [await seedPipeline(database), await seedPipeline(database)];
    for (const pattern of [mine, other]) {
      const body = { user: owner.name, kind: 'pipeline', pattern } as const;
      await admin.createGrant({
        body: { ...body, permissions: ['pipelines.launch', 'pipelines.cancel'] },
      });
    }
  });

  test('is shown once, and is valid for 90 days unless it is said otherwise', async () => {
    const made = await make(owner.client);
    expect(made.token).toMatch(/^rvt_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({ user: owner.name, permissions: null, pipelines: null });
    const days = (Date.parse(made.expires_at ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(89.9);
    expect(days).toBeLessThan(90.1);
    const text = JSON.stringify(await owner.client.listApiKeys({}));
    expect(text).toContain(made.prefix);
    expect(text).not.toContain(made.token);
    expect(made.token.startsWith(made.prefix)).toBe(true);
    expect(made.prefix.length).toBeLessThan(12);
    for (const seconds of [0, 59, 366 * 86_400 + 1, 2 ** 31]) {
      const code = await codeOf(make(owner.client, { expires_in_seconds: seconds }));
      expect(code).toBe('RIVET_REQUEST_INVALID');
    }
  });

  test('for one pipeline shows only that in every list, and launches only that', async () => {
    const { token } = await make(owner.client, { pipelines: [mine] });
    const client = clientFor(url, token);
    const theirs = await owner.client.launchPipeline({ ref: other, body: {} });
    const own = await client.launchPipeline({ ref: mine, body: {} });
    expect(await names(client)).toEqual([mine]);
    expect(await names(owner.client)).toEqual([mine, other].sort());
    const jobs = (await client.listJobs({})).items;
    expect(jobs.map(({ pipeline }) => pipeline)).toEqual([mine]);
    expect(jobs[0]?.id).toBe(own.id);
    expect(await codeOf(client.getJob({ id: theirs.id }))).toBe('RIVET_JOB_NOT_FOUND');
    expect(await codeOf(client.launchPipeline({ ref: other, body: {} }))).toBe(
      'RIVET_PIPELINE_NOT_FOUND',
    );
    expect(await codeOf(client.listSecrets({}))).toBe('RIVET_ACCESS_DENIED');
  });

  test('makes none that may more or lives longer than itself', async () => {
    const { token, expires_at } = await make(owner.client, {
      permissions: ['pipelines.view', 'pipelines.launch'],
      pipelines: ['a*', mine],
      expires_in_seconds: 3600,
    });
    const client = clientFor(url, token);
    for (const body of [
      { permissions: ['pipelines.cancel'] },
      { permissions: ['pipelines.view', 'users.manage'] },
      { pipelines: ['*'] },
      { pipelines: ['*a'] },
      { pipelines: [mine, other] },
      { expires_in_seconds: 7200 },
    ] as Partial<CreateApiKeyRequest>[]) {
      expect(await codeOf(make(client, body)), JSON.stringify(body)).toBe('RIVET_API_KEY_EXCEEDS');
    }
    const same = await make(client);
    expect(same).toMatchObject({
      permissions: ['pipelines.launch', 'pipelines.view'],
      pipelines: ['a*', mine].sort(),
      expires_at,
    });
    const narrow = await make(client, { pipelines: ['ab*'], permissions: ['pipelines.view'] });
    expect(narrow).toMatchObject({ pipelines: ['ab*'], permissions: ['pipelines.view'] });
  });

  test('for some pipelines gives no right of administration to one that it makes', async () => {
    const person = await someone('admin');
    const key = await make(person.client, { pipelines: [mine] });
    const client = clientFor(url, key.token);
    for (const permission of ['users.manage', 'secrets.use', 'audit.view'] as const) {
      const call = make(client, { permissions: [permission] });
      expect(await codeOf(call)).toBe('RIVET_API_KEY_EXCEEDS');
    }
    expect(await codeOf(client.listUsers({}))).toBe('RIVET_ACCESS_DENIED');
  });

  test('takes those that were made with it along when it is revoked, at once', async () => {
    const parent = await make(owner.client);
    const child = await make(clientFor(url, parent.token));
    const grandchild = await make(clientFor(url, child.token));
    const sibling = await make(owner.client);
    await owner.client.revokeApiKey({ id: parent.id });
    for (const { token } of [parent, child, grandchild]) {
      expect(await codeOf(clientFor(url, token).listPipelines({}))).toBe('RIVET_AUTH_INVALID');
    }
    expect(await codeOf(clientFor(url, sibling.token).listPipelines({}))).toBe('passes');
    expect(await codeOf(owner.client.revokeApiKey({ id: child.id }))).toBe(
      'RIVET_API_KEY_NOT_FOUND',
    );
  });

  test('that is revoked while it makes another leaves none behind', async () => {
    const parent = await make(owner.client);
    const { token, hash, shown: prefix } = makeToken('apiKey');
    const key = { id: uuidv7(), userId: owner.userId, name: 'late', hash, prefix };
    const limits = { permissions: null, pipelines: null, expiresAt: null };
    let revoking: Promise<unknown> = Promise.resolve();
    await database.transaction(
      async (tx) => {
        await countApiKeys(tx, owner.userId);
        await insertApiKey(tx, { ...key, ...limits, parentId: parent.id });
        let over = false;
        revoking = owner.client.revokeApiKey({ id: parent.id }).finally(() => {
          over = true;
        });
        // It waits for the key that is being made, which it could not see yet.
        await expect.poll(async () => over || (await isWaiting()), { timeout: 30_000 }).toBe(true);
      },
      { repeatable: false },
    );
    await revoking;
    const child = clientFor(url, token.reveal());
    expect(await codeOf(child.listPipelines({}))).toBe('RIVET_AUTH_INVALID');
  });

  test('with limits sees and revokes only itself and those that it made', async () => {
    const limited = await make(owner.client, { permissions: ['pipelines.view'] });
    const bystander = await make(owner.client);
    const client = clientFor(url, limited.token);
    const child = await make(client);
    const seen = (await client.listApiKeys({})).items.map(({ id }) => id);
    expect(seen.sort()).toEqual([limited.id, child.id].sort());
    expect(await codeOf(client.revokeApiKey({ id: bystander.id }))).toBe('RIVET_API_KEY_NOT_FOUND');
    expect(await codeOf(client.revokeApiKey({ id: limited.id }))).toBe('passes');
  });

  test('of somebody else is not there, but for administrators', async () => {
    const { id } = await make(owner.client);
    const stranger = await someone();
    expect(await codeOf(stranger.client.revokeApiKey({ id }))).toBe('RIVET_API_KEY_NOT_FOUND');
    for (const user of [owner.name, 'nobody-here', '*']) {
      const call = stranger.client.listApiKeys({ query: { user } });
      expect(await codeOf(call)).toBe('RIVET_ACCESS_DENIED');
      const made = make(stranger.client, { user });
      expect(await codeOf(made)).toBe('RIVET_ACCESS_DENIED');
    }
    const all = (await admin.listApiKeys({ query: { user: '*', limit: 500 } })).items;
    expect(all.map((key) => key.id)).toContain(id);
    const one = (await admin.listApiKeys({ query: { user: owner.name, limit: 500 } })).items;
    expect(new Set(one.map(({ user }) => user))).toEqual(new Set([owner.name]));
    await admin.revokeApiKey({ id });
    expect(await codeOf(admin.revokeApiKey({ id }))).toBe('RIVET_API_KEY_NOT_FOUND');
  });

  test('is made for a program by an administrator, with the rights of that program', async () => {
    const program = await someone('viewer');
    const { token, user } = await make(admin, { user: program.name });
    expect(user).toBe(program.name);
    expect(await codeOf(clientFor(url, token).listUsers({}))).toBe('RIVET_ACCESS_DENIED');
    const manager = await make(admin, { permissions: ['users.manage'] });
    const call = make(clientFor(url, manager.token), { user: program.name });
    expect(await codeOf(call)).toBe('RIVET_API_KEY_EXCEEDS');
  });

  test('is one of at most 100, also when many are made at once', async () => {
    const person = await someone();
    const codes = await Promise.all(Array.from({ length: 104 }, () => codeOf(make(person.client))));
    expect(codes.filter((code) => code === 'passes')).toHaveLength(99);
    expect(codes.filter((code) => code === 'RIVET_API_KEY_LIMIT')).toHaveLength(5);
    const [first] = (await person.client.listApiKeys({})).items;
    await person.client.revokeApiKey({ id: first?.id ?? '' });
    expect(await codeOf(make(person.client))).toBe('passes');
  });
});

test('a stream ends soon after the grant that let one see its job was taken back', async () => {
  const { name: user, client } = await someone();
  const ref = await seedPipeline(database);
  const body = { user, kind: 'pipeline', pattern: ref } as const;
  const grant = await admin.createGrant({ body: { ...body, permissions: ['pipelines.launch'] } });
  const { id } = await client.launchPipeline({ ref, body: {} });
  const { token } = await client.createApiKey({ body: { name: 'stream' } });
  const response = await fetch(`${url}/api/jobs/${id}/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(60_000),
  });
  const reader = response.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  const started = performance.now();
  await admin.deleteGrant({ id: grant.id });
  // It is cut off: for whoever follows it that is no end of the job.
  while (
    await reader
      ?.read()
      .then(({ done }) => !done)
      .catch(() => false)
  );
  expect(performance.now() - started).toBeLessThan(30_000);
  expect(await codeOf(client.getJob({ id }))).toBe('RIVET_JOB_NOT_FOUND');
});
