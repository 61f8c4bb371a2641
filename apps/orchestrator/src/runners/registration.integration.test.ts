// Registration tokens and tokens of runners: used twice, expired, stolen, rotated, revoked (S7).
import { randomBytes, randomUUID } from 'node:crypto';
import type { Client, RegistrationTokenRequest } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeToken } from '../auth/token.ts';
import {
  clientFor,
  FakeRunner,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
let server: TestOrchestrator;
/** Another orchestrator of the same installation. */
let other: TestOrchestrator;
let client: Client;
let url: string;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  server = await startTestOrchestrator(testDatabase.url);
  other = await startTestOrchestrator(testDatabase.url);
  client = server.client;
  url = server.orchestrator.url;
});

afterAll(async () => {
  await server.orchestrator.stop();
  await other.orchestrator.stop();
  await database.close();
});

const run = (text: string, values: unknown[] = []) =>
  database.query<Record<string, unknown>>({ name: '', text, repeatable: true }, values);

const invalid = { code: 'RIVET_AUTH_INVALID', entry: { status: 401 } };
const newHash = () => makeToken('runner').hash.toString('hex');

async function registering(terms: RegistrationTokenRequest = {}): Promise<Client> {
  const { token } = await client.createRegistrationToken({ body: terms });
  return clientFor(url, token);
}

function registration(changes: object = {}) {
  const name = `r-${randomUUID()}`;
  return { name, token_sha256: newHash(), tags: [], capacity: 1, version: 'test', ...changes };
}

describe('a registration token', () => {
  test('is shown once, kept as a hash, and listed with its uses', async () => {
    const { token, id, prefix } = await client.createRegistrationToken({
      body: { description: 'rack 4', uses_max: 3 },
    });
    expect(token).toMatch(/^rvg_[A-Za-z0-9_-]{43}$/);
    await clientFor(url, token).registerRunner({ body: registration() });
    const { items } = await client.listRegistrationTokens();
    const listed = items.find((item) => item.id === id);
    expect(listed).toMatchObject({ description: 'rack 4', uses: 1, uses_max: 3, prefix });
    expect(JSON.stringify(items)).not.toContain(token);
    const rows = JSON.stringify(await run('SELECT * FROM registration_tokens'));
    expect(rows).not.toContain(token.slice(14));
    await client.deleteRegistrationToken({ id });
    await expect(
      clientFor(url, token).registerRunner({ body: registration() }),
    ).rejects.toMatchObject(invalid);
    await expect(client.deleteRegistrationToken({ id })).rejects.toMatchObject({
      code: 'RIVET_REGISTRATION_TOKEN_NOT_FOUND',
    });
  });

  test('lets in one runner, and not a second one, however many try at once', async () => {
    const as = await registering();
    const tries = Array.from({ length: 8 }, () => as.registerRunner({ body: registration() }));
    const ends = await Promise.allSettled(tries);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject(invalid);
    }
  });

  test('that has expired lets nobody in', async () => {
    const { token, id } = await client.createRegistrationToken({ body: {} });
    const past = `UPDATE registration_tokens SET expires_at = now() - interval '1 s' WHERE id = $1`;
    await run(past, [id]);
    await expect(
      clientFor(url, token).registerRunner({ body: registration() }),
    ).rejects.toMatchObject(invalid);
  });

  test('answers the same registration again, also when it is used up and expired', async () => {
    const { token, id } = await client.createRegistrationToken({ body: {} });
    const as = clientFor(url, token);
    const body = registration();
    const answers = await Promise.all(Array.from({ length: 5 }, () => as.registerRunner({ body })));
    await run('UPDATE registration_tokens SET expires_at = now() WHERE id = $1', [id]);
    answers.push(await as.registerRunner({ body }));
    expect(new Set(answers.map(({ runner_id }) => runner_id)).size).toBe(1);
    const { items } = await client.listRegistrationTokens();
    expect(items.find((item) => item.id === id)).toMatchObject({ uses: 1 });
  });

  test('that is stolen takes over no runner that is there', async () => {
    const victim = await FakeRunner.register(client);
    const thief = await registering({ uses_max: 10 });
    await expect(
      thief.registerRunner({ body: registration({ name: victim.name }) }),
    ).rejects.toMatchObject({ code: 'RIVET_RUNNER_NAME_TAKEN' });
    const { items } = await client.listRegistrationTokens();
    expect(items[0], 'a refused registration uses up nothing').toMatchObject({ uses: 0 });
    expect(await victim.claim()).toEqual([]);
  });

  test.each(['getMe', 'listJobs', 'listRunners', 'claimJobs', 'connectRunner'] as const)(
    'opens nothing but the registration: %s',
    async (name) => {
      const as = await registering();
      const body = { session: randomUUID(), request_id: randomUUID(), capacity: 1, wait_ms: 0 };
      const offer = { tags: [], capacity: 1, version: 'test' };
      const call: Promise<unknown> =
        name === 'claimJobs'
          ? as.claimJobs({ body })
          : name === 'connectRunner'
            ? as.connectRunner({ body: offer })
            : as[name]();
      await expect(call).rejects.toMatchObject(invalid);
    },
  );

  test('gives tags and pipelines that the runner cannot widen', async () => {
    const tags = [{ key: 'env', value: 'test' }];
    const as = await registering({ tags, tag_keys: ['os'], pipelines: ['team-a/*'] });
    const { token, hash } = makeToken('runner');
    const told = [{ key: 'os', value: 'linux' }];
    await as.registerRunner({
      body: registration({ token_sha256: hash.toString('hex'), tags: told }),
    });
    const own = clientFor(url, token.reveal());
    const prod = [{ key: 'env', value: 'prod' }];
    const offer = { capacity: 1, version: 'test' };
    await expect(own.connectRunner({ body: { ...offer, tags: prod } })).rejects.toMatchObject({
      code: 'RIVET_RUNNER_TAG_DENIED',
      entry: { status: 403 },
    });
    const connected = await own.connectRunner({ body: { ...offer, tags: told } });
    expect(connected.tags).toEqual([...told, ...tags]);
    expect(connected.pipelines).toEqual(['team-a/*']);
  });
});

