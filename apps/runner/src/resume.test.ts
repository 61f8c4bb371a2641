// A runner that starts where another process of it was killed: the image of its directory at that
// moment is all that it has.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobOutcome } from '@rivet/protocol';
import { mountSmallDisk } from '@rivet/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aborted, makeRunner, type Play, type TestRunner, until } from './fake-host.ts';
import { type FakeJob, FakeServer } from './fake-server.ts';

const succeeded: JobOutcome = { state: 'succeeded' };
const never: Play = async ({ signal }) => {
  await aborted(signal);
  return { state: 'canceled' };
};
/** One job at a time, so that nothing else is asked of the server. */
const SETTINGS = { RIVET_RUNNER_CAPACITY: '1', RIVET_STOP_GRACE: '0s' };

let server: FakeServer;
let made: TestRunner[];
let images: string[];

beforeEach(async () => {
  server = await FakeServer.start();
  made = [];
  images = [];
});
afterEach(async () => {
  for (const test of made) await test.remove();
  for (const image of images) await rm(image, { recursive: true, force: true });
  await server.close();
  expect(server.violations).toEqual([]);
});

async function start(play: Play, directory?: string): Promise<TestRunner> {
  const test = await makeRunner(server.url, play, SETTINGS, directory);
  made.push(test);
  await test.runner.start();
  return test;
}

/** What a runner that is killed now leaves. */
async function imageOf({ directory }: TestRunner): Promise<string> {
  const image = await mkdtemp(join(tmpdir(), 'rivet-resume-test-'));
  images.push(image);
  await cp(directory, image, { recursive: true });
  return image;
}

/** A job that has begun, its runner, and what that leaves when it is killed then. */
async function leaveJob(
  given: Partial<FakeJob['claimed']> = {},
): Promise<{ job: FakeJob; first: TestRunner; image: string }> {
  const job = server.launch(1);
  job.claimed = { ...job.claimed, ...given };
  const first = await start(never);
  await until(() => job.lastSeq > 0);
  return { job, first, image: await imageOf(first) };
}

const attemptOf = (image: string, job: FakeJob, file: string) =>
  join(image, 'jobs', `${job.claimed.id}.1`, file);

const texts = (job: FakeJob) => job.lines.map(({ text }) => text);

