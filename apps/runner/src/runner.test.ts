// The runner against a server that fails in every way that the protocol allows for.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import type { ClaimRequest, JobOutcome, ReportRequest } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aborted, makeRunner, type Play, plainSpec, type TestRunner, until } from './fake-host.ts';
import { FakeServer, type Fault } from './fake-server.ts';

const succeeded: JobOutcome = { state: 'succeeded' };
const canceled: JobOutcome = { state: 'canceled' };
const succeed: Play = async ({ log }) => {
  await log('hello');
  return succeeded;
};
const untilCanceled: Play = async ({ signal }) => {
  await aborted(signal);
  return canceled;
};

let server: FakeServer;
let made: TestRunner[];

beforeEach(async () => {
  server = await FakeServer.start();
  made = [];
});

afterEach(async () => {
  for (const test of made) await test.remove();
  await server.close();
  expect(server.violations).toEqual([]);
});

async function start(play: Play, env: Readonly<Record<string, string>> = {}): Promise<TestRunner> {
  const test = await makeRunner(server.url, play, env);
  made.push(test);
  await test.runner.start();
  return test;
}

describe('a runner', () => {
  it('runs a job and reports its lines, stages, outputs and outcome in order', async () => {
    const job = server.launch(1);
    await start(async ({ host, log }) => {
      const { observer } = host;
      await observer.stage({ stage: 'build', state: 'running', t: '', run: 1 });
      for (let i = 0; i < 100; i += 1) await log(`line ${i}`);
      await observer.output('answer', 41);
      await observer.output('answer', 42);
      await observer.output('gone', undefined);
      await observer.stage({ stage: 'build', state: 'succeeded', t: '', run: 1 });
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes).toEqual([succeeded]);
    expect(job.lines.map((line) => line.text)).toEqual(
      Array.from({ length: 100 }, (_, i) => `line ${i}`),
    );
    expect(job.outputs).toEqual({ answer: 42, gone: null });
    expect(job.stages).toEqual(['build:running', 'build:succeeded']);
  });

  it.each([
    ['has no room', '1'],
    ['asks for more jobs', '2'],
  ])('that %s hears of a cancel before its next report is due', async (_, capacity) => {
    const job = server.launch(1);
    await start(untilCanceled, { RIVET_RUNNER_CAPACITY: capacity });
    const claims = () => server.calls.filter(({ name }) => name === 'claim');
    await until(() => claims().length === 2 && job.lastSeq > 0);
    // What is asked when the line is there has been answered.
    const { lastSeq } = job;
    if (capacity === '1') await until(() => job.lastSeq > lastSeq);
    const canceledAt = performance.now();
    server.cancel(job);
    await until(() => job.outcomes.length > 0);
    // It was answered just now; the next one is due after 2.5 s.
    expect(performance.now() - canceledAt).toBeLessThan(2400);
    expect(job.outcomes).toEqual([canceled]);
    const full = claims().map(({ body }) => (body as ClaimRequest).full);
    expect(full[1]).toBe(capacity === '1' ? true : undefined);
  });

  it('takes no job while its disk is full, says so, and takes one when there is room', async () => {
    const test = await makeRunner(server.url, succeed);
    made.push(test);
    const { disk } = test;
    disk.bytesFree = 1e9;
    const job = server.launch(1);
    await test.runner.start();
    const claims = () =>
      server.calls.flatMap(({ name, body }) => (name === 'claim' ? [body as ClaimRequest] : []));
    await until(() => claims().length > 0);
    expect(claims()[0]?.problem).toContain('has 954MB left, and takes jobs from 2.5GB on');
    expect(job.lastSeq).toBe(0);
    disk.bytesFree = 1e10;
    await until(() => job.outcomes.length > 0, 60_000);
    expect(job.outcomes).toEqual([succeeded]);
  });

  it('burns one job at most when its containers do not start any more', async () => {
    const test = await makeRunner(
      server.url,
      async ({ host }) => {
        await host.driver.start(plainSpec(host, 'one'));
        return succeeded;
      },
      { RIVET_RUNNER_CAPACITY: '1', RIVET_WARM_CONTAINERS: '0' },
    );
    made.push(test);
    const { driver } = test;
    const { start, check } = driver;
    const finding = { subject: 'podman', ok: false, seen: 'broken', fix: undefined };
    const broken = RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', { action: 'x', reason: 'y' });
    driver.start = () => {
      driver.check = async () => [finding];
      return Promise.reject(broken);
    };
    const [first, second] = [server.launch(1), server.launch(2)];
    await test.runner.start();
    await until(() => first.outcomes.length > 0);
    expect(first.outcomes).toMatchObject([{ reason: 'infrastructure' }]);
    expect(second.lastSeq).toBe(0);
    driver.start = start;
    driver.check = check;
    await until(() => second.outcomes.length > 0, 60_000);
    expect(second.outcomes).toEqual([succeeded]);
  });

  it.each([7, 8, 10])('reports under leases of %d seconds too', async (seconds) => {
    server.leaseSeconds = seconds;
    const job = server.launch(1);
    await start(succeed);
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes).toEqual([succeeded]);
  });

  it('reports the summary as it is in the end, whatever became of it meanwhile', async () => {
    const job = server.launch(1);
    await start(async ({ host, log }) => {
      for (const text of ['# A', '# A\nb', `# A\nb\n${'c'.repeat(100_000)}`]) {
        await host.observer.summary(text);
        await log('between');
      }
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    expect(job.summaries.at(-1)).toBe(`# A\nb\n${'c'.repeat(100_000)}`);
    expect(job.lines).toHaveLength(3);
  });

  it('tells the end of a job when its containers have ended, and removes what is left', async () => {
    const job = server.launch(1);
    const test = await start(async ({ host }) => {
      await host.driver.start(plainSpec(host, 'kept'));
      await (await host.driver.start(plainSpec(host, 'closed'))).remove();
      return succeeded;
    });
    let left: string[] | undefined;
    server.fault = ({ name, body }) => {
      if (name === 'report' && (body as { outcome?: unknown }).outcome !== undefined) {
        left ??= [...test.driver.killed];
      }
      return undefined;
    };
    await until(() => job.outcomes.length > 0);
    expect(left?.toSorted()).toEqual(['closed', 'kept']);
    await until(() => test.driver.removedNames.length === 2);
    expect(test.driver.removed.slice(1)).toEqual([]);
    await expect.poll(() => readdir(join(test.directory, 'jobs'))).toEqual([]);
  });

  it('has removed everything when it has stopped', async () => {
    const job = server.launch(1);
    const test = await start(async ({ host }) => {
      await host.driver.start(plainSpec(host, 'kept'));
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    await test.runner.stop();
    expect(test.driver.removedNames).toEqual(['kept']);
    expect(await readdir(join(test.directory, 'jobs'))).toEqual([]);
    // When it started, and now.
    expect(test.driver.removed).toHaveLength(2);
  });

  it('runs as many jobs at once as its capacity, and not one more', async () => {
    const jobs = [1, 2, 3, 4, 5, 6, 7].map((number) => server.launch(number));
    const gates: (() => void)[] = [];
    const test = await start(
      async () => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return succeeded;
      },
      { RIVET_RUNNER_CAPACITY: '3' },
    );
    await until(() => gates.length === 3);
    for (let done = 0; done < 7; done += 1) {
      await until(() => gates.length > done);
      gates[done]!();
    }
    await until(() => jobs.every((job) => job.outcomes.length === 1));
    expect(test.concurrency.most).toBe(3);
  });

  it('has the tags os and arch and those it was given', async () => {
    await start(succeed, { RIVET_RUNNER_TAGS: 'gpu=yes, arch=mine' });
    expect(server.calls[0]!.body).toMatchObject({
      name: 'test-runner',
      tags: [
        { key: 'os', value: process.platform },
        { key: 'arch', value: 'mine' },
        { key: 'gpu', value: 'yes' },
      ],
    });
  });

  it('turns an engine that throws into a failed job', async () => {
    const job = server.launch(1);
    await start(() => Promise.reject(new Error('the engine broke')));
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes[0]).toMatchObject({
      state: 'failed',
      reason: 'infrastructure',
      code: 'RIVET_INTERNAL',
    });
    expect(job.outcomes[0]!.message).toContain('the engine broke');
  });

  it('without a place on its disk ends the job with why, and does not take the next at once', async () => {
    const test = await start(succeed, { RIVET_RUNNER_CAPACITY: '1' });
    await rm(join(test.directory, 'jobs'), { recursive: true });
    await writeFile(join(test.directory, 'jobs'), '');
    const job = server.launch(1);
    const next = server.launch(2);
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes[0]).toMatchObject({
      state: 'failed',
      reason: 'infrastructure',
      code: 'RIVET_RUNNER_STATE_UNUSABLE',
    });
    expect(test.runner.running).toBe(1);
    await test.runner.stop();
    expect(next.outcomes).toEqual([]);
  });

  it('cancels a job when a report is answered with cancel', async () => {
    const job = server.launch(1);
    server.leaseSeconds = 1;
    const test = await start(untilCanceled);
    await until(() => test.started.length === 1);
    job.cancel = true;
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes).toEqual([canceled]);
  });
});

