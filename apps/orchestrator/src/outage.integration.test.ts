// The program itself: settings, a database that is away, a port in use, and its end.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { createClient } from '@rivet/protocol';
import {
  startDatabaseServer,
  startProgram,
  startTcpProxy,
  type TestProgram,
  useTestDatabase,
  violationsIn,
} from '@rivet/testing';
import { afterEach, expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  openTestDatabase,
  seedPerson,
  seedPipeline,
  startTestOrchestrator,
  testMasterKey,
} from './test-orchestrator.ts';

const testDatabase = useTestDatabase();
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

function program(name: 'main' | 'migrate', env: Record<string, string>): TestProgram {
  const masterKey = { RIVET_MASTER_KEY: testMasterKey.text.reveal() };
  const started = startProgram(new URL(`./${name}.ts`, import.meta.url), { ...masterKey, ...env });
  cleanups.push(() => started.stop());
  return started;
}

test('a database that is away makes 503 with Retry-After, and all is well after it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-outage-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const options = {
    dataDirectory: join(directory, 'data'),
    logger: silentLogger,
    persistent: true,
    durable: false,
  };
  let postgres = await startDatabaseServer(options);
  cleanups.push(async () => {
    await postgres.stop();
    await postgres.remove();
  });
  const { orchestrator, token } = await startTestOrchestrator(postgres.url);
  cleanups.push(() => orchestrator.stop());
  const client = clientFor(orchestrator.url, token, 1);
  const database = openTestDatabase(postgres.url);
  cleanups.push(() => database.close());
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(client);
  const waiting = runner.claim({ waitMs: 20_000 }).catch((error: unknown) => error);

  await postgres.stop();
  const response = await fetch(`${orchestrator.url}/api/jobs`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  const problem = await response.text();
  expect(JSON.parse(problem)).toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
  // Where the database is, and what it said, is for the log.
  const health = await fetch(`${orchestrator.url}/readyz`);
  for (const text of [problem, await health.text()]) {
    expect(text).not.toMatch(/127\.0\.0\.1|postgres|refused|ECONN|DATABASE_URL|SELECT/);
    expect(text).not.toContain(String(postgres.port));
  }
  expect(await waiting).toMatchObject({ code: 'RIVET_DATABASE_UNREACHABLE' });
  expect(await client.getHealth()).toMatchObject({ status: 'ok' });
  await expect(client.getReadiness()).rejects.toMatchObject({ entry: { status: 503 } });

  const { port } = postgres;
  postgres = await startDatabaseServer({ ...options, port });
  await expect.poll(() => client.getReadiness().catch(() => undefined)).toBeDefined();
  const launched = await client.launchPipeline({ ref, body: {} });
  expect((await runner.claimOne()).id).toBe(launched.id);
});

test('after an outage that was longer than the leases, a runner may still deliver', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-outage-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const options = {
    dataDirectory: join(directory, 'data'),
    logger: silentLogger,
    persistent: true,
    durable: false,
  };
  let postgres = await startDatabaseServer(options);
  cleanups.push(async () => {
    await postgres.stop();
    await postgres.remove();
  });
  const { orchestrator, client } = await startTestOrchestrator(postgres.url, { leaseSeconds: 8 });
  cleanups.push(() => orchestrator.stop());
  const database = openTestDatabase(postgres.url);
  cleanups.push(() => database.close());
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(client);
  const launches = [await client.launchPipeline({ ref, body: {} })];
  launches.push(await client.launchPipeline({ ref, body: {} }));
  const jobs = await runner.claim({ capacity: 2 });
  for (const job of jobs) await runner.report(job, {});
  const [delivered, silent] = jobs;
  const lease = 'SELECT 1 FROM running_attempts WHERE lease_until > now()';
  const begunAnew = { name: 'begun_anew', text: lease, repeatable: true };

  // The outage: it lasts until the leases have run out.
  const { port } = postgres;
  await postgres.stop();
  await expect
    .poll(() => client.getReadiness().then(Boolean, () => false), { timeout: 30_000 })
    .toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 8000));
  postgres = await startDatabaseServer({ ...options, port });
  await expect
    .poll(() => database.query(begunAnew).catch(() => []), { timeout: 60_000 })
    .toHaveLength(2);
  await runner.finish(delivered!, { state: 'succeeded' }, 2);
  expect(await client.getJob({ id: delivered!.id })).toMatchObject({ state: 'succeeded' });
  await expect
    .poll(async () => (await client.getJob({ id: silent!.id })).state, { timeout: 30_000 })
    .toBe('failed');
});

