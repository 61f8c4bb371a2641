// Identity tokens of jobs, as a cloud sees them: found by discovery, verified by OpenSSL.
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import type { ClaimedJob, InputDefinition } from '@rivet/protocol';
import { allowInsecureRequests, discovery } from 'openid-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { FakeRunner, seedPipeline, useTestOrchestrator } from '../test-orchestrator.ts';

const AUDIENCE = 'sts.example.com';

const server = useTestOrchestrator();
let runner: FakeRunner;

beforeAll(async () => {
  runner = await FakeRunner.register(server.client, { name: 'build-1' });
});

const branchInput = (secret: boolean): InputDefinition => ({
  name: 'branch',
  type: 'string',
  required: false,
  secret,
  has_validate: false,
});

/** Launches a job of a pipeline that declares AUDIENCE, and has the runner claim it. */
async function claimedJob(branch?: string, secret = false): Promise<ClaimedJob> {
  const name = await seedPipeline(server.database, {
    id_tokens: [AUDIENCE],
    inputs: [branchInput(secret)],
  });
  const inputs = branch === undefined ? {} : { branch };
  await server.client.launchPipeline({ ref: name, body: { inputs } });
  return runner.claimOne();
}

function idToken(
  job: ClaimedJob,
  changes: { audience?: string; attempt?: number; lease_id?: string } = {},
  as: FakeRunner = runner,
): Promise<{ token: string; expires_in_seconds: number }> {
  const { id, attempt, lease_id } = job;
  const body = { attempt, lease_id, audience: AUDIENCE, ...changes };
  return as.client.issueIdToken({ id, body });
}

interface Claims extends Readonly<Record<string, unknown>> {
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
}

