// Tests who looks after open streams: who may go on, heartbeats, the end of all.
import { silentLogger } from '@rivet/base';
import type { FastifyRequest } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Principal } from '../auth/principal.ts';
import type { EventStream } from './event-stream.ts';
import { createStreamKeeper, RECHECK_MS } from './stream-keeper.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function fakeStream() {
  return { destroy: vi.fn(), end: vi.fn(), heartbeat: vi.fn(), letGoWhenStalled: vi.fn() };
}

function requestOf(authorization: string): FastifyRequest {
  return { headers: { authorization } } as unknown as FastifyRequest;
}

/** A person who may see these pipelines. */
function personSeeing(...pipelines: string[]): Principal {
  const access = { mayOn: (_: string, name: string) => pipelines.includes(name) };
  return { kind: 'person', userId: 'u', name: 'ada', access } as unknown as Principal;
}

async function setUp(stillValid: Authenticator['stillValid']) {
  const authenticator = { stillValid: vi.fn(stillValid), authenticate: vi.fn() };
  const keeper = createStreamKeeper(authenticator as unknown as Authenticator, silentLogger);
  await keeper.start();
  const keep = (sender: string, pipeline: string) => {
    const stream = fakeStream();
    const leave = keeper.keep(stream as unknown as EventStream, requestOf(sender), pipeline);
    return { ...stream, leave };
  };
  return { keeper, authenticator, keep };
}

test('a stream whose follower may not see its pipeline any more is cut, and no other', async () => {
  const { keeper, keep } = await setUp(async () => personSeeing('web'));
  const [web, api] = [keep('ada', 'web'), keep('ada', 'api')];
  await vi.advanceTimersByTimeAsync(RECHECK_MS);
  expect(api.destroy).toHaveBeenCalledOnce();
  expect(web.destroy).not.toHaveBeenCalled();
  await keeper.stop();
});

test('all streams of a sender who was signed out are cut', async () => {
  const { keeper, keep } = await setUp(async () => undefined);
  const streams = [keep('ada', 'web'), keep('ada', 'api')];
  await vi.advanceTimersByTimeAsync(RECHECK_MS);
  for (const { destroy } of streams) expect(destroy).toHaveBeenCalledOnce();
  await keeper.stop();
});

test('it is asked once for all streams of one sender', async () => {
  const { keeper, authenticator, keep } = await setUp(async () => personSeeing('web'));
  for (const sender of ['ada', 'ada', 'ada', 'bob']) keep(sender, 'web');
  await vi.advanceTimersByTimeAsync(RECHECK_MS);
  expect(authenticator.stillValid).toHaveBeenCalledTimes(2);
  await keeper.stop();
});

test('a database that is away cuts nobody; the next look decides', async () => {
  let away = true;
  const { keeper, keep } = await setUp(async () => {
    if (away) throw new Error('away');
    return undefined;
  });
  const stream = keep('ada', 'web');
  await vi.advanceTimersByTimeAsync(RECHECK_MS);
  expect(stream.destroy).not.toHaveBeenCalled();
  away = false;
  await vi.advanceTimersByTimeAsync(RECHECK_MS);
  expect(stream.destroy).toHaveBeenCalledOnce();
  await keeper.stop();
});

test('each stream has a heartbeat every 15 seconds until it leaves', async () => {
  const { keeper, keep } = await setUp(async () => personSeeing('web'));
  const stream = keep('ada', 'web');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stream.heartbeat).toHaveBeenCalledTimes(2);
  expect(stream.letGoWhenStalled).toHaveBeenCalledTimes(30);
  stream.leave();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(stream.heartbeat).toHaveBeenCalledTimes(2);
  await keeper.stop();
});

test('the end of all ends those that come later too', async () => {
  const { keeper, keep } = await setUp(async () => personSeeing('web'));
  const before = keep('ada', 'web');
  keeper.endAll();
  const after = keep('ada', 'web');
  expect(before.end).toHaveBeenCalledOnce();
  expect(after.end).toHaveBeenCalledOnce();
  await keeper.stop();
});