test('an orchestrator that alone loses the database keeps no job from the others, and one end counts', async () => {
  const { hostname: host, port } = new URL(testDatabase.url);
  const way = await startTcpProxy({ target: { host, port: Number(port) } });
  cleanups.push(() => way.close());
  const cutOffUrl = testDatabase.url.replace(`:${port}/`, `:${way.port}/`);
  const { orchestrator: cutOff } = await startTestOrchestrator(cutOffUrl);
  cleanups.push(() => cutOff.stop());
  const { orchestrator, client } = await startTestOrchestrator(testDatabase.url);
  cleanups.push(() => orchestrator.stop());
  const database = openTestDatabase(testDatabase.url);
  cleanups.push(() => database.close());
  const ref = await seedPipeline(database, { retry: { max: 1, on: ['runner_lost'] } });
  const owner = await FakeRunner.register(client, { pipelines: [ref] });
  const behind = owner.through(clientFor(cutOff.url, owner.token, 1), 1);
  const { id } = await client.launchPipeline({ ref, body: {} });
  const job = await owner.claimOne();
  await behind.report(job, {});

  way.break();
  // What its runner takes for an outage of everybody, in which its job is safe.
  await expect(behind.report(job, { seq: 2 })).rejects.toMatchObject({
    code: 'RIVET_DATABASE_UNREACHABLE',
  });
  // Time passes, and the other orchestrator looks after leases.
  const text = `UPDATE running_attempts SET lease_until = now() - interval '1 s'`;
  const expire = { name: 'expire_all', text, repeatable: true };
  const state = () => database.query(expire).then(async () => (await client.getJob({ id })).state);
  await expect.poll(state, { timeout: 60_000 }).toBe('queued');
  const other = await FakeRunner.register(client, { pipelines: [ref] });
  const next = await other.claimOne(20_000);
  expect(next).toMatchObject({ id, attempt: 2 });
  await expect(behind.report(job, { seq: 2 })).rejects.toMatchObject({
    code: 'RIVET_DATABASE_UNREACHABLE',
  });

  way.mend();
  const outcome = { state: 'failed', reason: 'stage_failed' } as const;
  const deliver = (): Promise<unknown> =>
    behind.report(job, { seq: 2, outcome }).catch(({ code }: { code: string }) => code);
  await expect.poll(deliver, { timeout: 60_000 }).toBe('RIVET_LEASE_LOST');
  await other.finish(next, { state: 'succeeded' });
  expect(await client.getJob({ id })).toMatchObject({ state: 'succeeded', attempt: 2 });
  expect(await violationsIn(testDatabase.url)).toEqual([]);
});

