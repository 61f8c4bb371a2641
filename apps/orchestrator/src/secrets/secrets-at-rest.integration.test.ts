// What the database tells about secrets, changed rows, and a master key that is replaced in use.
import { randomBytes } from 'node:crypto';
import { SecretText } from '@rivet/base';
import { secretForms } from '@rivet/engine';
import type { ClaimedJob, InputDefinition } from '@rivet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Config } from '../config.ts';
import {
  FakeRunner,
  openTestDatabase,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
  testMasterKey,
} from '../test-orchestrator.ts';

let test: TestDatabase;
let database: ReturnType<typeof openTestDatabase>;
const servers: TestOrchestrator[] = [];
let admin: TestOrchestrator['client'];

beforeAll(async () => {
  test = await createTestDatabase();
  database = openTestDatabase(test.url);
  admin = (await start()).client;
});
afterAll(async () => {
  for (const { orchestrator } of servers) await orchestrator.stop();
  await database.close();
  await test.drop();
});

async function start(changes: Partial<Config> = {}): Promise<TestOrchestrator> {
  const server = await startTestOrchestrator(test.url, changes);
  servers.push(server);
  return server;
}

function run<Row extends object>(text: string): Promise<Row[]> {
  return database.query<Row>({ name: '', text, repeatable: true });
}

const newValue = (): string => `value/+${randomBytes(12).toString('hex')} "é"`;

function secretInput(name: string): InputDefinition {
  return { name, type: 'string', required: true, secret: true, has_validate: false } as const;
}

function fetchSecret(runner: FakeRunner, job: ClaimedJob, name: string) {
  const { attempt, lease_id } = job;
  return runner.client.fetchJobSecrets({ id: job.id, body: { attempt, lease_id, names: [name] } });
}

