// Secrets over HTTP: who may do what with them, which jobs get them, and that nobody else does.
import { randomBytes, randomUUID } from 'node:crypto';
import type { ClaimedJob, Client } from '@rivet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clientFor,
  FakeRunner,
  openTestDatabase,
  seedPerson,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

let test: TestDatabase;
let server: TestOrchestrator;
let database: ReturnType<typeof openTestDatabase>;
let admin: Client;

beforeAll(async () => {
  test = await createTestDatabase();
  server = await startTestOrchestrator(test.url);
  database = openTestDatabase(test.url);
  admin = server.client;
});
afterAll(async () => {
  await database.close();
  await server.orchestrator.stop();
  await test.drop();
});

/** The one way to wait for a refusal: its code, and what it says. */
async function refusal(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('it was allowed');
}

const newValue = (): string => `value-${randomBytes(12).toString('hex')}`;
const newName = (): string => `S_${randomBytes(6).toString('hex').toUpperCase()}`;

/** A secret of the installation with a value. */
async function seedSecret(options: { grant?: string; pipeline?: string } = {}) {
  const [name, value] = [newName(), newValue()];
  const query = options.pipeline === undefined ? {} : { pipeline: options.pipeline };
  await admin.putSecret({ name, query, body: { value } });
  if (options.grant !== undefined) {
    await admin.grantSecret({ name, body: { pipelines: options.grant } });
  }
  return { name, value };
}

/** Somebody with an API key and these rights. */
async function seedUser(
  grants: { kind: 'pipeline' | 'secret'; pattern: string; permission: string }[] = [],
) {
  const user = await seedPerson(database, 'user');
  for (const { kind, pattern, permission } of grants) {
    const permissions = [permission as 'secrets.use'];
    await admin.createGrant({ body: { user: user.name, kind, pattern, permissions } });
  }
  return { ...user, client: clientFor(server.orchestrator.url, user.token) };
}

/** An administrator who has signed in with a password. */
async function signedIn(): Promise<Client> {
  const name = `p-${randomUUID()}`;
  const { temporary_password } = await admin.createUser({ body: { name, role: 'admin' } });
  const anybody = clientFor(server.orchestrator.url, '');
  const { access_token } = await anybody.login({
    body: { name, password: temporary_password ?? '', new_password: `${newValue()} long enough` },
  });
  return clientFor(server.orchestrator.url, access_token);
}

/** Launches a job of a new pipeline that declares these secrets, on a runner of its own. */
async function startJob(
  secrets: string[],
  options: { pipeline?: string; launcher?: Client; changes?: object } = {},
) {
  const { launcher = admin, changes = {} } = options;
  const pipeline = options.pipeline ?? (await seedPipeline(database, { secrets, ...changes }));
  const runner = await FakeRunner.register(admin, { pipelines: [pipeline] });
  const launched = await launcher.launchPipeline({ ref: pipeline, body: {} });
  return { pipeline, runner, launched, job: await runner.claimOne() };
}

function fetchSecrets(runner: FakeRunner, job: ClaimedJob, names: string[], changes: object = {}) {
  const { attempt, lease_id } = job;
  const body = { attempt, lease_id, names, ...changes };
  return runner.client.fetchJobSecrets({ id: job.id, body });
}