test('connections that are cut all the time are made anew, and hardly anybody notices', async () => {
  const { orchestrator, client } = await startTestOrchestrator(testDatabase.url);
  cleanups.push(() => orchestrator.stop());
  const database = openTestDatabase(testDatabase.url);
  cleanups.push(() => database.close());
  const ref = await seedPipeline(database);
  const runner = await FakeRunner.register(client);
  const cut = {
    name: 'cut',
    repeatable: true,
    text: `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'rivet-orchestrator'
      ORDER BY random() LIMIT 1) one`,
  };
  let isOver = false;
  let cuts = 0;
  let asked = 0;
  // As often for what is asked on a busy machine as on a quick one.
  const cutting = (async () => {
    for (let askedBefore = 0; !isOver; ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (asked - askedBefore < 15) continue;
      askedBefore = asked;
      cuts += (await database.query(cut)).length;
    }
  })();
  const failures: unknown[] = [];
  const launched = new Set<string>();
  const finished: string[] = [];
  const ask = async (what: () => Promise<unknown>): Promise<void> => {
    asked += 1;
    await what().catch((error: unknown) => failures.push(error));
  };
  const until = performance.now() + 120_000;
  const goesOn = () => cuts <= 40 && performance.now() < until;
  const someone = async (n: number): Promise<void> => {
    while (goesOn()) {
      const key = `cut-${n}-${asked}`;
      const launch = { ref, body: {}, idempotencyKey: key };
      await ask(async () => launched.add((await client.launchPipeline(launch)).id));
      await ask(() => client.listJobs({ query: {} }));
    }
  };
  const work = async (): Promise<void> => {
    while (goesOn() || finished.length < launched.size) {
      const jobs = await runner.claim({ capacity: 10, waitMs: 200 }).catch(() => []);
      for (const job of jobs) {
        await ask(() => runner.finish(job, { state: 'succeeded' }));
        finished.push(job.id);
      }
    }
  };
  await Promise.all([...Array.from({ length: 4 }, (_, n) => someone(n)), work()]);
  isOver = true;
  await cutting;
  expect(cuts).toBeGreaterThan(20);
  expect(failures.length / asked, String(failures[0])).toBeLessThanOrEqual(0.01);
  // Each of them once: what was tried again was not done again.
  const text = 'SELECT 1 FROM jobs WHERE pipeline_name = $1';
  const jobs = await database.query({ name: '', text, repeatable: true }, [ref]);
  expect(jobs).toHaveLength(launched.size);
  expect(new Set(finished).size).toBe(finished.length);
});

