// Tests how polls that wait are served, with a queue in memory.
import { RivetError, silentLogger, uuidv7 } from '@rivet/base';
import type { ClaimedRow, Database } from '@rivet/store';
import { expect, test } from 'vitest';
import type { RunnerTerms } from '../runners/known-runners.ts';
import { ClaimDispatcher } from './claim-dispatcher.ts';
import type { Claimant, Waiter } from './claim-poll.ts';

const LONG_MS = 60_000;

/** A queue of so many jobs that any runner may have. */
class FakeQueue {
  queued: number;
  /** Statements that claimed. */
  readonly claims: { slots: number; runners: string[] }[] = [];
  undone = 0;
  /** What the next claims wait for. */
  gate: Promise<void> = Promise.resolve();

  constructor(queued: number) {
    this.queued = queued;
  }

  async query(
    statement: { readonly name: string },
    values: readonly unknown[] = [],
  ): Promise<object[]> {
    if (statement.name === 'list_claimable') return [];
    if (!/^claim/.test(statement.name)) return [];
    const [runners, requests, leases] = values as [string[], string[], string[]];
    this.claims.push({ slots: runners.length, runners });
    await this.gate;
    const count = Math.min(runners.length, this.queued);
    this.queued -= count;
    return requests.slice(0, count).map((request_id, index) => ({
      ...{ job_id: uuidv7(), attempt: 1, priority: 0, created_at: new Date() },
      ...{ request_id, lease_id: leases[index] },
    }));
  }

  async transaction(): Promise<boolean> {
    this.undone += 1;
    return true;
  }
}

class FakeClaimant implements Claimant {
  gone = false;
  waiter: Waiter | undefined;
  readonly answer = Promise.withResolvers<ClaimedRow[]>();
  readonly given = (rows: ClaimedRow[]): void => this.answer.resolve(rows);
  readonly failed = (error: unknown): void => this.answer.reject(error);
}

function setUp(queued: number) {
  const queue = new FakeQueue(queued);
  let undone = 0;
  const dispatcher = new ClaimDispatcher({
    database: queue as unknown as Database,
    leaseSeconds: 30,
    woken: true,
    logger: silentLogger,
    onUndone: () => {
      undone += 1;
    },
  });
  const claim = (runnerId = uuidv7(), options: { waitMs?: number; terms?: RunnerTerms } = {}) => {
    const claimant = new FakeClaimant();
    const terms = { key: 'all', fulfils: [], pipelines: ['*'] };
    const poll = { ...{ requestId: uuidv7(), repeat: false, capacity: 1, waitMs: LONG_MS, terms } };
    dispatcher.claim({ ...poll, ...options, runnerId }, claimant);
    return claimant;
  };
  const stop = async (): Promise<void> => {
    dispatcher.stopServing();
    await dispatcher.close();
  };
  return { queue, dispatcher, claim, stop, undoneTold: () => undone };
}

test('polls that come together are served by one statement, and those left over wait', async () => {
  const { queue, claim, stop } = setUp(2);
  const polls = [claim(), claim(), claim()];
  const [first, second] = await Promise.all(polls.slice(0, 2).map(({ answer }) => answer.promise));
  expect([first?.length, second?.length]).toEqual([1, 1]);
  expect(queue.claims[0]?.slots).toBe(3);
  expect(polls[2]?.waiter?.settled).toBe(false);
  await stop();
  expect(await polls[2]?.answer.promise).toEqual([]);
});

test('a poll that waits is given what comes when the dispatcher is woken', async () => {
  const { queue, dispatcher, claim, stop } = setUp(0);
  const poll = claim();
  await expect.poll(() => poll.waiter?.served).toBe('before');
  queue.queued = 1;
  dispatcher.wake();
  expect(await poll.answer.promise).toHaveLength(1);
  await stop();
});

test('a poll that does not wait is looked for once and answered at once', async () => {
  const { queue, claim, stop } = setUp(1);
  expect(await claim(uuidv7(), { waitMs: 0 }).answer.promise).toHaveLength(1);
  expect(await claim(uuidv7(), { waitMs: 0 }).answer.promise).toEqual([]);
  expect(queue.claims.length).toBeGreaterThan(1);
  await stop();
});

test('what was claimed for a runner that went away meanwhile is undone and told', async () => {
  const { queue, claim, stop, undoneTold } = setUp(1);
  const gate = Promise.withResolvers<void>();
  queue.gate = gate.promise;
  const poll = claim();
  await expect.poll(() => queue.claims.length).toBe(1);
  poll.gone = true;
  poll.waiter?.settle([]);
  gate.resolve();
  expect(await poll.answer.promise).toEqual([]);
  await expect.poll(() => [queue.undone, undoneTold()]).toEqual([1, 1]);
  await stop();
});

