// Runners of other versions: one of version 1 of the protocol, in the very words that it sent, runs
// a job; one that is newer than the orchestrator, and one that is too old, are told so.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { PROTOCOL_HEADER, PROTOCOL_VERSION } from '@rivet/protocol';
import { describe, expect, test } from 'vitest';
import { seedPipeline, stageDefinition, useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();

type Json = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** What a program sends that knows nothing of our client, types and routes. */
async function ask(path: string, token: string, body: Json, headers = {}): Promise<Answer> {
  const response = await fetch(`${server.url}/api${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

const OFFER = { tags: [{ key: 'os', value: 'linux' }], capacity: 1, version: '0.0.9' };

/** Lets one in that may run the pipeline; gives its token. */
async function register(pipeline: string): Promise<string> {
  const { token: once } = await server.client.createRegistrationToken({
    body: { pipelines: [pipeline] },
  });
  const token = `rvr_${randomBytes(32).toString('base64url')}`;
  const hash = createHash('sha256').update(token).digest('hex');
  const body = { name: `earlier-${randomUUID()}`, token_sha256: hash, ...OFFER };
  expect(await ask('/runner/register', once, body)).toMatchObject({
    status: 200,
    body: { runner_id: expect.any(String) },
  });
  return token;
}

describe('a runner of version 1', () => {
  test('is given a job with all that it needs, and reports it to its end', async () => {
    const ref = await seedPipeline(server.database, { stages: [stageDefinition('build')] });
    const token = await register(ref);
    const connected = await ask('/runner/connect', token, OFFER);
    expect(connected).toMatchObject({ status: 200, body: { session: expect.any(String) } });
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    const claim = { session: connected.body.session, request_id: randomUUID() };
    const taken = await ask('/runner/claim', token, { ...claim, capacity: 1, wait_ms: 5000 });
    const [job] = taken.body.jobs as [Json];
    // What it reads of a job; it knows nothing of digests, and is sent the files each time.
    expect(job).toMatchObject({
      id,
      attempt: 1,
      lease_id: expect.any(String),
      lease_seconds: expect.any(Number),
      pipeline: ref,
      version: 1,
      bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': '' } },
      definition: { name: ref, stages: [{ name: 'build' }] },
      inputs: {},
      launched_by: expect.any(String),
      event: 'api',
      created_at: expect.any(String),
    });
    const t = new Date().toISOString();
    const line = (n: number) =>
      ({ n, t, stage: 'build', level: 'info', stream: 'stdout', text: `line ${n}` }) as const;
    const report = (seq: number, said: Json) =>
      ask(`/runner/jobs/${id}/report`, token, {
        ...{ attempt: 1, lease_id: job.lease_id, seq, logs: [], stages: [], outputs: {} },
        ...said,
      });
    const running = { stage: 'build', state: 'running', run: 1, t };
    const heard = { status: 200, body: { lease_seconds: expect.any(Number), cancel: false } };
    expect(await report(1, { stages: [running], logs: [line(1)] })).toMatchObject(heard);
    const ended = { stage: 'build', state: 'succeeded', run: 1, t };
    const last = { stages: [ended], logs: [line(2)], outputs: { size: 1 } };
    expect(await report(2, { ...last, outcome: { state: 'succeeded' } })).toMatchObject(heard);
    expect(await server.client.getJob({ id })).toMatchObject({
      state: 'succeeded',
      outputs: { size: 1 },
      log_lines: 2,
      stages: [{ name: 'build', state: 'succeeded' }],
    });
    const { lines } = await server.client.getJobLogs({ id });
    expect(lines.map(({ text }) => text)).toEqual(['line 1', 'line 2']);
  });
});

describe('a runner that is newer than the orchestrator', () => {
  const newer = { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION + 1) };

  test.each(['register', 'connect'])(
    'is told at %s what to update, and not what it says wrongly',
    async (call) => {
      const ref = await seedPipeline(server.database);
      const { token: once } = await server.client.createRegistrationToken({ body: {} });
      const token = call === 'register' ? once : await register(ref);
      const said = { ...OFFER, of_the_future: true };
      expect(await ask(`/runner/${call}`, token, said, newer)).toMatchObject({
        status: 409,
        body: {
          code: 'RIVET_PROTOCOL_MISMATCH',
          detail: `the orchestrator is too old: the runner speaks version ${PROTOCOL_VERSION + 1} of the protocol, the orchestrator 1 to ${PROTOCOL_VERSION}`,
          details: { older: 'orchestrator' },
        },
      });
    },
  );

  test.each(['0', '-1', 'two', '1.5', '9999999999'])(
    'or says the version %j is refused with what was expected',
    async (version) => {
      const token = await register(await seedPipeline(server.database));
      const answer = await ask('/runner/connect', token, OFFER, { [PROTOCOL_HEADER]: version });
      expect(answer).toMatchObject({ status: 400, body: { code: 'RIVET_REQUEST_INVALID' } });
      expect(answer.body.detail).toContain(`is ${JSON.stringify(version)}; expected`);
    },
  );
});

test('a runner of this version is told the version of the orchestrator', async () => {
  const token = await register(await seedPipeline(server.database));
  const header = { [PROTOCOL_HEADER]: String(PROTOCOL_VERSION) };
  expect(await ask('/runner/connect', token, OFFER, header)).toMatchObject({
    status: 200,
    body: { protocol: PROTOCOL_VERSION },
  });
});
