// Concurrency groups against a real database: the limit, the order, and what makes room.
import { randomUUID } from 'node:crypto';
import { silentLogger } from '@rivet/base';
import type { Client, PipelineDefinition } from '@rivet/protocol';
import { createNotifier, type Notifier } from '@rivet/store';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuditLog } from '../audit/audit-log.ts';
import { expireOnce } from '../duties/expire-leases.ts';
import { tendQueueOnce } from '../duties/tend-queue.ts';
import { createMetrics } from '../metrics.ts';
import {
  FakeRunner,
  seedPipeline,
  startTestOrchestrator,
  type TestOrchestrator,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

type Rule = PipelineDefinition['concurrency'];

const server = useTestOrchestrator();
let others: TestOrchestrator[] = [];
let notifier: Notifier;

beforeAll(async () => {
  notifier = createNotifier(server.database, silentLogger);
  others = await Promise.all([1, 2].map(() => startTestOrchestrator(server.databaseUrl)));
});
afterAll(async () => {
  await notifier?.close();
  await Promise.all(others.map(({ orchestrator }) => orchestrator.stop()));
});

const sql = <T extends object>(text: string, values: unknown[] = []): Promise<T[]> =>
  server.database.query<T>({ name: '', text, repeatable: true }, values);

const tend = () =>
  tendQueueOnce({
    database: server.database,
    notifier,
    audit: createAuditLog({ rowMac: () => Buffer.alloc(32) } as never),
    metrics: createMetrics(),
    logger: silentLogger,
  });

/** A pipeline with a group of its own, and a runner that may have nothing else. */
async function setUp(
  rule: Partial<NonNullable<Rule>> = {},
  more: Partial<PipelineDefinition> = {},
) {
  const { client, database } = server;
  const group = `g-${randomUUID()}`;
  const concurrency = { group, limit: 1, cancel_superseded: 'none' as const, ...rule };
  const ref = await seedPipeline(database, { concurrency, ...more });
  const runner = await FakeRunner.register(client, { pipelines: [ref] });
  const launch = async (inputs = {}) => (await client.launchPipeline({ ref, body: { inputs } })).id;
  const state = async (id: string) => (await client.getJob({ id })).state;
  const claim = async (waitMs: number) => {
    const jobs = await runner.claim({ capacity: 10, waitMs });
    return jobs.map(({ id }) => id);
  };
  /** What can be had now, and what is there within a moment. */
  const [claimed, given] = [() => claim(0), () => claim(10_000)];
  return { client, ref, group, runner, launch, state, claimed, given };
}

test('only as many jobs of a group run as it says, the oldest first', async () => {
  const { launch, claimed, given, runner, client } = await setUp({ limit: 2 });
  const ids = [await launch(), await launch(), await launch(), await launch()];
  const running = await runner.claim({ capacity: 10 });
  expect(running.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  expect(await claimed()).toEqual([]);
  const { items } = await client.listJobs({ query: { state: 'queued' } });
  expect(items.map(({ id }) => id)).toEqual(expect.arrayContaining(ids.slice(2)));
  await runner.finish(running[1]!, { state: 'succeeded' });
  expect(await given()).toEqual([ids[2]]);
});

test('all pipelines with the same name of a group share it', async () => {
  const { group, given, launch } = await setUp();
  const first = await launch();
  const second = await setUp({ group });
  const waiting = await second.launch();
  expect(await second.claimed()).toEqual([]);
  expect(await given()).toEqual([first]);
  await server.client.cancelJob({ id: waiting });
});

test('a group can be named after inputs', async () => {
  const target = { name: 'target', type: 'string', required: true, secret: false } as const;
  const { launch, given, client } = await setUp(
    { group: `deploy-{target}-${randomUUID()}` },
    { inputs: [{ ...target, has_validate: false }] },
  );
  const [a, b, c] = [
    await launch({ target: 'a' }),
    await launch({ target: 'b' }),
    await launch({ target: 'a' }),
  ];
  expect(await given()).toEqual([a, b]);
  const { causes } = await client.explainJob({ id: c });
  expect(causes?.[0]).toMatchObject({ code: 'group_full' });
  expect(causes?.[0]?.text).toContain(`deploy-a-`);
  expect(causes?.[0]?.text).toContain(`of which 1 may run at a time: now ${a}.`);
});

describe('the place of a job is free', () => {
  test('when it is canceled before it began, and when it waits for the group', async () => {
    const { launch, given, client, state } = await setUp();
    const [first, second, third] = [await launch(), await launch(), await launch()];
    await client.cancelJob({ id: second });
    expect(await state(second)).toBe('canceled');
    await client.cancelJob({ id: first });
    expect(await given()).toEqual([third]);
  });

  test('when its runner is lost for good, and not while it waits for another attempt', async () => {
    const { launch, runner, claimed, given, state } = await setUp(
      {},
      { retry: { max: 1, on: ['runner_lost'] } },
    );
    const [first, second] = [await launch(), await launch()];
    const lose = async () => {
      const job = await runner.claimOne();
      expect(job.id).toBe(first);
      await runner.report(job, { seq: 1 });
      await sql(`UPDATE running_attempts SET lease_until = now() - interval '1 s'`);
      const { database } = server;
      await expireOnce({ database, notifier, metrics: createMetrics(), logger: silentLogger });
    };
    await lose();
    expect(await state(first)).toBe('queued');
    const startAt = async (time: string): Promise<void> => {
      await sql(`UPDATE job_queue SET run_after = ${time} WHERE job_id = $1`, [first]);
    };
    // Its pause may be over at any moment.
    await startAt(`now() + interval '1 h'`);
    expect(await claimed()).toEqual([]);
    await startAt('now()');
    await lose();
    expect(await state(first)).toBe('failed');
    expect(await given()).toEqual([second]);
  });

  test('a moment later where somebody held the group at the end of a job', async () => {
    const { launch, runner, given, group } = await setUp();
    const [, second] = [await launch(), await launch()];
    const held = await runner.claimOne();
    await server.database.transaction(
      async (tx) => {
        const text = 'SELECT FROM concurrency_groups WHERE name = $1 FOR UPDATE';
        await tx.query({ name: 'hold', text, repeatable: false }, [group]);
        // It does not wait for us.
        await runner.finish(held, { state: 'succeeded' });
      },
      { repeatable: false },
    );
    await tend();
    expect(await given()).toEqual([second]);
  });

  test('to a runner that waits, without being asked again', async () => {
    const { launch, runner } = await setUp();
    const [, second] = [await launch(), await launch()];
    const held = await runner.claimOne();
    const waiting = runner.claim({ waitMs: 20_000 });
    await runner.finish(held, { state: 'succeeded' });
    expect((await waiting).map(({ id }) => id)).toEqual([second]);
  });
});

describe('a job that is superseded', () => {
  test('is canceled while it waits, and leaves the one that runs alone', async () => {
    const { launch, state, runner, client } = await setUp({ cancel_superseded: 'waiting' });
    const first = await launch();
    await runner.claimOne();
    const [second, third] = [await launch(), await launch()];
    expect(await state(second)).toBe('canceled');
    expect((await client.getJob({ id: second })).message).toContain('superseded by a newer job');
    expect(await state(third)).toBe('queued');
    expect(await client.getJob({ id: first })).toMatchObject({
      ...{ state: 'running', cancel_requested: false },
    });
  });

  test('is asked to end while it runs, where the pipeline says so', async () => {
    const { launch, runner, client, given } = await setUp({ cancel_superseded: 'all' });
    const first = await launch();
    const held = await runner.claimOne();
    const second = await launch();
    expect(await client.getJob({ id: first })).toMatchObject({ cancel_requested: true });
    await runner.finish(held, { state: 'canceled' });
    expect(await given()).toEqual([second]);
    const query = { action: 'job.cancel', object: first };
    expect((await client.listAuditEntries({ query })).items).toHaveLength(1);
  });
});

test('a job that nobody takes within max_queue_age ends as expired, and frees its group', async () => {
  const { launch, claimed, client, runner } = await setUp({}, { max_queue_age_ms: 3_600_000 });
  const first = await launch();
  await runner.claimOne();
  const second = await launch();
  const { causes } = await client.explainJob({ id: second });
  expect(causes?.map(({ code }) => code)).toEqual(['group_full', 'expires']);
  await tend();
  const old = `UPDATE job_queue SET expires_at = now() - interval '1 s' WHERE job_id = $1`;
  await sql(old, [second]);
  await tend();
  expect(await client.getJob({ id: second })).toMatchObject({
    state: 'failed',
    reason: 'expired',
    message: 'no runner took the job within its max_queue_age of 1h00m',
  });
  await client.cancelJob({ id: first });
  const left = await sql('SELECT FROM concurrency_members WHERE job_id = $1', [second]);
  expect(left).toEqual([]);
  expect(await claimed()).toEqual([]);
});

test('a job whose time is up is given to no runner, also before it has ended', async () => {
  const { client, database } = server;
  const ref = await seedPipeline(database, { max_queue_age_ms: 3_600_000, priority: 7 });
  const runner = await FakeRunner.register(client, { pipelines: [ref] });
  const { id, priority } = await client.launchPipeline({ ref, body: {} });
  expect(priority).toBe(7);
  await sql(`UPDATE job_queue SET expires_at = now() - interval '1 s' WHERE job_id = $1`, [id]);
  expect(await runner.claim()).toEqual([]);
});

test('tags with wildcards are for runners that have a tag that fits', async () => {
  const { client, database } = server;
  const runnerTags = [{ key: 'os', value: 'linux-6_1' }];
  const wanted = [
    { key: 'os', value: 'linux*' },
    { key: 'rack', value: '*' },
  ];
  const ref = await seedPipeline(database, { runner: wanted });
  const options = { pipelines: [ref] };
  const poor = await FakeRunner.register(client, { ...options, tags: runnerTags });
  const tags = [...runnerTags, { key: 'rack', value: '%' }];
  const other = [
    { key: 'os', value: 'linu' },
    { key: 'rack', value: 'linux' },
  ];
  const wrong = await FakeRunner.register(client, { ...options, tags: other });
  const { id } = await client.launchPipeline({ ref, body: {} });
  expect(await poor.claim()).toEqual([]);
  expect(await wrong.claim()).toEqual([]);
  const { reasons } = await client.explainJob({ id });
  expect(reasons[0]).toMatch(
    /^No runner has all of the tags os=linux\*, rack=\*\. The nearest is /,
  );
  const rich = await FakeRunner.register(client, { ...options, tags });
  expect(await rich.claimOne()).toMatchObject({ id });
});

describe('a group with weights', () => {
  /** The pipelines in the order in which their jobs are given out, one at a time. */
  async function order(of: readonly Awaited<ReturnType<typeof setUp>>[], count: number) {
    const { client } = server;
    const runner = await FakeRunner.register(client, { pipelines: of.map(({ ref }) => ref) });
    const names: string[] = [];
    while (names.length < count) {
      const job = await runner.claimOne();
      names.push(job.pipeline);
      await runner.finish(job, { state: 'succeeded' });
    }
    return of.map(({ ref }) => names.map((name) => name === ref));
  }
  const times = (list: readonly boolean[]): number => list.filter(Boolean).length;

  test('gives its places by them, whoever launched first', async () => {
    const heavy = await setUp({ weight: 3 });
    const light = await setUp({ weight: 1, group: heavy.group });
    for (let n = 0; n < 9; n += 1) await light.launch();
    for (let n = 0; n < 9; n += 1) await heavy.launch();
    const [first, second] = await order([heavy, light], 12);
    // The first place was given when nobody else was there; then it is 6 to 2 of 8, where a share
    // that is due may come one sooner or later.
    expect(Math.abs(times(first!.slice(1, 9)) - 6)).toBeLessThanOrEqual(1);
    expect(times(second!.slice(1, 9))).toBeGreaterThanOrEqual(1);
    expect(times(first!)).toBe(9);
  });

  test('that had none when some of its jobs were launched leaves nobody behind', async () => {
    const plain = await setUp({ limit: 1 });
    await plain.launch();
    const waiting = await plain.launch();
    const weighted = await setUp({ group: plain.group, weight: 5 });
    await weighted.launch();
    const [first] = await order([plain, weighted], 3);
    expect(times(first!)).toBe(2);
    expect(await plain.state(waiting)).toBe('succeeded');
  });

  test('lets a pipeline save nothing up while it has no jobs', async () => {
    const busy = await setUp({ weight: 1 });
    for (let n = 0; n < 12; n += 1) await busy.launch();
    await order([busy], 6);
    const late = await setUp({ weight: 1, group: busy.group });
    const ids = [];
    for (let n = 0; n < 4; n += 1) ids.push(await late.launch());
    const { reasons } = await server.client.explainJob({ id: ids[1] ?? '' });
    expect(reasons[0]).toContain(
      'Its pipeline has the weight 1 of 2 that wait, and 1 job stands of that pipeline before it.',
    );
    const [, second] = await order([busy, late], 6);
    expect(times(second!)).toBe(3);
  });
});

test('16 runners at three orchestrators never run more than the limit, in the order of launch', async () => {
  const limit = 3;
  const { ref, group } = await setUp({ limit });
  const clients: Client[] = [server.client, ...others.map(({ client }) => client)];
  const all = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      clients[n % 3]!.launchPipeline({ ref, body: {} }).then(({ id }) => id),
    ),
  );
  // While they were launched, an older one may not have been there yet.
  const first = await sql<{ job_id: string }>(
    'SELECT job_id FROM concurrency_members WHERE group_name = $1 AND admitted',
    [group],
  );
  const begun: string[] = [];
  let running = 0;
  let most = 0;
  let admittedMost = 0;
  let passed = 0;
  const work = async (n: number): Promise<void> => {
    const registered = await FakeRunner.register(server.client, { pipelines: [ref] });
    const runner = registered.through(clients[n % 3]!);
    while (begun.length < all.length) {
      const [job] = await runner.claim({ waitMs: 100 });
      if (job === undefined) continue;
      begun.push(job.id);
      running += 1;
      most = Math.max(most, running);
      const [row] = await sql<{ admitted: number; passed: number }>(
        `SELECT count(*) FILTER (WHERE admitted)::int AS admitted,
           count(*) FILTER (WHERE NOT admitted AND job_id < $2)::int AS passed
         FROM concurrency_members WHERE group_name = $1`,
        [group, job.id],
      );
      admittedMost = Math.max(admittedMost, row?.admitted ?? 0);
      if (!first.some(({ job_id: id }) => id === job.id)) passed += row?.passed ?? 0;
      running -= 1;
      await runner.finish(job, { state: n % 4 === 0 ? 'canceled' : 'succeeded' });
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, n) => work(n)));
  expect(begun).toHaveLength(all.length);
  expect(most).toBeLessThanOrEqual(limit);
  expect(new Set(begun)).toEqual(new Set(all));
  expect(admittedMost).toBe(limit);
  // Nobody was admitted before one that is older.
  expect(passed).toBe(0);
  expect(await sql('SELECT FROM concurrency_members WHERE group_name = $1', [group])).toEqual([]);
});