test('runners with other tags are served by a statement of their own', async () => {
  const { queue, claim, stop } = setUp(2);
  const terms = { key: 'gpu', fulfils: ['gpu=yes'], pipelines: ['*'] };
  const polls = [claim(), claim(uuidv7(), { terms })];
  await Promise.all(polls.map(({ answer }) => answer.promise));
  expect(queue.claims.map(({ slots }) => slots)).toEqual([1, 1]);
  await stop();
});

test('a runner that asks many times has four polls waiting; the oldest are answered', async () => {
  const { dispatcher, claim, stop } = setUp(0);
  const runnerId = uuidv7();
  const polls = Array.from({ length: 6 }, () => claim(runnerId));
  expect(await polls[0]?.answer.promise).toEqual([]);
  expect(await polls[1]?.answer.promise).toEqual([]);
  expect(polls.map(({ waiter }) => waiter !== undefined)).toEqual([
    ...[false, false, true, true, true, true],
  ]);
  expect([...dispatcher.waitingRunners()]).toEqual([runnerId]);
  await stop();
  await Promise.all(polls.map(({ answer }) => answer.promise));
  expect([...dispatcher.waitingRunners()]).toEqual([]);
});

test('polls of a revoked runner are refused, and no others', async () => {
  const { dispatcher, claim, stop } = setUp(0);
  const [revoked, other] = [uuidv7(), uuidv7()];
  const polls = { revoked: claim(revoked), other: claim(other) };
  dispatcher.refuse(new Set([revoked]));
  await expect(polls.revoked.answer.promise).rejects.toThrow(
    RivetError.of('RIVET_AUTH_INVALID', {}),
  );
  expect([...dispatcher.waitingRunners()]).toEqual([other]);
  await stop();
  expect(await polls.other.answer.promise).toEqual([]);
});

test('after it has stopped serving, a poll is answered at once with nothing', async () => {
  const { queue, claim, stop } = setUp(1);
  await stop();
  expect(await claim().answer.promise).toEqual([]);
  expect(queue.queued).toBe(1);
});

test('of many polls that come together one half is served while the other waits for the next statement', async () => {
  const { queue, claim, stop } = setUp(64);
  const first = Promise.withResolvers<void>();
  queue.gate = first.promise;
  const polls = Array.from({ length: 64 }, () => claim());
  await expect.poll(() => queue.claims.length).toBe(1);
  first.resolve();
  const rows = await Promise.all(polls.map(({ answer }) => answer.promise));
  expect(rows.map(({ length }) => length)).toEqual(polls.map(() => 1));
  expect(queue.claims.map(({ slots }) => slots)).toEqual([32, 32]);
  expect(new Set(queue.claims.flatMap(({ runners }) => runners)).size).toBe(64);
  await stop();
});

test('the next statement is sent before the answers of the last are given', async () => {
  const { queue, claim, stop } = setUp(20);
  const polls = Array.from({ length: 20 }, () => claim());
  const given: number[] = [];
  for (const poll of polls) {
    void poll.answer.promise.then(() => given.push(queue.claims.length));
  }
  await Promise.all(polls.map(({ answer }) => answer.promise));
  expect(queue.claims[0]?.slots).toBe(10);
  expect(given[0]).toBe(2);
  await stop();
});

test('for one job among hundreds of waiting polls a few are asked for, not all of them', async () => {
  const { queue, dispatcher, claim, stop } = setUp(0);
  const polls = Array.from({ length: 300 }, () => claim());
  await expect.poll(() => polls.every(({ waiter }) => waiter?.served === 'before')).toBe(true);
  queue.claims.length = 0;
  queue.queued = 1;
  dispatcher.wake();
  await Promise.race(polls.map(({ answer }) => answer.promise));
  await expect.poll(() => queue.claims.map(({ slots }) => slots)).toEqual([32]);
  await stop();
  expect((await Promise.all(polls.map(({ answer }) => answer.promise))).flat()).toHaveLength(1);
});

test('a burst is given out by statements that serve more and more polls', async () => {
  const { queue, dispatcher, claim, stop } = setUp(0);
  const polls = Array.from({ length: 300 }, () => claim());
  await expect.poll(() => polls.every(({ waiter }) => waiter?.served === 'before')).toBe(true);
  queue.claims.length = 0;
  queue.queued = 300;
  dispatcher.wake();
  const rows = await Promise.all(polls.map(({ answer }) => answer.promise));
  expect(rows.map(({ length }) => length)).toEqual(polls.map(() => 1));
  expect(queue.claims.slice(0, 2).map(({ slots }) => slots)).toEqual([32, 64]);
  await stop();
});