describe('a job', () => {
  it('is given the secrets that it declares and that are granted, and told why not others', async () => {
    const granted = await seedSecret({ grant: 'p-*' });
    const other = await seedSecret({ grant: 'q-*' });
    const undeclared = await seedSecret({ grant: '*' });
    const none = newName();
    const { runner, job, pipeline } = await startJob([granted.name, other.name, none]);
    const names = [granted.name, other.name, undeclared.name, none];
    const answer = await fetchSecrets(runner, job, names);
    expect(answer.secrets).toEqual([{ name: granted.name, value: granted.value }]);
    expect(answer.absent).toEqual([
      { name: other.name, reason: `it is not granted to the pipeline ${pipeline}` },
      { name: undeclared.name, reason: 'the pipeline does not declare it' },
      { name: none, reason: expect.stringContaining('there is neither a secret') },
    ]);
    expect(JSON.stringify(answer)).not.toContain(other.value);
    expect(JSON.stringify(answer)).not.toContain(undeclared.value);
    const { reasons } = await admin.explainJob({ id: job.id });
    expect(reasons).toContain(
      `The secret ${other.name} has no value for it: it is not granted to the pipeline ${pipeline}.`,
    );
  });

  it('that a runner has no lease of, or no longer, gives it nothing', async () => {
    const secret = await seedSecret({ grant: '*' });
    const { runner, job } = await startJob([secret.name]);
    const thief = await FakeRunner.register(admin);
    const names = [secret.name];
    const { lease_id } = job;
    const body = { attempt: 1, lease_id, names };
    const asked: [() => Promise<unknown>, string][] = [
      [() => fetchSecrets(thief, job, names), 'RIVET_JOB_NOT_FOUND'],
      [() => fetchSecrets(runner, job, names, { lease_id: randomUUID() }), 'RIVET_LEASE_LOST'],
      [() => fetchSecrets(runner, job, names, { attempt: 2 }), 'RIVET_JOB_NOT_FOUND'],
      [() => runner.client.fetchJobSecrets({ id: randomUUID(), body }), 'RIVET_JOB_NOT_FOUND'],
      [() => admin.fetchJobSecrets({ id: job.id, body }), 'RIVET_AUTH_INVALID'],
    ];
    for (const [ask, code] of asked) expect((await refusal(ask())).code).toBe(code);
    const { secrets } = await fetchSecrets(runner, job, [secret.name]);
    expect(secrets).toEqual([secret]);
    await runner.finish(job, { state: 'succeeded' });
    expect((await refusal(fetchSecrets(runner, job, [secret.name]))).code).toBe('RIVET_LEASE_LOST');
  });

  it('whose lease has run out gets nothing, also before anybody has noticed', async () => {
    const secret = await seedSecret({ grant: '*' });
    const { runner, job } = await startJob([secret.name]);
    await run(
      `UPDATE running_attempts SET lease_until = now() - interval '1 s' WHERE job_id = '${job.id}'`,
    );
    expect((await refusal(fetchSecrets(runner, job, [secret.name]))).code).toBe('RIVET_LEASE_LOST');
  });

  it('gets what its own pipeline has, and never what another has under the same name', async () => {
    const [mine, theirs] = [await seedPipeline(database), await seedPipeline(database)];
    const shared = await seedSecret({ grant: '*' });
    const own = newValue();
    await admin.putSecret({ name: shared.name, query: { pipeline: mine }, body: { value: own } });
    await setSecrets(mine, [shared.name]);
    await setSecrets(theirs, [shared.name]);
    const one = await startJob([], { pipeline: mine });
    expect((await fetchSecrets(one.runner, one.job, [shared.name])).secrets).toEqual([
      { name: shared.name, value: own },
    ]);
    const two = await startJob([], { pipeline: theirs });
    expect((await fetchSecrets(two.runner, two.job, [shared.name])).secrets).toEqual([shared]);
    // Its own one stands in front of the other also where it is not granted.
    await admin.revokeSecret({ name: shared.name, query: { pipeline: mine, pipelines: mine } });
    expect((await fetchSecrets(one.runner, one.job, [shared.name])).secrets).toEqual([]);
  });

  it('gets a secret only for the events that it is granted for, and a retry gets no more', async () => {
    const secret = await seedSecret();
    await admin.grantSecret({ name: secret.name, body: { pipelines: 'p-*', events: ['manual'] } });
    const byKey = await startJob([secret.name]);
    expect(byKey.job.event).toBe('api');
    const { secrets, absent } = await fetchSecrets(byKey.runner, byKey.job, [secret.name]);
    expect([secrets, absent[0]?.reason]).toEqual([
      [],
      `it is granted to the pipeline ${byKey.pipeline} for jobs launched by manual, and this one was by api`,
    ]);
    await byKey.runner.finish(byKey.job, { state: 'succeeded' });
    // Somebody else retries it: it is still what a program has launched.
    const person = await signedIn();
    expect((await person.retryJob({ id: byKey.job.id })).event).toBe('api');
    const again = await byKey.runner.claimOne();
    expect((await fetchSecrets(byKey.runner, again, [secret.name])).secrets).toEqual([]);
    const manual = await startJob([], { pipeline: byKey.pipeline, launcher: person });
    expect(manual.job.event).toBe('manual');
    expect((await fetchSecrets(manual.runner, manual.job, [secret.name])).secrets).toEqual([
      secret,
    ]);
    // Nor does a program get what only people were to have, by retrying what one has launched.
    await manual.runner.finish(manual.job, { state: 'succeeded' });
    expect((await admin.retryJob({ id: manual.job.id })).event).toBe('api');
    const narrower = await manual.runner.claimOne();
    expect((await fetchSecrets(manual.runner, narrower, [secret.name])).secrets).toEqual([]);
  });

  it('sees what was changed meanwhile at the next question', async () => {
    const secret = await seedSecret({ grant: '*' });
    const { runner, job } = await startJob([secret.name]);
    const value = newValue();
    await admin.putSecret({ name: secret.name, body: { value } });
    expect((await fetchSecrets(runner, job, [secret.name])).secrets[0]?.value).toBe(value);
    await admin.deleteSecret({ name: secret.name });
    expect((await fetchSecrets(runner, job, [secret.name])).secrets).toEqual([]);
  });

  it.each(['a_c-*', 'a%', 'a\\*', '*\\', '_*'])(
    'does not fit the pattern %s by accident',
    async (grant) => {
      const secret = await seedSecret({ grant });
      const pipeline = await seedPipeline(database, {
        name: `abc-${randomUUID()}`,
        secrets: [secret.name],
      });
      const { runner, job } = await startJob([], { pipeline });
      expect((await fetchSecrets(runner, job, [secret.name])).secrets).toEqual([]);
    },
  );
});

