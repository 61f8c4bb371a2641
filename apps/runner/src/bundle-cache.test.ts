// What a runner keeps of bundles: each is asked for once, believed only when it is the right one,
// and forgotten when there is no room.
import { RivetError } from '@rivet/base';
import { bundleDigest } from '@rivet/engine';
import type { ClaimedJob, PipelineBundle } from '@rivet/protocol';
import { expect, it, vi } from 'vitest';
import { BundleCache } from './bundle-cache.ts';

const bundleOf = (text: string): PipelineBundle => ({
  main: 'pipeline.lua',
  files: { 'pipeline.lua': text },
});
/** As the server sends a job whose bundle need not, or need, be sent. */
function jobOf(bundle: PipelineBundle, isSent: boolean): ClaimedJob {
  const digest = bundleDigest(bundle);
  const job = { id: 'j', attempt: 2, lease_id: 'l', bundle_digest: digest };
  return { ...job, ...(isSent && { bundle }) } as ClaimedJob;
}
const never = new AbortController().signal;
/** A server that answers with these, one after the other, and with the last one again and again. */
function serverOf(...answers: readonly (PipelineBundle | Error)[]) {
  let asked = 0;
  const bundle = vi.fn(async () => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('never asked');
    return answer;
  });
  return { bundle };
}

it('keeps a bundle that came with a job, and gives it to later jobs without asking', async () => {
  const cache = new BundleCache(true);
  const bundle = bundleOf('a');
  const server = serverOf();
  expect(cache.known()).toEqual([]);
  expect(await cache.of(jobOf(bundle, true), server, never)).toEqual(bundle);
  expect(cache.known()).toEqual([bundleDigest(bundle)]);
  expect(await cache.of(jobOf(bundle, false), server, never)).toEqual(bundle);
  expect(server.bundle).not.toHaveBeenCalled();
});

it('asks for a bundle that it has lost since it said that it knew it', async () => {
  const cache = new BundleCache(true);
  const server = serverOf(bundleOf('a'));
  expect(await cache.of(jobOf(bundleOf('a'), false), server, never)).toEqual(bundleOf('a'));
  expect(server.bundle).toHaveBeenCalledExactlyOnceWith(
    'j',
    { attempt: 2, lease_id: 'l' },
    expect.anything(),
  );
  await cache.of(jobOf(bundleOf('a'), false), server, never);
  expect(server.bundle).toHaveBeenCalledOnce();
});

it('asks again while the server cannot be reached', async () => {
  const url = 'http://server';
  const away = RivetError.of('RIVET_SERVER_UNREACHABLE', { url, reason: 'no route' });
  const server = serverOf(away, bundleOf('a'));
  const found = await new BundleCache(true).of(jobOf(bundleOf('a'), false), server, never);
  expect(found).toEqual(bundleOf('a'));
  expect(server.bundle).toHaveBeenCalledTimes(2);
});

it('does not go on asking for a job that is no longer ours', async () => {
  const lost = RivetError.of('RIVET_LEASE_LOST', { id: 'j', attempt: 2, why: 'a test' });
  const server = serverOf(lost);
  const asked = new BundleCache(true).of(jobOf(bundleOf('a'), false), server, never);
  await expect(asked).rejects.toMatchObject({ code: 'RIVET_LEASE_LOST' });
  expect(server.bundle).toHaveBeenCalledOnce();
});

it.each([
  ['came with the job', (job: ClaimedJob) => ({ ...job, bundle: bundleOf('b') }), serverOf()],
  ['was asked for', (job: ClaimedJob) => job, serverOf(bundleOf('b'))],
])('refuses and forgets another bundle than the one that was named, which %s', async (...args) => {
  const [, change, server] = args;
  const cache = new BundleCache(true);
  const wrong = cache.of(change(jobOf(bundleOf('a'), false)), server, never);
  await expect(wrong).rejects.toMatchObject({
    code: 'RIVET_RUNNER_BUNDLE',
    details: { expected: bundleDigest(bundleOf('a')), found: bundleDigest(bundleOf('b')) },
  });
  expect(cache.known()).toEqual([]);
});

it('keeps a bounded number, those that were used last', async () => {
  const cache = new BundleCache(true);
  for (let n = 0; n < 64; n += 1) await cache.of(jobOf(bundleOf(`${n}`), true), serverOf(), never);
  await cache.of(jobOf(bundleOf('0'), false), serverOf(), never);
  await cache.of(jobOf(bundleOf('64'), true), serverOf(), never);
  const known = cache.known();
  expect(known).toHaveLength(64);
  expect(known).toContain(bundleDigest(bundleOf('0')));
  expect(known).not.toContain(bundleDigest(bundleOf('1')));
  expect(known.at(-1)).toBe(bundleDigest(bundleOf('64')));
});

it('keeps a bounded number of characters', async () => {
  const cache = new BundleCache(true);
  const large = 'x'.repeat(9 * 1024 * 1024);
  for (let n = 0; n < 5; n += 1) {
    await cache.of(jobOf(bundleOf(`${n}${large}`), true), serverOf(), never);
  }
  expect(cache.known()).toHaveLength(3);
  expect(cache.known().at(-1)).toBe(bundleDigest(bundleOf(`4${large}`)));
});

it('knows nothing where it is turned off, and takes what comes with each job', async () => {
  const cache = new BundleCache(false);
  expect(await cache.of(jobOf(bundleOf('a'), true), serverOf(), never)).toEqual(bundleOf('a'));
  expect(cache.known()).toEqual([]);
});