describe('a runner', () => {
  test('gets jobs of the pipelines that it may run, and no others', async () => {
    const prefix = randomUUID();
    const mine = await seedPipeline(database, { name: `${prefix}-100%_a/build` });
    const foreign = await seedPipeline(database, { name: `${prefix}-1000xa/build` });
    const own = await FakeRunner.register(client, { pipelines: [`${prefix}-100%_a/*`, 'none'] });
    const { id: secret } = await client.launchPipeline({ ref: foreign, body: {} });
    expect(await own.claim({ capacity: 5 })).toEqual([]);
    const { id } = await client.launchPipeline({ ref: mine, body: {} });
    expect((await own.claim({ capacity: 5, waitMs: 20_000 })).map((job) => job.id)).toEqual([id]);
    const any = await FakeRunner.register(client);
    expect((await any.claim({ capacity: 5, waitMs: 20_000 })).map((job) => job.id)).toEqual([
      secret,
    ]);
  });

  test('is told why its job waits when no runner may run its pipeline', async () => {
    const name = `lonely-${randomUUID()}`;
    const { id } = await client.launchPipeline({
      ref: await seedPipeline(database, { name }),
      body: {},
    });
    await run(`UPDATE runners SET revoked_at = now() WHERE '*' = ANY (pipelines)`);
    await FakeRunner.register(client, { pipelines: ['something-else'] });
    const { reasons } = await client.explainJob({ id });
    expect(reasons[0]).toContain(`No runner may run the pipeline ${name}: `);
    await client.cancelJob({ id });
  });

  test('changes its token without a moment in which none is valid', async () => {
    const runner = await FakeRunner.register(client);
    const { token, hash } = makeToken('runner');
    const body = { token_sha256: hash.toString('hex') };
    await client.rotateRunner({ ref: runner.name });
    const session = (await runner.reconnect()).client;
    await session.changeRunnerToken({ body });
    // Not used yet: the old one works on, as often as it likes.
    await session.changeRunnerToken({ body });
    const renewed = clientFor(url, token.reveal());
    await renewed.changeRunnerToken({ body });
    await expect(session.changeRunnerToken({ body })).rejects.toMatchObject(invalid);
    await renewed.connectRunner({ body: { tags: [], capacity: 1, version: 'test' } });
    // Four calls, one change.
    const query = { action: 'runner.token', object: runner.name };
    expect((await client.listAuditEntries({ query })).items).toHaveLength(1);
  });

  test('is asked to change its token when an administrator wants it, until it did', async () => {
    const runner = await FakeRunner.register(client);
    const claim = async (as: Client, session: string) => {
      const body = { session, request_id: randomUUID(), capacity: 1, wait_ms: 0 };
      return (await as.claimJobs({ body })).change_token;
    };
    const offer = { tags: [], capacity: 1, version: 'test' };
    const { session } = await runner.client.connectRunner({ body: offer });
    expect(await claim(runner.client, session)).toBeUndefined();
    await client.rotateRunner({ ref: runner.id.slice(0, 30) });
    expect(await claim(runner.client, session)).toBe(true);
    const { token, hash } = makeToken('runner');
    await runner.client.changeRunnerToken({ body: { token_sha256: hash.toString('hex') } });
    expect(await claim(clientFor(url, token.reveal()), session)).toBeUndefined();
  });

  test('cannot take the token of another', async () => {
    const [one, two] = [await FakeRunner.register(client), await FakeRunner.register(client)];
    const { token, hash } = makeToken('runner');
    const body = { token_sha256: hash.toString('hex') };
    await one.client.changeRunnerToken({ body });
    await expect(two.client.changeRunnerToken({ body })).rejects.toMatchObject({
      code: 'RIVET_REQUEST_INVALID',
    });
    await clientFor(url, token.reveal()).changeRunnerToken({ body });
    const rows = await run('SELECT id FROM runners WHERE token_hash = $1', [hash]);
    expect(rows).toEqual([{ id: one.id }]);
  });
});