describe('a runner that starts again', () => {
  it('goes on with the job where it was, and says nothing twice', async () => {
    const job = server.launch(1);
    const first = await start(async ({ host, log, ...rest }) => {
      await host.observer.stage({ stage: 'build', state: 'running', t: '', run: 1 });
      await host.observer.output('x', 1);
      for (let n = 1; n <= 50; n += 1) await log(`line ${n}`);
      return never({ host, log, ...rest });
    });
    await until(() => job.lines.length === 50);
    let resume: unknown;
    await start(
      async ({ host, log, spec }) => {
        resume = host.resume;
        expect(spec.id).toBe(job.claimed.id);
        await host.observer.stage({ stage: 'build', state: 'running', t: '', run: 1 });
        await host.observer.output('x', 1);
        await host.observer.output('x', 2);
        await log('line 51');
        await host.observer.stage({ stage: 'build', state: 'succeeded', t: '', run: 1 });
        return succeeded;
      },
      await imageOf(first),
    );
    await until(() => job.outcomes.length === 1);
    expect(texts(job)).toEqual(Array.from({ length: 51 }, (_, index) => `line ${index + 1}`));
    expect(job.stages).toEqual(['build:running', 'build:succeeded']);
    expect(job.outputs).toEqual({ x: 2 });
    expect(job.outcomes).toEqual([succeeded]);
    const printed = new Map([['play', 50]]);
    expect(resume).toEqual({ lastLine: 50, logBytes: 9 * 7 + 41 * 8, printed });
  });

  it('sends what the server was never told', async () => {
    const job = server.launch(1);
    const gate = Promise.withResolvers<void>();
    const told = Promise.withResolvers<void>();
    const cutReportsWith = (text: string): void => {
      server.fault = ({ name, body }) => {
        const isReport = name === 'report' || name === 'reports';
        return isReport && JSON.stringify(body).includes(text) ? 'cut-before' : undefined;
      };
    };
    cutReportsWith('log_blocks');
    const first = await start(async (played) => {
      await gate.promise;
      for (let n = 1; n <= 3000; n += 1) await played.log(`line ${n} ${'x'.repeat(100)}`);
      await played.host.observer.summary('# so far');
      told.resolve();
      return never(played);
    });
    await until(() => job.lastSeq === 1);
    gate.resolve();
    await told.promise;
    const image = await imageOf(first);
    expect(job.lines).toEqual([]);
    // The first one lives on here, and would tell: nothing of its lease arrives any more.
    cutReportsWith(job.claimed.lease_id);
    await start(async () => succeeded, image);
    await until(() => job.outcomes.length === 1);
    expect(job.lines).toHaveLength(3000);
    expect(job.lines.map(({ n }) => n)).toEqual(Array.from({ length: 3000 }, (_, n) => n + 1));
    expect(job.summaries).toEqual(['# so far']);
    server.fault = () => undefined;
  });

  it('only tells the end of a job that has ended', async () => {
    const job = server.launch(1);
    server.fault = ({ body }) =>
      JSON.stringify(body).includes('"outcome"') ? 'cut-before' : undefined;
    const first = await start(async ({ log }) => {
      await log('all');
      return succeeded;
    });
    await until(() => server.calls.some(({ body }) => JSON.stringify(body).includes('outcome')));
    const image = await imageOf(first);
    server.fault = () => undefined;
    const second = await start(never, image);
    await until(() => job.outcomes.length === 1);
    expect(second.started).toEqual([]);
    expect(job.outcomes).toEqual([succeeded]);
    expect(texts(job)).toEqual(['all']);
  });

  it('does not take what the process before it sent late for its own', async () => {
    const job = server.launch(1);
    const first = await start(async (played) => {
      await played.log('one');
      return never(played);
    });
    await until(() => job.lines.length === 1);
    const image = await imageOf(first);
    const lease = job.claimed.lease_id;
    await start(async ({ log }) => {
      await log('two');
      return succeeded;
    }, image);
    await until(() => job.outcomes.length === 1);
    expect(job.claimed.lease_id).not.toBe(lease);
    expect(texts(job)).toEqual(['one', 'two']);
  });

  it('holds the attempt also when the answer to its first question was lost', async () => {
    const { job, image } = await leaveJob();
    let lost = 0;
    server.fault = ({ name }) => {
      if (name !== 'connect' || lost > 0) return undefined;
      lost += 1;
      return 'cut-after';
    };
    await start(async () => succeeded, image);
    await until(() => job.outcomes.length === 1);
    expect(lost).toBe(1);
  });

  it('removes what is not its own any more', async () => {
    const { job, image } = await leaveJob();
    job.lost = true;
    const second = await start(never, image);
    expect(second.started).toEqual([]);
    expect(await readdir(join(image, 'jobs'))).toEqual([]);
  });

  it('has the job again before it looks at Podman, and goes on before it cleans up', async () => {
    const { job, image } = await leaveJob();
    const second = await makeRunner(server.url, async () => succeeded, SETTINGS, image);
    made.push(second);
    const lease = job.claimed.lease_id;
    let leaseAtCheck = lease;
    const { check } = second.driver;
    second.driver.check = async (place) => {
      leaseAtCheck = job.claimed.lease_id;
      return await check(place);
    };
    const listing = Promise.withResolvers<[]>();
    second.driver.list = () => listing.promise;
    const started = second.runner.start();
    await until(() => job.outcomes.length === 1);
    expect(leaseAtCheck).not.toBe(lease);
    listing.resolve([]);
    await started;
  });

  it('removes what it had when it was revoked meanwhile, and ends', async () => {
    const { image } = await leaveJob();
    server.revoked = true;
    const second = await makeRunner(server.url, never, SETTINGS, image);
    made.push(second);
    await expect(second.runner.start()).rejects.toMatchObject({ code: 'RIVET_RUNNER_REVOKED' });
    expect(second.driver.removed).toHaveLength(1);
    expect(await readdir(join(image, 'jobs'))).toEqual([]);
  });

  it('gives up on a full disk what it cannot note, and so has room again', async ({ skip }) => {
    const disk = await mountSmallDisk({ megabytes: 4 });
    if (disk === undefined) return skip('only root may mount a disk');
    try {
      const { job, image } = await leaveJob();
      const state = join(disk.directory, 'state');
      await cp(image, state, { recursive: true });
      const fill = writeFile(attemptOf(state, job, 'workspace/core'), Buffer.alloc(8 << 20));
      await expect(fill).rejects.toMatchObject({ code: 'ENOSPC' });
      const second = await makeRunner(server.url, never, SETTINGS, state);
      second.driver.check = async ({ directory }) => {
        await writeFile(directory, Buffer.alloc(1 << 20));
        return [];
      };
      await second.runner.start();
      expect(second.started).toEqual([]);
      expect(await readdir(join(state, 'jobs'))).toEqual([]);
      await second.remove();
    } finally {
      await disk.remove();
    }
  });

  it('counts no death of a job where it could not take it up', async () => {
    const { job, image } = await leaveJob();
    for (let failed = 1; failed <= 3; failed += 1) {
      const unfit = await makeRunner(server.url, never, SETTINGS, image);
      unfit.driver.check = async () => [
        { subject: 'podman', ok: false, seen: 'broken', fix: undefined },
      ];
      await expect(unfit.runner.start()).rejects.toMatchObject({ code: 'RIVET_RUNNER_UNFIT' });
    }
    await start(async () => succeeded, image);
    await until(() => job.outcomes.length === 1);
  });

  it('asks for nothing of before the machine started, nor for a piece of a record', async () => {
    const { job, first } = await leaveJob();
    for (const change of [
      (text: string) => text.replace(/"bootId":"./, '"bootId":"X'),
      (text: string) => text.slice(0, 20),
    ]) {
      const image = await imageOf(first);
      const record = attemptOf(image, job, 'attempt.json');
      await writeFile(record, change(await readFile(record, 'utf8')));
      await start(never, image);
      const connects = server.calls.filter(({ name }) => name === 'connect');
      expect(connects.at(-1)?.body).toMatchObject({ held: [] });
      expect(await readdir(join(image, 'jobs'))).toEqual([]);
    }
  });

  it('gives a job up that ended it again and again', async () => {
    const { first } = await leaveJob();
    let last = first;
    for (let death = 1; death <= 3; death += 1) {
      last = await start(never, await imageOf(last));
      await until(() => last.started.length === 1);
    }
    const fifth = await start(never, await imageOf(last));
    expect(fifth.started).toEqual([]);
    expect(server.calls.findLast(({ name }) => name === 'connect')?.body).toMatchObject({
      held: [],
    });
  });

  it('has nothing of what the job was given in its record', async () => {
    const { job, image } = await leaveJob({
      inputs: { password: 'hunter2' },
      journal_key: 'a2V5',
    });
    const record = await readFile(attemptOf(image, job, 'attempt.json'), 'utf8');
    expect(record).not.toMatch(/hunter2|a2V5/);
  });
});