describe('answers that are lost', () => {
  it('of a claim are asked for again with the same request id, and the job runs once', async () => {
    const job = server.launch(1);
    server.fault = ({ name }, count) => (name === 'claim' && count < 2 ? 'cut-after' : undefined);
    const test = await start(succeed);
    await until(() => job.outcomes.length > 0);
    const ids = server.calls
      .filter((call) => call.name === 'claim')
      .slice(0, 3)
      .map((call) => (call.body as { request_id: string }).request_id);
    expect(new Set(ids).size).toBe(1);
    expect(test.started).toHaveLength(1);
  });

  it('of a report are asked for again with the same number and content', async () => {
    const job = server.launch(1);
    server.fault = ({ name }, count) =>
      name === 'report' && count % 2 === 0 ? 'cut-after' : undefined;
    await start(async ({ log }) => {
      for (let i = 0; i < 50; i += 1) await log(`line ${i}`);
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    expect(job.lines).toHaveLength(50);
    expect(job.outcomes).toEqual([succeeded]);
  });
});

describe('a server in trouble', () => {
  it('is asked again after the time that Retry-After names, not earlier', async () => {
    const job = server.launch(1);
    server.fault = ({ name }, count) =>
      name === 'report' && count === 0
        ? { status: 503, code: 'RIVET_DATABASE_UNREACHABLE', retryAfterSeconds: 1 }
        : undefined;
    await start(succeed);
    await until(() => job.outcomes.length > 0);
    const [first, second] = server.calls.filter((call) => call.name === 'report');
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(990);
  });

  it('makes a job wait when its spool is full, and gets every line when it is back', async () => {
    const job = server.launch(1);
    let told = 0;
    let away = false;
    server.fault = ({ name }) => (name === 'report' && away ? 'cut-before' : undefined);
    await start(
      async ({ log }) => {
        away = true;
        for (let i = 0; i < 1000; i += 1) {
          await log(randomBytes(7500).toString('base64'));
          told += 1;
        }
        return succeeded;
      },
      { RIVET_SPOOL_MAX: '2MB' },
    );
    let before = -1;
    // Some calls after it stopped growing, it has still not gone on: the job waits.
    await until(() => {
      const grown = told !== before;
      before = told;
      return told > 100 && !grown && server.count('report') > 4;
    });
    // 2 MB in memory, 2 MB on disk, 1 MB on its way there: half of what the job has to tell.
    expect(told).toBeLessThan(700);
    away = false;
    await until(() => job.outcomes.length > 0);
    expect(job.lines).toHaveLength(1000);
  });

  it('that refuses a report as too large gets smaller ones', async () => {
    const job = server.launch(1);
    server.fault = ({ name, body }) =>
      name === 'report' && JSON.stringify(body).length > 500_000
        ? { status: 413, code: 'RIVET_REQUEST_TOO_LARGE' }
        : undefined;
    await start(async ({ log }) => {
      for (let i = 0; i < 40; i += 1) await log(randomBytes(40_000).toString('base64'));
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    expect(job.lines).toHaveLength(40);
  });

  it('hears of a job while it talks without a pause', async () => {
    const job = server.launch(1);
    let before = 0;
    let after = 0;
    await start(async ({ log }) => {
      before = server.count('report');
      // One in 200 ms, or as fast as they are taken.
      const end = performance.now() + 30_000;
      for (after = before; after - before <= 2 && performance.now() < end; ) {
        await log('more');
        await new Promise((resolve) => setImmediate(resolve));
        after = server.count('report');
      }
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    expect(after - before).toBeGreaterThan(2);
    expect(job.outcomes).toEqual([succeeded]);
  });

  it('that takes not even one thing alone that a job told gets an outcome that says so', async () => {
    const job = server.launch(1);
    server.fault = ({ name, body }) =>
      name === 'report' && 'huge' in (body as { outputs: object }).outputs
        ? { status: 413, code: 'RIVET_REQUEST_TOO_LARGE' }
        : undefined;
    await start(async ({ host, log }) => {
      await log('hello');
      await host.observer.output('huge', 'x'.repeat(1000));
      return succeeded;
    });
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes[0]).toMatchObject({
      state: 'failed',
      code: 'RIVET_RUNNER_REPORT_REFUSED',
    });
  });

  it('that refuses what a job told for good gets an outcome that says so', async () => {
    const job = server.launch(1);
    server.fault = ({ name, body }) =>
      name === 'report' && (body as ReportRequest).log_blocks !== undefined
        ? { status: 400, code: 'RIVET_REQUEST_INVALID' }
        : undefined;
    await start(async ({ log, signal }) => {
      await log('bad');
      await aborted(signal);
      return canceled;
    });
    await until(() => job.outcomes.length > 0);
    expect(job.outcomes[0]).toMatchObject({
      state: 'failed',
      reason: 'infrastructure',
      code: 'RIVET_RUNNER_REPORT_REFUSED',
    });
  });

  it('that has another session is connected to again; a second time means a rival', async () => {
    const test = await start(succeed);
    await until(() => server.count('claim') === 1);
    server.replaceSession();
    server.fault = ({ name }, count) =>
      name === 'claim' && count === 1 ? 'cut-before' : undefined;
    // The poll that waits is answered with this job, the next one finds the runner forgotten.
    server.launch(1);
    await until(() => server.count('connect') === 2);
    const ended = test.runner.ended();
    server.replaceSession();
    const job = server.launch(2);
    await expect(ended).rejects.toMatchObject({ code: 'RIVET_RUNNER_REPLACED' });
    expect(job.outcomes.length).toBeLessThanOrEqual(1);
  });
});

describe('many jobs at once', () => {
  const run = async (bundling: 'on' | 'off') => {
    const jobs = Array.from({ length: 12 }, (_, index) => server.launch(index + 1));
    await start(
      async ({ log }) => {
        for (let i = 0; i < 20; i += 1) {
          await log(`line ${i}`);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return succeeded;
      },
      { RIVET_RUNNER_CAPACITY: '12', RIVET_REPORT_BUNDLING: bundling },
    );
    await until(() => jobs.every((job) => job.outcomes.length === 1));
    const texts = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    for (const job of jobs) expect(job.lines.map(({ text }) => text)).toEqual(texts);
  };

  it('report together, in fewer requests than they have reports', async () => {
    await run('on');
    const together = server.calls
      .filter(({ name }) => name === 'reports')
      .map(({ body }) => (body as { reports: unknown[] }).reports.length);
    expect(Math.max(...together)).toBeGreaterThan(5);
  });

  it('report each for itself where bundling is off', async () => {
    await run('off');
    expect(server.count('reports')).toBe(0);
    expect(server.count('report')).toBeGreaterThanOrEqual(24);
  });
});

describe('a runner that has as many jobs as it may', () => {
  const claimsWithReports = (): ClaimRequest[] =>
    server.calls
      .filter(({ name }) => name === 'claim')
      .map(({ body }) => body as ClaimRequest)
      .filter(({ reports }) => reports !== undefined);
  const runAll = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
    const jobs = Array.from({ length: 6 }, (_, index) => server.launch(index + 1));
    const test = await start(succeed, { RIVET_RUNNER_CAPACITY: '1', ...env });
    await until(() => jobs.every((job) => job.outcomes.length === 1));
    for (const job of jobs) expect(job.lines.map(({ text }) => text)).toEqual(['hello']);
    expect(test.concurrency.most).toBe(1);
  };

  it('tells the end of one with the claim of the next', async () => {
    await runAll();
    const claims = claimsWithReports();
    expect(claims).toHaveLength(6);
    for (const { capacity, wait_ms, reports } of claims) {
      expect({ capacity, wait_ms, count: reports?.length }).toEqual({
        ...{ capacity: 1, wait_ms: 0, count: 1 },
      });
      expect(reports?.[0]?.outcome).toEqual(succeeded);
    }
  });

  it.each<[string, Fault]>([
    ['is cut off before the server has it', 'cut-before'],
    ['is answered into a broken connection', 'cut-after'],
    ['is refused', { status: 400, code: 'RIVET_REQUEST_INVALID' }],
    ['finds the server stopping', { status: 503, code: 'RIVET_SERVER_STOPPING' }],
  ])('loses neither an end nor a job when such a claim %s', async (_, fault) => {
    let faults = 0;
    server.fault = ({ name, body }) => {
      if (name !== 'claim' || (body as ClaimRequest).reports === undefined) return undefined;
      faults += 1;
      return faults % 2 === 1 ? fault : undefined;
    };
    await runAll();
    expect(faults).toBeGreaterThan(0);
  });

  it('tells the end by itself where bundling is off', async () => {
    await runAll({ RIVET_REPORT_BUNDLING: 'off' });
    expect(claimsWithReports()).toEqual([]);
  });
});

describe('a lease', () => {
  it.each(['on', 'off'])(
    'that was lost before the first report keeps the job from doing anything (early start %s)',
    async (early) => {
      const job = server.launch(1);
      job.lost = true;
      let refused: unknown;
      const test = await start(
        async ({ host }) => {
          await host.confirmed?.catch((error: unknown) => {
            refused = error;
          });
          return succeeded;
        },
        { RIVET_EARLY_START: early },
      );
      await until(() => server.count('report') === 1);
      await until(() => test.runner.running === 0);
      expect(test.started).toHaveLength(early === 'on' ? 1 : 0);
      if (early === 'on') expect(refused).toMatchObject({ code: 'RIVET_LEASE_LOST' });
      expect(server.count('report')).toBe(1);
      expect(job.outcomes).toEqual([]);
    },
  );

  it('that is lost ends the work at once, and nothing more is reported', async () => {
    const job = server.launch(1);
    server.leaseSeconds = 1;
    const test = await start(async (played) => {
      await played.host.driver.start(plainSpec(played.host, 'mine'));
      return untilCanceled(played);
    });
    await until(() => test.driver.started.length === 1);
    job.lost = true;
    await until(() => test.runner.running === 0);
    expect(test.driver.killed).toEqual(['mine']);
    const reports = server.count('report');
    const refused = server.calls.filter((call) => call.name === 'report').slice(-1);
    expect(refused).toHaveLength(1);
    await until(() => server.count('claim') > 1);
    expect(server.count('report')).toBe(reports);
    expect(job.outcomes).toEqual([]);
  });

  it('that cannot be renewed ends the work before it runs out, and what was told is not lost', async () => {
    const job = server.launch(1);
    server.leaseSeconds = 6;
    let renewedAt = 0;
    let stoppedAt = 0;
    let away = false;
    server.fault = ({ name, at }) => {
      if (name !== 'report' && name !== 'leases') return undefined;
      if (away) return 'cut-before';
      renewedAt = at;
      return undefined;
    };
    let fenced: unknown;
    const test = await start(async ({ log, signal, host }) => {
      await host.driver.start(plainSpec(host, 'mine'));
      await log('before');
      await until(() => job.lines.length === 1);
      away = true;
      await log('during');
      await aborted(signal);
      stoppedAt = performance.now();
      await host.driver.ensureImage('any', { pull: 'never' }).catch((error: unknown) => {
        fenced = error;
      });
      return canceled;
    });
    await until(() => stoppedAt > 0);
    expect(stoppedAt - renewedAt).toBeLessThan(6000);
    await until(() => test.driver.killed.includes('mine'));
    await until(() => fenced !== undefined);
    expect(fenced).toMatchObject({ code: 'RIVET_RUNNER_FENCED' });
    away = false;
    await until(() => job.outcomes.length > 0);
    expect(job.lines.map((line) => line.text)).toEqual(['before', 'during']);
    expect(job.outcomes[0]).toMatchObject({ reason: 'runner_lost', code: 'RIVET_RUNNER_FENCED' });
  });
});

describe('stopping', () => {
  it('lets running jobs end and takes no new ones', async () => {
    const job = server.launch(1);
    let end: (() => void) | undefined;
    const test = await start(async () => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return succeeded;
    });
    await until(() => end !== undefined);
    const stopped = test.runner.stop();
    await test.runner.ended();
    const second = server.launch(2);
    end!();
    await stopped;
    expect(job.outcomes).toEqual([succeeded]);
    expect(second.outcomes).toEqual([]);
    expect(test.started).toHaveLength(1);
  });

  it('tells the end of jobs that it had to cancel, as lost and not as canceled', async () => {
    const job = server.launch(1);
    const test = await start(untilCanceled);
    await until(() => test.started.length === 1);
    const stopped = test.runner.stop();
    test.runner.hurry();
    await stopped;
    expect(job.outcomes[0]).toMatchObject({ reason: 'runner_lost', code: 'RIVET_RUNNER_STOPPED' });
  });

  it('cancels what runs when the grace is over', async () => {
    const job = server.launch(1);
    const test = await start(untilCanceled, { RIVET_STOP_GRACE: '50ms' });
    await until(() => test.started.length === 1);
    await test.runner.stop();
    expect(job.outcomes).toHaveLength(1);
  });

  it('hands over a job that is claimed at the same moment: it is on disk before the end', async () => {
    const test = await start(untilCanceled);
    await until(() => server.count('claim') > 0);
    const job = server.launch(1);
    await test.runner.handOver();
    const [attempt = ''] = await readdir(join(test.directory, 'jobs'));
    const record = await readFile(join(test.directory, 'jobs', attempt, 'attempt.json'), 'utf8');
    expect(JSON.parse(record)).toMatchObject({ attempt: 1, toldCount: 0 });
    // A process that was told to hand over is ended at once; this one is not.
    test.runner.hurry();
    await until(() => job.outcomes.length > 0);
  });

  it('gives the state directory free for the next runner', async () => {
    const test = await start(succeed);
    await test.runner.stop();
    expect(await readdir(join(test.directory, 'locks'))).toEqual([]);
  });
});

describe('a start', () => {
  it('waits for a server that is not there yet', async () => {
    server.fault = ({ name }, count) =>
      name === 'connect' && count < 2 ? 'cut-before' : undefined;
    await start(succeed);
    expect(server.count('connect')).toBe(3);
  });

  it('gives up after its deadline and holds nothing', async () => {
    server.fault = () => 'cut-before';
    const test = await makeRunner(server.url, succeed, { RIVET_START_DEADLINE: '10ms' });
    made.push(test);
    await expect(test.runner.start()).rejects.toMatchObject({ code: 'RIVET_SERVER_UNREACHABLE' });
    expect(await readdir(join(test.directory, 'locks'))).toEqual([]);
    // Another one may have the directory by now, and go on with the containers of it.
    const removed = [...test.driver.removed];
    await test.runner.stop();
    expect(test.driver.removed).toEqual(removed);
  });

  it('fails with what the machine lacks when it cannot run containers', async () => {
    const test = await makeRunner(server.url, succeed);
    made.push(test);
    test.driver.check = async () => [
      { subject: 'podman', ok: false, seen: 'not installed', fix: 'apt-get install podman' },
    ];
    await expect(test.runner.start()).rejects.toMatchObject({
      code: 'RIVET_RUNNER_UNFIT',
      message: 'this machine cannot run containers: podman: not installed',
      solve: 'apt-get install podman',
    });
    expect(server.calls).toEqual([]);
  });
});