describe('a runner that is revoked', () => {
  test('is out at once at every orchestrator, also in a poll that waits', async () => {
    const runner = await FakeRunner.register(client);
    const elsewhere = runner.through(other.client);
    // One that hears late that the runner has connected answers the poll: it is to ask again.
    const poll = async (): Promise<never> => {
      for (;;) await elsewhere.claim({ waitMs: 20_000 });
    };
    const refused = expect(poll()).rejects.toMatchObject(invalid);
    const startedAt = performance.now();
    await client.revokeRunner({ ref: runner.name });
    await expect(runner.claim()).rejects.toMatchObject(invalid);
    await refused;
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    const { items } = await client.listRunners();
    expect(items.map(({ name }) => name)).not.toContain(runner.name);
    await expect(client.getRunner({ ref: runner.name })).rejects.toMatchObject({
      code: 'RIVET_RUNNER_NOT_FOUND',
    });
  });

  test('gets no job any more, also before anybody has ended its poll', async () => {
    const ref = await seedPipeline(database);
    const runner = await FakeRunner.register(client, { pipelines: [ref] });
    const waiting = runner.claim({ waitMs: 20_000 });
    const refused = expect(waiting).rejects.toMatchObject(invalid);
    // Sent later, and answered: the first one waits by then.
    expect(await runner.claim({ waitMs: 0 })).toEqual([]);
    await client.revokeRunner({ ref: runner.name });
    const { id } = await client.launchPipeline({ ref, body: {} });
    await refused;
    expect(await client.getJob({ id })).toMatchObject({ state: 'queued', attempt: 0 });
    await client.cancelJob({ id });
  });

  test('loses its jobs, which end or go on as their pipelines say', async () => {
    const runner = await FakeRunner.register(client);
    const again = await seedPipeline(database, { retry: { max: 1, on: ['runner_lost'] } });
    for (const ref of [again, await seedPipeline(database)]) {
      await client.launchPipeline({ ref, body: {} });
    }
    const [retried, failed] = await runner.claim({ capacity: 2, waitMs: 20_000 });
    for (const job of [retried!, failed!]) await runner.report(job, {});
    await client.revokeRunner({ ref: runner.id });
    expect(await client.getJob({ id: retried!.id })).toMatchObject({ state: 'queued' });
    expect(await client.getJob({ id: failed!.id })).toMatchObject({
      state: 'failed',
      reason: 'runner_lost',
      message: `the runner ${runner.name} was revoked`,
    });
    await expect(runner.finish(retried!, { state: 'succeeded' }, 2)).rejects.toMatchObject(invalid);
    await client.cancelJob({ id: retried!.id });
  });

  test('cannot register again by itself, and frees its name for another', async () => {
    const terms = { uses_max: 5 };
    const as = await registering(terms);
    const body = registration();
    await as.registerRunner({ body });
    await client.revokeRunner({ ref: body.name });
    await expect(as.registerRunner({ body })).rejects.toMatchObject({
      code: 'RIVET_RUNNER_REVOKED',
    });
    await as.registerRunner({ body: { ...body, token_sha256: newHash() } });
  });
});

test('a token that nobody gave out is answered like any other wrong one', async () => {
  const bodies = await Promise.all(
    [`rvr_${randomBytes(32).toString('base64url')}`, 'rvr_short', 'x', `rvg_${'a'.repeat(43)}`].map(
      async (token) => {
        const response = await fetch(`${url}/api/runner/connect`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: '{}',
        });
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        return `${response.status} ${await response.text()}`;
      },
    ),
  );
  expect(new Set(bodies).size).toBe(1);
  expect(bodies[0]).toMatch(/^401 /);
});