describe('a value', () => {
  it.each([
    ['', 'RIVET_SECRET_TOO_SHORT'],
    ['a', 'RIVET_SECRET_TOO_SHORT'],
    ['\n', 'RIVET_SECRET_TOO_SHORT'],
    ['   a \n', 'RIVET_SECRET_TOO_SHORT'],
    ['é'.repeat(33_000), 'RIVET_SECRET_TOO_LARGE'],
    ['ab\0cdefgh', 'RIVET_REQUEST_INVALID'],
  ])('that cannot be kept out of a log is refused: %j', async (value, code) => {
    const name = newName();
    expect((await refusal(admin.putSecret({ name, body: { value } }))).code).toBe(code);
    expect((await refusal(admin.getSecret({ name }))).code).toBe('RIVET_SECRET_NOT_FOUND');
  });

  it('is in no message, whatever is wrong with the request', async () => {
    const value = newValue();
    const bodies = [
      { value, provider: 'nonsense' },
      { value: [value] },
      { value: Number(randomBytes(4).readUInt32LE()) },
      { value, extra: value },
      { value: { [value]: value } },
      [value],
      value,
      { value: `${value}${'x'.repeat(70_000)}` },
      { value, reference: 'a' },
      { value, provider: 'vault', reference: 'a/b#c' },
    ];
    for (const body of bodies) {
      const problem = await send('PUT', `/api/secrets/${newName()}`, JSON.stringify(body));
      expect(problem.status).toBe(400);
      expect(problem.text).not.toContain(value);
      if (typeof body === 'object' && 'value' in body && typeof body.value === 'number') {
        expect(problem.text).not.toContain(String(body.value));
      }
    }
  });

  it('is bytes, tabs and many lines as they were given', async () => {
    const value = `-----BEGIN KEY-----\r\n\tü€😀 '"\\$(id)\`\n${randomBytes(20).toString('base64')}\n`;
    const { name } = await seedSecret({ grant: '*' });
    await admin.putSecret({ name, body: { value } });
    const { runner, job } = await startJob([name]);
    expect((await fetchSecrets(runner, job, [name])).secrets).toEqual([{ name, value }]);
  });

  it('of an earlier version comes back as a new one, and the oldest are forgotten', async () => {
    const { name, value: first } = await seedSecret({ grant: '*' });
    const second = newValue();
    await admin.putSecret({ name, body: { value: second } });
    const back = await admin.rollbackSecret({ name, body: { version: 1 } });
    expect(back.version).toBe(3);
    const { runner, job } = await startJob([name]);
    expect((await fetchSecrets(runner, job, [name])).secrets).toEqual([{ name, value: first }]);
    for (let n = 4; n <= 12; n += 1) await admin.putSecret({ name, body: { value: newValue() } });
    const { items } = await admin.listSecretVersions({ name });
    expect(items.map(({ version }) => version)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    expect(items.map(({ current }) => current).filter(Boolean)).toEqual([true]);
    expect(items.at(-1)).toMatchObject({ version: 3, restored_from: 1 });
    expect(await refusal(admin.rollbackSecret({ name, body: { version: 2 } }))).toMatchObject({
      code: 'RIVET_SECRET_VERSION_NOT_FOUND',
      message: expect.stringContaining('has no version 2; kept are 3 to 12'),
    });
  });

  it('is the last of those that were set at the same time, and each has a version', async () => {
    const name = newName();
    const values = Array.from({ length: 8 }, newValue);
    await Promise.all(values.map((value) => admin.putSecret({ name, body: { value } })));
    const { items } = await admin.listSecretVersions({ name });
    expect(items.map(({ version }) => version)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it('is never in an answer to a person', async () => {
    const { name, value } = await seedSecret({ grant: '*' });
    const answers = [
      await admin.getSecret({ name }),
      await admin.listSecrets({ query: { search: name } }),
      await admin.listSecretVersions({ name }),
      await admin.putSecret({ name, body: { value } }),
      await admin.rollbackSecret({ name, body: { version: 1 } }),
      await admin.revokeSecret({ name, query: { pipelines: '*' } }),
    ];
    expect(JSON.stringify(answers)).not.toContain(value);
  });
});

describe('somebody', () => {
  const use = (pattern: string) =>
    ({ kind: 'secret', pattern, permission: 'secrets.use' }) as const;
  const write = (pattern: string) =>
    ({ kind: 'secret', pattern, permission: 'secrets.write' }) as const;
  const edit = (pattern: string) =>
    ({ kind: 'pipeline', pattern, permission: 'pipelines.edit' }) as const;

  it('sees and changes only what their grants say; the rest is as if it were not there', async () => {
    const pipeline = await seedPipeline(database);
    const secret = await seedSecret({ grant: '*' });
    const { name } = secret;
    const none = newName();
    const body = { value: newValue() };
    const [nobody, user, writer] = [
      await seedUser(),
      await seedUser([use(name)]),
      await seedUser([write(name)]),
    ];
    const calls = (client: Client, of: string): [string, () => Promise<unknown>][] => [
      ['get', () => client.getSecret({ name: of })],
      ['versions', () => client.listSecretVersions({ name: of })],
      ['revoke', () => client.revokeSecret({ name: of, query: { pipelines: pipeline } })],
      ['grant', () => client.grantSecret({ name: of, body: { pipelines: pipeline } })],
      ['put', () => client.putSecret({ name: of, body })],
      ['rollback', () => client.rollbackSecret({ name: of, body: { version: 1 } })],
      ['delete', () => client.deleteSecret({ name: of })],
    ];
    const codes = async (client: Client, of: string): Promise<Record<string, string>> => {
      const found: Record<string, string> = {};
      for (const [verb, call] of calls(client, of)) {
        found[verb] = await call().then(
          () => 'ok',
          ({ code }) => code,
        );
      }
      return found;
    };
    const absent = {
      get: 'RIVET_SECRET_NOT_FOUND',
      versions: 'RIVET_SECRET_NOT_FOUND',
      revoke: 'RIVET_SECRET_NOT_FOUND',
      grant: 'RIVET_SECRET_NOT_FOUND',
      put: 'RIVET_ACCESS_DENIED',
      rollback: 'RIVET_SECRET_NOT_FOUND',
      delete: 'RIVET_SECRET_NOT_FOUND',
    };
    expect(await codes(nobody.client, name)).toEqual(absent);
    expect(await codes(nobody.client, none)).toEqual(absent);
    const denied = 'RIVET_ACCESS_DENIED';
    expect(await codes(user.client, name)).toEqual({
      get: 'ok',
      versions: 'ok',
      revoke: denied,
      grant: denied,
      put: denied,
      rollback: denied,
      delete: denied,
    });
    expect(await codes(user.client, none)).toEqual(absent);
    const texts = await Promise.all(
      [name, none].map(async (of) => {
        const { message } = await refusal(nobody.client.getSecret({ name: of }));
        return message.replaceAll(of, 'NAME');
      }),
    );
    expect(texts[0]).toBe(texts[1]);
    expect(await codes(writer.client, name)).toEqual({
      get: 'ok',
      versions: 'ok',
      revoke: 'RIVET_SECRET_GRANT_NOT_FOUND',
      grant: 'ok',
      put: 'ok',
      rollback: 'ok',
      delete: 'ok',
    });
  });

  it('is listed what they may see, page by page, the installation before pipelines', async () => {
    const prefix = newName();
    const pipeline = await seedPipeline(database);
    const names = ['A', 'B', 'C', 'D'].map((letter) => `${prefix}_${letter}`);
    for (const name of names) await admin.putSecret({ name, body: { value: newValue() } });
    await admin.putSecret({
      name: `${prefix}_A`,
      query: { pipeline },
      body: { value: newValue() },
    });
    const { client } = await seedUser([
      use(`${prefix}_A`),
      write(`${prefix}_C`),
      use(`${pipeline}/*`),
      use('nothing'),
    ]);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listSecrets({ query: { limit: 1, ...(cursor && { cursor }) } });
      seen.push(...page.items.map((item) => `${item.pipeline ?? ''} ${item.name}`));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual([` ${prefix}_A`, ` ${prefix}_C`, `${pipeline} ${prefix}_A`]);
    expect((await admin.listSecrets({ query: { search: prefix } })).items).toHaveLength(5);
    const viewer = await seedPerson(database, 'viewer');
    const theirs = clientFor(server.orchestrator.url, viewer.token);
    expect((await refusal(theirs.listSecrets())).code).toBe('RIVET_ACCESS_DENIED');
  });

  it('who may use a secret can let their own pipelines have it, and no others', async () => {
    const { name } = await seedSecret();
    const team = `team-${randomUUID()}`;
    const { client } = await seedUser([use(name), edit(`${team}-*`)]);
    for (const pipelines of [`${team}-web`, `${team}-*`, `${team}-a*b`]) {
      const { grants } = await client.grantSecret({ name, body: { pipelines } });
      expect(grants.map((grant) => grant.pipelines)).toContain(pipelines);
      await client.revokeSecret({ name, query: { pipelines } });
    }
    for (const pipelines of ['*', `${team}*`, 'other', `*${team}-`, `x${team}-web`]) {
      const { code } = await refusal(client.grantSecret({ name, body: { pipelines } }));
      expect([pipelines, code]).toEqual([pipelines, 'RIVET_ACCESS_DENIED']);
    }
  });

  it('can make a hundred grants of a secret, and change those', async () => {
    const { name } = await seedSecret();
    for (let n = 1; n <= 100; n += 1) {
      await admin.grantSecret({ name, body: { pipelines: `p${n}` } });
    }
    expect(await refusal(admin.grantSecret({ name, body: { pipelines: 'x' } }))).toMatchObject({
      code: 'RIVET_REQUEST_INVALID',
      message: expect.stringContaining('has 100 grants'),
    });
    const { grants } = await admin.grantSecret({
      name,
      body: { pipelines: 'p7', events: ['api'] },
    });
    expect(grants.find(({ pipelines }) => pipelines === 'p7')?.events).toEqual(['api']);
  });

  it('needs the right to edit a pipeline to give it a secret of its own', async () => {
    const pipeline = await seedPipeline(database);
    const name = newName();
    const put = (client: Client) =>
      client.putSecret({ name, query: { pipeline }, body: { value: newValue() } });
    const all = await seedUser([write('*')]);
    expect((await refusal(put(all.client))).code).toBe('RIVET_ACCESS_DENIED');
    // A grant for a name is one for the installation's, not for what stands in front of it.
    const same = await seedUser([write(name), edit(pipeline)]);
    expect((await refusal(put(same.client))).code).toBe('RIVET_ACCESS_DENIED');
    const own = await seedUser([write(`${pipeline}/*`), edit(pipeline)]);
    expect(await put(own.client)).toMatchObject({
      pipeline,
      grants: [{ pipelines: pipeline, events: ['manual', 'api'] }],
    });
    const query = { pipeline };
    expect(
      await refusal(own.client.grantSecret({ name, query, body: { pipelines: '*' } })),
    ).toMatchObject({ code: 'RIVET_REQUEST_INVALID' });
    expect((await refusal(own.client.getSecret({ name }))).code).toBe('RIVET_SECRET_NOT_FOUND');
    const missing = { name, query: { pipeline: 'nowhere' }, body: { value: newValue() } };
    expect((await refusal(admin.putSecret(missing))).code).toBe('RIVET_PIPELINE_NOT_FOUND');
  });

  it('who is no administrator cannot make a secret of what a provider has', async () => {
    const name = newName();
    const { client } = await seedUser([write('*')]);
    const body = { provider: 'vault', reference: 'secret/others#token' } as const;
    expect((await refusal(client.putSecret({ name, body }))).code).toBe('RIVET_ACCESS_DENIED');
    expect((await refusal(admin.putSecret({ name, body }))).code).toBe('RIVET_SECRET_PROVIDER_OFF');
  });
});

/** Runs SQL of the test's own. */
function run<Row extends object>(text: string): Promise<Row[]> {
  return database.query<Row>({ name: '', text, repeatable: true });
}

/** Gives a pipeline whose version is 1 its declared secrets. */
async function setSecrets(pipeline: string, secrets: string[]): Promise<void> {
  await run(`UPDATE pipeline_versions SET definition = jsonb_set(definition::jsonb, '{secrets}',
      '${JSON.stringify(secrets)}')::json
    WHERE pipeline_id = (SELECT id FROM pipelines WHERE name = '${pipeline}')`);
}

/** A request as nobody's client would send it. */
async function send(method: string, path: string, body: string) {
  const response = await fetch(server.orchestrator.url + path, {
    method,
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body,
  });
  return { status: response.status, text: await response.text() };
}
