// Fetching secrets from a server that answers, refuses, is gone for a while, or for good.
import { inspect } from 'node:util';
import { RivetError } from '@rivet/base';
import type { ClaimedJob, JobSecretsRequest, JobSecretsResponse } from '@rivet/protocol';
import { expect, it } from 'vitest';
import type { CallLimits } from './server-api.ts';
import { createServerSecrets } from './server-secrets.ts';

const job = { id: 'job-1', attempt: 2, lease_id: 'lease' } as ClaimedJob;
const given: JobSecretsResponse = { secrets: [{ name: 'A', value: 'the value' }], absent: [] };

/** A server that answers the calls in this order, and notes them. */
function server(...answers: (JobSecretsResponse | RivetError)[]) {
  const calls: { id: string; body: JobSecretsRequest }[] = [];
  return {
    calls,
    async secrets(id: string, body: JobSecretsRequest, _limits: CallLimits) {
      calls.push({ id, body });
      const answer = answers[calls.length - 1];
      if (answer === undefined) throw new Error('one call too many');
      if (answer instanceof RivetError) throw answer;
      return answer;
    },
  };
}

const unreachable = RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'x', reason: 'y' });
const open = new AbortController().signal;

it('asks with the lease of the job for exactly the name that is wanted', async () => {
  const api = server(given);
  const value = await createServerSecrets(api, job, open).get('A');
  expect(value?.reveal()).toBe('the value');
  expect(inspect(value)).not.toContain('the value');
  expect(api.calls).toEqual([
    { id: 'job-1', body: { attempt: 2, lease_id: 'lease', names: ['A'] } },
  ]);
});

it('keeps the reason for which there is no value', async () => {
  const reason = 'it is not granted to the pipeline p';
  const secrets = createServerSecrets(
    server({ secrets: [], absent: [{ name: 'A', reason }] }),
    job,
    open,
  );
  expect(await secrets.get('A')).toBeUndefined();
  expect(secrets.whyAbsent?.('A')).toBe(reason);
  expect(secrets.whyAbsent?.('B')).toBeUndefined();
});

it('asks again while the server is not there', async () => {
  const api = server(unreachable, unreachable, given);
  expect((await createServerSecrets(api, job, open).get('A'))?.reveal()).toBe('the value');
  expect(api.calls).toHaveLength(3);
});

it.each([
  RivetError.of('RIVET_LEASE_LOST', { id: 'job-1', attempt: 2, why: 'z' }),
  RivetError.of('RIVET_SECRET_SEAL_BROKEN', { what: 'secret A', reason: 'z' }),
  RivetError.of('RIVET_SECRET_PROVIDER_FAILED', { provider: 'vault', reference: 'x', reason: 'z' }),
])('does not ask again after $code', async (error) => {
  const api = server(error);
  await expect(createServerSecrets(api, job, open).get('A')).rejects.toBe(error);
  expect(api.calls).toHaveLength(1);
});

it('ends with the job', async () => {
  const fence = new AbortController();
  const api = server(unreachable, unreachable, unreachable, unreachable, unreachable, unreachable);
  const asked = createServerSecrets(api, job, fence.signal).get('A');
  fence.abort();
  await expect(asked).rejects.toBe(unreachable);
});