test('a database that is down at the start is one sentence and exit code 3', async () => {
  const env = { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/db', RIVET_LISTEN: '127.0.0.1:0' };
  for (const name of ['main', 'migrate'] as const) {
    const { code, stderr } = await program(name, env).ended;
    expect(code).toBe(3);
    expect(stderr).toContain(
      'error: the database at 127.0.0.1:1/db cannot be reached: connection refused',
    );
    expect(stderr).toContain('Start PostgreSQL');
    expect(stderr).not.toContain('secret');
    expect(stderr).not.toContain('    at ');
  }
});

test.each([
  [{ DATABASE_URL: '' }, 2, 'DATABASE_URL is not set'],
  [{ RIVET_LISTEN: '0.0.0.0:0' }, 2, 'nothing encrypts what they send'],
  [{ RIVET_LISTEN: '[::]:7450' }, 2, 'nothing encrypts what they send'],
  [{ RIVET_LISTEN: 'nonsense' }, 2, 'expected host:port'],
  [{ RIVET_TLS_CERT: '/a.pem' }, 2, 'RIVET_TLS_KEY is ""'],
  [{ RIVET_TLS_CERT: '/nowhere/a.pem', RIVET_TLS_KEY: '/nowhere/b.pem' }, 2, '/nowhere/a.pem'],
  [{ RIVET_TRUSTED_PROXIES: '10.0.0.0/33' }, 2, 'RIVET_TRUSTED_PROXIES is "10.0.0.0/33"'],
  [{ RIVET_TRUSTED_PROXIES: '0.0.0.0/0' }, 2, '/0 is everybody'],
  [{ RIVET_ALLOWED_HOSTS: 'a:80' }, 2, 'names without a port'],
  [{ RIVET_PUBLIC_URL: 'https://a/b' }, 2, 'RIVET_PUBLIC_URL is "https://a/b"'],
  [{ RIVET_LEASE: '1s' }, 2, 'RIVET_LEASE is "1s"; expected at least 2s'],
  [{ RIVET_POLL: '0s' }, 2, 'RIVET_POLL is "0s"; expected at least 1s'],
  [{ RIVET_ATTEMPT_TIME_MAX: '0' }, 2, 'RIVET_ATTEMPT_TIME_MAX is "0"; expected at least 60s'],
  [{ RIVET_LEASE: 'soon' }, 2, 'RIVET_LEASE is "soon"; expected a duration'],
])('the settings %j are refused with exit code %i', async (env, exit, text) => {
  const { code, stderr } = await program('main', { DATABASE_URL: testDatabase.url, ...env }).ended;
  expect(stderr).toContain(text);
  expect(code).toBe(exit);
});

test('a port in use is said so', async () => {
  const first = program('main', { DATABASE_URL: testDatabase.url, RIVET_LISTEN: '127.0.0.1:0' });
  const { url } = (await first.event('listening')) as { url: string };
  const listen = new URL(url).host;
  const second = program('main', { DATABASE_URL: testDatabase.url, RIVET_LISTEN: listen });
  const { code, stderr } = await second.ended;
  expect(stderr).toContain(`cannot listen on ${listen}: the port is in use`);
  expect(code).toBe(1);
});

test('a request that comes while the server stops is told to go to another one', async () => {
  const { orchestrator } = await startTestOrchestrator(testDatabase.url);
  cleanups.push(() => orchestrator.stop());
  const { hostname, port } = new URL(orchestrator.url);
  const socket = connect(Number(port), hostname);
  socket.write('GET /api/jobs HTTP/1.1\r\nhost: localhost\r\n');
  // Once another request was answered, the server has seen the beginning of this one.
  await createClient({ url: orchestrator.url }).getHealth();
  const stopping = orchestrator.stop();
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => setImmediate(resolve));
  socket.write('\r\n');
  await closed;
  await stopping;
  expect(answer).toMatch(/^HTTP\/1.1 503 /);
  expect(answer.toLowerCase()).toContain('connection: close');
  expect(answer.toLowerCase()).toContain('retry-after: 1');
  expect(answer).toContain('RIVET_SERVER_STOPPING');
});

test('TERM during the start ends it at once, also while the database says nothing', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  cleanups.push(async () => silent.close());
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  const started = program('main', {
    DATABASE_URL: `postgres://u@127.0.0.1:${port}/db`,
    RIVET_LISTEN: '127.0.0.1:0',
  });
  await once(silent, 'connection');
  const beganAt = performance.now();
  started.signal('SIGTERM');
  expect((await started.ended).code).toBe(0);
  // Far below the time after which a connection is given up.
  expect(performance.now() - beganAt).toBeLessThan(4900);
});

test('TERM answers waiting polls, ends streams and exits with 0', async () => {
  const started = program('main', { DATABASE_URL: testDatabase.url, RIVET_LISTEN: '127.0.0.1:0' });
  const { url } = (await started.event('listening')) as { url: string };
  const database = openTestDatabase(testDatabase.url);
  cleanups.push(() => database.close());
  const { token } = await seedPerson(database, 'admin');
  const client = clientFor(url, token, 1);
  const { id } = await client.launchPipeline({ ref: await seedPipeline(database), body: {} });
  const stream = await fetch(`${url}/api/jobs/${id}/logs/stream`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await client.cancelJob({ id });
  const runner = await FakeRunner.register(client);
  const waiting = runner.claim({ waitMs: 20_000 });
  // The poll is there once the runner has been seen.
  await expect
    .poll(async () => (await client.listRunners()).items.length, { timeout: 30_000 })
    .toBeGreaterThan(0);
  started.signal('SIGTERM');
  expect(await waiting).toEqual([]);
  expect(await stream.text()).toContain('retry: ');
  expect((await started.ended).code).toBe(0);
});
