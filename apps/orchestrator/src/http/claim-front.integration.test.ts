// A claim is answered the same in front of the framework as by it: the type of its body with a
// charset is what only the framework takes.
import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeRunner, seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let runner: FakeRunner;
let session: string;

beforeAll(async () => {
  runner = await FakeRunner.register(server.client);
});

beforeEach(async () => {
  ({ session } = await runner.client.connectRunner({
    body: { tags: [], capacity: 1, version: 'test' },
  }));
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

async function claim(type: string, body: string | Uint8Array, token = runner.token) {
  const response = await fetch(`${server.url}/api/runner/claim`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body,
  });
  // Those of the connection are not the answer's.
  const ofConnection = new Set(['date', 'connection', 'keep-alive']);
  const headers = Object.fromEntries(
    [...response.headers].filter(([name]) => !ofConnection.has(name)),
  );
  return { status: response.status, headers, body: JSON.parse(await response.text()) } as Answer;
}

const TYPES = ['application/json', 'application/json; charset=utf-8'] as const;

const asked = (more: object = {}): string =>
  JSON.stringify({
    ...{ session, request_id: randomUUID(), repeat: false, capacity: 1, wait_ms: 0 },
    ...more,
  });

describe('in front of the framework and by it', () => {
  test.each([
    ['finds nothing to claim', () => asked(), 200, undefined],
    ['has a field of a wrong type', () => asked({ capacity: 'one' }), 400, 'RIVET_REQUEST_INVALID'],
    ['has a misspelt field', () => asked({ wait: 0 }), 400, 'RIVET_REQUEST_INVALID'],
    ['is no JSON', () => '{"session": ', 400, 'RIVET_REQUEST_JSON'],
    ['is nested without end', () => '['.repeat(200), 400, 'RIVET_REQUEST_INVALID'],
    ['is of an older session', () => asked({ session: randomUUID() }), 409, 'RIVET_RUNNER_UNKNOWN'],
  ])('a claim that %s is answered the same', async (_, bodyOf, status, code) => {
    // So that the runner is known.
    await claim(TYPES[1], asked());
    const body = bodyOf();
    const [front, framework] = [await claim(TYPES[0], body), await claim(TYPES[1], body)];
    expect(front).toEqual(framework);
    expect([front.status, front.body.code]).toEqual([status, code]);
  });
});

test('a claim in front of the framework is given a job, and stores the report that it brings', async () => {
  await claim(TYPES[0], asked());
  const name = await seedPipeline(server.database);
  const launched = await server.client.launchPipeline({ ref: name, body: {} });
  const { body } = await claim(TYPES[0], asked());
  const [job] = body.jobs as { id: string; attempt: number; lease_id: string }[];
  expect(job?.id).toBe(launched.id);
  const report = {
    ...{ job_id: launched.id, attempt: job?.attempt, lease_id: job?.lease_id, seq: 1 },
    ...{ logs: [], stages: [], outputs: {}, outcome: { state: 'succeeded' } },
  };
  const next = await claim(TYPES[0], asked({ reports: [report] }));
  expect(next.body).toMatchObject({ jobs: [], reports: [{ job_id: launched.id }] });
  expect((await server.client.getJob({ id: launched.id })).state).toBe('succeeded');
});

test('a runner that was revoked is refused in front of the framework as by it', async () => {
  const gone = await FakeRunner.register(server.client);
  await claim(TYPES[0], asked(), gone.token);
  await server.client.revokeRunner({ ref: gone.name });
  for (const type of TYPES) {
    const answer = await claim(type, asked(), gone.token);
    expect([answer.status, answer.body.code]).toEqual([401, 'RIVET_AUTH_INVALID']);
  }
});
