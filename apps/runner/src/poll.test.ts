// How a runner asks for jobs, with a server that the test plays and a clock that it sets.
import { RivetError, silentLogger } from '@rivet/base';
import type { ClaimRequest, ClaimResponse, ConnectResponse, JobReport } from '@rivet/protocol';
import { expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import type { Enrollment } from './enrollment.ts';
import { until } from './fake-host.ts';
import { Poller } from './poll.ts';
import type { ServerApi } from './server-api.ts';
import { Slots } from './slots.ts';

function makePoller(
  claim: ServerApi['claim'],
  stop: AbortSignal,
  clock: Clock = () => 0,
  problem: () => string | undefined = () => undefined,
  enrollment: Partial<Enrollment> = {},
) {
  const slots = new Slots(1);
  const poller = new Poller({
    api: { url: 'u', claim } as Partial<ServerApi> as ServerApi,
    enrollment: enrollment as Enrollment,
    name: 'r',
    slots,
    clock,
    logger: silentLogger,
    startDeadlineMs: 0,
    stop,
    knownBundles: () => [],
    problem,
    onNews: () => undefined,
    onJob: () => undefined,
  });
  return { poller, slots };
}

const job = { id: 'a', attempt: 1, lease_id: 'l' } as ClaimResponse['jobs'][number];

it('does not take an end that was answered late for a connection that is cut while it waits', async () => {
  const stop = new AbortController();
  const asked: ClaimRequest[] = [];
  let now = 0;
  const claim: ServerApi['claim'] = (body, { signal }) => {
    asked.push(body);
    if (asked.length === 1) return Promise.resolve({ jobs: [job] });
    if (stop.signal.aborted) return Promise.resolve({ jobs: [] });
    if (body.reports === undefined) {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')));
      });
    }
    now += 9_000;
    return Promise.reject(RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'u', reason: 'slow' }));
  };
  const { poller, slots } = makePoller(claim, stop.signal, () => now);
  const running = poller.run();
  await until(() => slots.taken === 1);
  const end: JobReport = {
    ...{ job_id: 'a', attempt: 1, lease_id: 'l', seq: 2, logs: [], stages: [], outputs: {} },
    outcome: { state: 'succeeded' },
  };
  await expect(poller.carry([end], 10_000)).rejects.toThrow('slow');
  await until(() => asked.length === 3);
  expect(asked.map(({ wait_ms: ms }) => ms)).toEqual([50_000, 0, 50_000]);
  stop.abort();
  await running.catch(() => undefined);
});

it('a runner that is drained goes on asking while it runs a job, and ends after it', async () => {
  let asked = 0;
  const { poller, slots } = makePoller(async () => {
    asked += 1;
    if (asked === 1) return { jobs: [job] };
    return { jobs: [], drain: true };
  }, new AbortController().signal);
  const running = poller.run();
  await until(() => slots.taken === 1);
  expect(asked).toBe(1);
  slots.give();
  await running;
  expect(asked).toBe(2);
});

it('a runner that is resumed before its last job has ended takes the next one', async () => {
  const stop = new AbortController();
  const answers: ClaimResponse[] = [
    { jobs: [job], drain: true },
    { jobs: [job] },
    { jobs: [], drain: true },
  ];
  const { poller, slots } = makePoller(
    async () => answers.shift() ?? { jobs: [], drain: true },
    stop.signal,
  );
  const running = poller.run();
  for (const left of [2, 1]) {
    await until(() => answers.length === left && slots.taken === 1);
    slots.give();
  }
  await running;
  expect(answers).toEqual([]);
});

/** A claim that waits until it is given up. */
const waiting: ServerApi['claim'] = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('given up')));
  });

it('a poll is given up when a problem comes, and what it was given meanwhile is taken', async () => {
  const stop = new AbortController();
  const asked: ClaimRequest[] = [];
  let problem: string | undefined;
  const claim: ServerApi['claim'] = (body, limits) => {
    asked.push(body);
    return asked.length === 2 ? Promise.resolve({ jobs: [job] }) : waiting(body, limits);
  };
  const { poller, slots } = makePoller(
    claim,
    stop.signal,
    () => 0,
    () => problem,
  );
  const running = poller.run();
  await until(() => asked.length === 1);
  problem = 'its disk is full';
  poller.reconsider();
  await until(() => slots.taken === 1);
  expect(asked[1]).toMatchObject({
    request_id: asked[0]?.request_id,
    ...{ repeat: true, wait_ms: 0, full: true, problem },
  });
  stop.abort();
  await running;
});