/** Everything in the database, as a thief of a dump would search it. */
async function dump(): Promise<Buffer> {
  const columns = await run<{ table_name: string; column_name: string }>(
    `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  const parts: Buffer[] = [];
  for (const { table_name: table, column_name: column } of columns) {
    const rows = await run<{ value: unknown }>(`SELECT "${column}" AS value FROM "${table}"`);
    for (const { value } of rows) {
      if (Buffer.isBuffer(value)) parts.push(value, Buffer.from(value.toString('hex')));
      else
        parts.push(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value ?? null)));
      parts.push(Buffer.from('\n'));
    }
  }
  return Buffer.concat(parts);
}

it('a dump of the database holds no value, in no form: secrets, versions, secret inputs', async () => {
  const [first, second, own, input] = [newValue(), newValue(), newValue(), newValue()];
  const pipeline = await seedPipeline(database, {
    secrets: ['DUMPED'],
    inputs: [secretInput('token')],
  });
  await admin.putSecret({ name: 'DUMPED', body: { value: first } });
  await admin.putSecret({ name: 'DUMPED', body: { value: second } });
  await admin.putSecret({ name: 'DUMPED', query: { pipeline }, body: { value: own } });
  const runner = await FakeRunner.register(admin, { pipelines: [pipeline] });
  const launch = { ref: pipeline, body: { inputs: { token: input } }, idempotencyKey: 'once' };
  const launched = await admin.launchPipeline(launch);
  expect((await admin.launchPipeline(launch)).id).toBe(launched.id);
  const job = await runner.claimOne();
  expect(job.inputs).toEqual({ token: input });
  expect((await fetchSecret(runner, job, 'DUMPED')).secrets[0]?.value).toBe(own);
  await runner.finish(job, { state: 'succeeded' });
  await admin.retryJob({ id: job.id });
  const again = await runner.claimOne();
  expect(again.inputs).toEqual({ token: input });
  expect(await admin.getJob({ id: again.id })).toMatchObject({ inputs: { token: '***' } });
  await runner.finish(again, { state: 'succeeded' });
  const bytes = await dump();
  // It does find what is there.
  expect(bytes.includes(pipeline)).toBe(true);
  for (const value of [first, second, own, input, testMasterKey.text.reveal()]) {
    for (const form of secretForms(value)) {
      expect([form.bytes.toString(), bytes.includes(Buffer.from(form.bytes))]).toEqual([
        form.bytes.toString(),
        false,
      ]);
    }
  }
});

it('a value copied to another secret, version or job does not open, and says so', async () => {
  const pipeline = await seedPipeline(database, { secrets: ['A', 'B', 'C'] });
  for (const name of ['A', 'B', 'C']) {
    await admin.putSecret({ name, body: { value: newValue() } });
    await admin.grantSecret({ name, body: { pipelines: pipeline } });
  }
  await admin.putSecret({ name: 'A', body: { value: newValue() } });
  const copy = (to: string, from: string) =>
    run(`UPDATE secret_versions t SET master_key_id = f.master_key_id, wrapped_key = f.wrapped_key,
           box = f.box
         FROM secret_versions f, secrets ts, secrets fs
         WHERE t.secret_id = ts.id AND f.secret_id = fs.id AND ${to} AND ${from}`);
  await copy(`ts.name = 'B'`, `fs.name = 'C'`);
  await copy(`ts.name = 'A' AND t.version = 2`, `fs.name = 'A' AND f.version = 1`);
  const runner = await FakeRunner.register(admin, { pipelines: [pipeline] });
  await admin.launchPipeline({ ref: pipeline, body: {} });
  const job = await runner.claimOne();
  for (const name of ['A', 'B']) {
    await expect(fetchSecret(runner, job, name)).rejects.toMatchObject({
      code: 'RIVET_SECRET_SEAL_BROKEN',
      message: expect.stringContaining('it was changed, or belongs to something else'),
    });
  }
  expect((await fetchSecret(runner, job, 'C')).secrets).toHaveLength(1);
  // Setting it anew mends it.
  await admin.putSecret({ name: 'B', body: { value: newValue() } });
  expect((await fetchSecret(runner, job, 'B')).secrets).toHaveLength(1);
});

it('a job whose secret inputs cannot be opened ends, and holds up no other', async () => {
  const pipeline = await seedPipeline(database, { inputs: [secretInput('token')] });
  const runner = await FakeRunner.register(admin, { pipelines: [pipeline] });
  const inputs = { token: newValue() };
  const broken = await admin.launchPipeline({ ref: pipeline, body: { inputs } });
  const good = await admin.launchPipeline({ ref: pipeline, body: { inputs } });
  await run(`UPDATE job_secret_inputs SET box = (
      SELECT box FROM job_secret_inputs WHERE job_id = '${good.id}')
    WHERE job_id = '${broken.id}'`);
  const jobs = await runner.claim({ capacity: 2, waitMs: 20_000 });
  expect(jobs.map(({ id }) => id)).toEqual([good.id]);
  expect(await admin.getJob({ id: broken.id })).toMatchObject({
    state: 'failed',
    reason: 'infrastructure',
    message: expect.stringContaining(`the sealed job inputs ${broken.id} cannot be opened`),
  });
});

it('the master key is replaced while everything goes on', async () => {
  const fresh = {
    kind: 'value',
    setting: 'RIVET_MASTER_KEY',
    text: new SecretText(randomBytes(32).toString('base64')),
  } as const;
  const pipeline = await seedPipeline(database, {
    secrets: ['ROTATED'],
    inputs: [secretInput('token')],
  });
  const runner = await FakeRunner.register(admin, { pipelines: [pipeline] });
  const token = newValue();
  await admin.launchPipeline({ ref: pipeline, body: { inputs: { token } } });
  await admin.putSecret({ name: 'ROTATED', query: { pipeline }, body: { value: newValue() } });
  const many = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      admin.putSecret({ name: `MANY_${n}`, body: { value: newValue() } }),
    ),
  );
  expect(many).toHaveLength(300);
  // First all orchestrators learn to open with the new one, then the first of them seals with it.
  const careful = await start({ otherMasterKey: fresh });
  const ahead = await start({ masterKey: fresh, otherMasterKey: testMasterKey });
  const status = await ahead.client.getMasterKey();
  expect(status).toMatchObject({ other_key_id: (await admin.getMasterKey()).key_id });
  let writing = true;
  const values: string[] = [newValue()];
  const query = { pipeline };
  await admin.putSecret({ name: 'ROTATED', query, body: { value: values[0] as string } });
  const job = await runner.claimOne();
  const writer = (async () => {
    while (writing) {
      const value = newValue();
      const client = values.length % 2 === 0 ? careful.client : ahead.client;
      await client.putSecret({ name: 'ROTATED', query, body: { value } });
      values.push(value);
      const { secrets } = await fetchSecret(runner.through(ahead.client), job, 'ROTATED');
      expect(secrets[0]?.value).toBe(value);
    }
  })();
  const both = await Promise.all([ahead.client.rewrapKeys(), ahead.client.rewrapKeys()]);
  writing = false;
  await writer;
  expect(both[0].rewrapped + both[1].rewrapped).toBeGreaterThanOrEqual(300);
  // What `careful` has written meanwhile is the rest.
  let left = Number.POSITIVE_INFINITY;
  for (let n = 0; n < 5 && left > 0; n += 1) ({ left } = await ahead.client.rewrapKeys());
  expect(left).toBe(0);
  expect((await ahead.client.getMasterKey()).sealed.map(({ key_id }) => key_id)).toEqual([
    status.key_id,
  ]);
  // The key before can go: an orchestrator with the new one alone reads everything.
  const alone = await start({ masterKey: fresh });
  const last = runner.through(alone.client);
  expect((await fetchSecret(last, job, 'ROTATED')).secrets[0]?.value).toBe(values.at(-1));
  await last.finish(job, { state: 'succeeded' });
  await alone.client.retryJob({ id: job.id });
  expect((await last.claimOne()).inputs).toEqual({ token });
  await expect(start()).rejects.toMatchObject({ code: 'RIVET_MASTER_KEY_WRONG' });
});
