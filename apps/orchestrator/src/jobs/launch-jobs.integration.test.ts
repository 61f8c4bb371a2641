// Many launches in one request: all of them or none, in their order, once.
import { randomUUID } from 'node:crypto';
import { createClient } from '@rivet/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  FakeRunner,
  seedPerson,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let build: string;
let deploy: string;

beforeAll(async () => {
  build = await seedPipeline(server.database);
  deploy = await seedPipeline(server.database, {
    stages: [stageDefinition('deploy')],
    inputs: [
      { name: 'version', type: 'string', required: true, secret: false, has_validate: false },
    ],
  });
});

async function count(table: 'jobs' | 'job_queue' | 'audit_log'): Promise<number> {
  const text = `SELECT count(*)::int AS count FROM ${table}`;
  const rows = await server.database.query<{ count: number }>({ name: '', text, repeatable: true });
  return rows[0]!.count;
}

describe('launches in one request', () => {
  test('become jobs in the order in which they stand there, and are claimed in it', async () => {
    const launches = Array.from({ length: 100 }, (_, index) =>
      index % 3 === 0
        ? { pipeline: deploy, inputs: { version: `${index}` } }
        : { pipeline: build, priority: 7 },
    );
    const { jobs } = await server.client.launchJobs({ body: { launches } });
    expect(jobs.map(({ pipeline }) => pipeline)).toEqual(launches.map(({ pipeline }) => pipeline));
    const ids = jobs.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(ids);
    const detail = await server.client.getJob({ id: ids[3]! });
    expect(detail).toMatchObject({ pipeline: deploy, state: 'queued', inputs: { version: '3' } });
    const runner = await FakeRunner.register(server.client, { capacity: 100 });
    const claimed = await runner.claim({ capacity: 100 });
    const expected = [...ids.keys()].toSorted((a, b) => Number(a % 3 === 0) - Number(b % 3 === 0));
    expect(claimed.map(({ id }) => id)).toEqual(expected.map((index) => ids[index]));
    for (const job of claimed) await runner.finish(job, { state: 'succeeded' });
  });

  test('are refused together when one of them is wrong, which says where it stands', async () => {
    const before = [await count('jobs'), await count('job_queue'), await count('audit_log')];
    const launches = [{ pipeline: build }, { pipeline: deploy, inputs: { version: '1' } }];
    const wrong = (launch: object) =>
      server.client.launchJobs({ body: { launches: [...launches, launch as never] } });
    await expect(wrong({ pipeline: deploy })).rejects.toMatchObject({
      code: 'RIVET_LAUNCH_INPUTS_INVALID',
      message: expect.stringContaining('launches[3].inputs.version'),
    });
    await expect(wrong({ pipeline: 'nowhere' })).rejects.toMatchObject({
      code: 'RIVET_PIPELINE_NOT_FOUND',
    });
    await expect(wrong({ pipeline: build, input: {} })).rejects.toMatchObject({
      code: 'RIVET_REQUEST_INVALID',
    });
    expect([await count('jobs'), await count('job_queue'), await count('audit_log')]).toEqual(
      before,
    );
  });

  test('of somebody who may not launch one of the pipelines launch nothing', async () => {
    const { token, name } = await seedPerson(server.database, 'user');
    await server.client.createGrant({
      body: {
        user: name,
        kind: 'pipeline',
        pattern: build,
        permissions: ['pipelines.launch'],
      },
    });
    const client = createClient({ url: server.url, token, triesMax: 1 });
    const before = await count('jobs');
    await expect(
      client.launchJobs({ body: { launches: [{ pipeline: build }, { pipeline: deploy }] } }),
    ).rejects.toMatchObject({ code: 'RIVET_PIPELINE_NOT_FOUND' });
    expect(await count('jobs')).toBe(before);
  });

  test('with the same key are launched once, also by requests at the same time', async () => {
    const idempotencyKey = randomUUID();
    const body = { launches: Array.from({ length: 20 }, () => ({ pipeline: build })) };
    const before = await count('jobs');
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => server.client.launchJobs({ body, idempotencyKey })),
    );
    const again = await server.client.launchJobs({ body, idempotencyKey });
    for (const { jobs } of answers) expect(jobs).toEqual(again.jobs);
    expect(again.jobs).toHaveLength(20);
    expect(await count('jobs')).toBe(before + 20);
    await expect(
      server.client.launchJobs({ body: { launches: [{ pipeline: build }] }, idempotencyKey }),
    ).rejects.toMatchObject({ code: 'RIVET_IDEMPOTENCY_KEY_REUSED' });
  });

  test('leave one row a pipeline in the audit log, which says which jobs they were', async () => {
    const before = await count('audit_log');
    const { jobs } = await server.client.launchJobs({
      body: { launches: [{ pipeline: build }, { pipeline: build }] },
    });
    expect(await count('audit_log')).toBe(before + 1);
    const { items } = await server.client.listAuditEntries({
      query: { action: 'job.launch_batch' },
    });
    expect(items[0]).toMatchObject({
      object: { kind: 'pipeline', name: build },
      details: { jobs: 2, first_job: jobs[0]!.id, last_job: jobs[1]!.id },
    });
  });

  test('are at most 1000', async () => {
    const launches = Array.from({ length: 1001 }, () => ({ pipeline: build }));
    await expect(server.client.launchJobs({ body: { launches } })).rejects.toMatchObject({
      code: 'RIVET_REQUEST_INVALID',
    });
    const { jobs } = await server.client.launchJobs({ body: { launches: launches.slice(1) } });
    expect(jobs).toHaveLength(1000);
  });
});