it('a runner with a problem tells it, takes nothing, and asks for jobs when it is over', async () => {
  const stop = new AbortController();
  const asked: ClaimRequest[] = [];
  let problem: string | undefined = 'its disk is full';
  const claim: ServerApi['claim'] = (body, limits) => {
    asked.push(body);
    return waiting(body, limits);
  };
  const { poller } = makePoller(
    claim,
    stop.signal,
    () => 0,
    () => problem,
  );
  const running = poller.run();
  await until(() => asked.length === 1);
  expect(asked[0]).toMatchObject({ full: true, problem });
  problem = 'its disk is fuller';
  poller.reconsider();
  await until(() => asked.length === 2);
  expect(asked[1]).toMatchObject({ full: true, problem });
  problem = undefined;
  poller.reconsider();
  await until(() => asked.length === 3);
  expect(asked[2]?.full).toBeUndefined();
  expect(asked[2]?.problem).toBeUndefined();
  stop.abort();
  await running;
});

it('a runner with a problem that is drained ends', async () => {
  const { poller } = makePoller(
    async () => ({ jobs: [], drain: true }),
    new AbortController().signal,
    () => 0,
    () => 'its disk is full',
  );
  await poller.run();
});

it('a runner with a problem that was revoked ends, and says why', async () => {
  const { poller } = makePoller(
    () => Promise.reject(RivetError.of('RIVET_AUTH_INVALID', {})),
    new AbortController().signal,
    () => 0,
    () => 'its disk is full',
  );
  await expect(poller.run()).rejects.toMatchObject({ code: 'RIVET_RUNNER_REFUSED' });
});

it('a runner with a problem connects again when the server has another session', async () => {
  const stop = new AbortController();
  const sessions: string[] = [];
  const claim: ServerApi['claim'] = ({ session }, { signal }) => {
    sessions.push(session);
    if (sessions.length > 1) return waiting({} as ClaimRequest, { timeoutMs: 0, signal });
    return Promise.reject(RivetError.of('RIVET_RUNNER_UNKNOWN', { name: 'r' }));
  };
  const connect: Enrollment['connect'] = async () =>
    ({ runner_id: 'r', name: 'r', tags: [], pipelines: [], session: 'new' }) as ConnectResponse;
  const { poller } = makePoller(
    claim,
    stop.signal,
    () => 0,
    () => 'its disk is full',
    { connect },
  );
  const running = poller.run();
  await until(() => sessions.length === 2, 60_000);
  expect(sessions).toEqual(['', 'new']);
  stop.abort();
  await running;
});

it('a runner with a problem changes its token when it is asked to', async () => {
  const stop = new AbortController();
  let changed = 0;
  const { poller } = makePoller(
    (body, limits) =>
      changed === 0 ? Promise.resolve({ jobs: [], change_token: true }) : waiting(body, limits),
    stop.signal,
    () => 0,
    () => 'its disk is full',
    {
      changeToken: async () => {
        changed += 1;
      },
    },
  );
  const running = poller.run();
  await until(() => changed === 1, 60_000);
  stop.abort();
  await running;
});

it('waits shorter from then on when something cuts its connection while it waits', async () => {
  const stop = new AbortController();
  const waits: number[] = [];
  let now = 0;
  const cut = RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'u', reason: 'cut' });
  const claim: ServerApi['claim'] = ({ wait_ms: ms }, { signal }) => {
    if (stop.signal.aborted) return Promise.resolve({ jobs: [] });
    waits.push(ms);
    if (waits.length === 1) {
      now += 20_000;
      return Promise.reject(cut);
    }
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')));
    });
  };
  const { poller } = makePoller(claim, stop.signal, () => now);
  const running = poller.run();
  await until(() => waits.length === 2, 15_000);
  expect(waits).toEqual([50_000, 16_000]);
  stop.abort();
  await running.catch(() => undefined);
});