/** What a cloud does with a token: keys by discovery, the signature by OpenSSL. */
async function verified(token: string): Promise<Claims> {
  const insecure = { execute: [allowInsecureRequests] };
  const found = await discovery(
    new URL(server.orchestrator.url),
    'a-cloud',
    undefined,
    undefined,
    insecure,
  );
  const { issuer, jwks_uri: keysUrl = '' } = found.serverMetadata();
  const [head = '', body = '', signature = ''] = token.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, string>;
  expect(header).toMatchObject({ alg: 'RS256', typ: 'JWT' });
  const { keys } = (await (await fetch(keysUrl)).json()) as {
    keys: (JsonWebKey & { kid: string })[];
  };
  const key = keys.find(({ kid }) => kid === header.kid)!;
  const publicKey = createPublicKey({ key, format: 'jwk' });
  const signed = Buffer.from(`${head}.${body}`);
  expect(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
  expect(claims).toMatchObject({ iss: issuer, aud: AUDIENCE });
  return claims;
}

describe('the identity token of a job', () => {
  it('says which job of which pipeline it is from, to whoever asks the issuer for its keys', async () => {
    const job = await claimedJob('main');
    const { token, expires_in_seconds } = await idToken(job);
    expect(expires_in_seconds).toBe(600);
    const claims = await verified(token);
    expect(claims).toMatchObject({
      sub: `pipeline:${job.pipeline}:version:1:event:api:branch:main`,
      pipeline: job.pipeline,
      version: 1,
      job: job.id,
      attempt: 1,
      event: 'api',
      branch: 'main',
      runner: 'build-1',
      runner_id: runner.id,
      launched_by: job.launched_by,
      nbf: claims.iat,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(claims.exp - claims.iat).toBe(600);
    expect(Math.abs(Date.now() / 1000 - claims.iat)).toBeLessThan(60);
  });

  it('is another one each time, and in the audit log', async () => {
    const job = await claimedJob();
    const [first, second] = [await idToken(job), await idToken(job)];
    expect(first.token).not.toBe(second.token);
    const { items } = await server.client.listAuditEntries({
      query: { action: 'job.id_token', object: job.id },
    });
    expect(items).toHaveLength(2);
    expect(items[0]).toMatchObject({
      actor: { kind: 'runner', name: 'build-1' },
      object: { kind: 'job', id: job.id, name: job.pipeline },
      details: { audience: AUDIENCE, subject: (await verified(first.token)).sub },
    });
    expect(JSON.stringify(items)).not.toContain(first.token.slice(-40));
  });

  it('lets no branch pass for another part of the subject', async () => {
    const job = await claimedJob('x:event:manual/../ä*(1)');
    const { sub, branch } = await verified((await idToken(job)).token);
    expect(branch).toBe('x:event:manual/../ä*(1)');
    expect(sub).toBe(
      `pipeline:${job.pipeline}:version:1:event:api:branch:x%3Aevent%3Amanual/../%C3%A4%2A%281%29`,
    );
  });

  it('has no branch where the input is secret or not given', async () => {
    for (const job of [await claimedJob('feature-of-the-secret-kind', true), await claimedJob()]) {
      const claims = await verified((await idToken(job)).token);
      expect(claims).not.toHaveProperty('branch');
      expect(claims.sub).toBe(`pipeline:${job.pipeline}:version:1:event:api`);
    }
  });

  it('is refused when its subject would be longer than receivers take', async () => {
    const job = await claimedJob('b'.repeat(230));
    await expect(idToken(job)).rejects.toMatchObject({
      code: 'RIVET_ID_TOKEN_SUBJECT',
      message: expect.stringMatching(/would have \d+ characters; the limit is 255/),
    });
  });

  it('is no token for the API itself', async () => {
    const { token } = await idToken(await claimedJob());
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const asked = [
      fetch(`${server.orchestrator.url}/api/jobs`, { headers }),
      fetch(`${server.orchestrator.url}/api/pipelines`, { headers }),
      fetch(`${server.orchestrator.url}/api/runner/claim`, { method: 'POST', body: '{}', headers }),
    ];
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401]);
  });
});

describe('who gets no identity token', () => {
  it('a job whose pipeline does not declare the audience', async () => {
    const job = await claimedJob();
    await expect(idToken(job, { audience: 'sts.exampel.com' })).rejects.toMatchObject({
      code: 'RIVET_ID_TOKEN_UNDECLARED',
      message: expect.stringContaining(AUDIENCE),
    });
  });

  it.each(['', 'a b', 'a\nb', 'ä', 'a'.repeat(201), '\u202e'])(
    'whoever asks for the audience %j',
    async (audience) => {
      const job = await claimedJob();
      await expect(idToken(job, { audience })).rejects.toMatchObject({
        code: 'RIVET_REQUEST_INVALID',
      });
    },
  );

  it('another runner, to which the job does not exist', async () => {
    const job = await claimedJob();
    const other = await FakeRunner.register(server.client);
    await expect(idToken(job, {}, other)).rejects.toMatchObject({ code: 'RIVET_JOB_NOT_FOUND' });
    const unknown = { ...job, id: '01980000-0000-7000-8000-000000000000' };
    await expect(idToken(unknown)).rejects.toMatchObject({ code: 'RIVET_JOB_NOT_FOUND' });
  });

  it('a runner with another lease or attempt, or after the end', async () => {
    const job = await claimedJob();
    const stale = { lease_id: '01980000-0000-7000-8000-000000000000' };
    await expect(idToken(job, stale)).rejects.toMatchObject({ code: 'RIVET_LEASE_LOST' });
    await expect(idToken(job, { attempt: 2 })).rejects.toMatchObject({
      code: 'RIVET_JOB_NOT_FOUND',
    });
    await runner.finish(job, { state: 'succeeded' });
    await expect(idToken(job)).rejects.toMatchObject({ code: 'RIVET_LEASE_LOST' });
  });

  it('a person, not even an administrator', async () => {
    const { id, attempt, lease_id } = await claimedJob();
    const body = { attempt, lease_id, audience: AUDIENCE };
    await expect(server.client.issueIdToken({ id, body })).rejects.toMatchObject({
      code: 'RIVET_AUTH_INVALID',
    });
  });
});
