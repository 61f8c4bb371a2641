// Following a log from anywhere in it: what is stored, what comes, and how it ended, without a gap.
import { silentLogger } from '@rivet/base';
import { encodeLogBlock, type Job, type LogLine } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { describe, expect, it, vi } from 'vitest';
import { FakeClient } from '../http/fake-client.ts';
import { FakeLog } from './fake-log.ts';
import { createJobWatcher } from './job-watcher.ts';
import { createLogFollowers } from './log-follower.ts';

/** More than a busy machine needs. */
const WITHIN = { timeout: 60_000 };

const LONG = 'x'.repeat(100_000);

function setUp() {
  const log = new FakeLog();
  // Not started: nothing is asked of the database.
  const watcher = createJobWatcher({} as Database, silentLogger);
  const followers = createLogFollowers(log.database, watcher);
  const follow = (from = { attempt: 1, after: 0 }, client = new FakeClient()) => {
    /** Lines by their texts, the end by how the job ended. */
    const seen = (): string[] =>
      client.events.map(({ event, data }) =>
        event === 'line' ? (data as LogLine).text : `${event}: ${(data as Job).state}`,
      );
    return { client, seen, done: followers.follow(client.stream, 'a', from) };
  };
  /** As a report of lines that are stored: whoever follows has them, or is woken. */
  const report = (...texts: readonly string[]): boolean => {
    const firstLine = log.lineCount + 1;
    log.print(...texts);
    const origin = ['one', 'info', 'stdout', ''] as const;
    const runs = [{ origin, timeMs: 0, count: texts.length }];
    const bytes = encodeLogBlock({ runs, text: Buffer.from(`${texts.join('\n')}\n`) });
    const block = { firstLine, lineCount: texts.length, bytes };
    const isTold = followers.stored('a', log.attempt, [block]);
    watcher.notified('a', isTold);
    return isTold;
  };
  return { log, follow, report, changed: () => watcher.notified('a') };
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, at) => `${from + at}`);
}

describe('who follows a log', () => {
  it('gets what is stored, then what comes, then the end', async () => {
    const { log, follow, changed } = setUp();
    log.print(...numbers(0, 10));
    const { seen, done } = follow();
    await vi.waitFor(() => expect(seen()).toEqual(numbers(0, 10)), WITHIN);
    log.print(...numbers(10, 15));
    changed();
    await vi.waitFor(() => expect(seen()).toEqual(numbers(0, 15)), WITHIN);
    log.print('last');
    log.state = 'succeeded';
    changed();
    await done;
    expect(seen()).toEqual([...numbers(0, 15), 'last', 'end: succeeded']);
  });

  it('goes on behind the line that it has, through later attempts', async () => {
    const { log, follow } = setUp();
    log.print(...numbers(0, 5));
    log.attempt = 2;
    log.print(...numbers(5, 9));
    log.state = 'failed';
    const { seen, done } = follow({ attempt: 1, after: 3 });
    await done;
    expect(seen()).toEqual([...numbers(3, 9), 'end: failed']);
  });

  it('waits for the first attempt of a job that waits', async () => {
    const { log, follow, changed } = setUp();
    log.state = 'queued';
    log.attempt = 0;
    const { seen } = follow();
    await new Promise(setImmediate);
    log.state = 'running';
    log.attempt = 1;
    log.print('first');
    changed();
    await vi.waitFor(() => expect(seen()).toEqual(['first']), WITHIN);
  });

  it('and comes while others follow gets all lines too, once', async () => {
    const { log, follow, changed } = setUp();
    log.print(...numbers(0, 4));
    const early = follow();
    await vi.waitFor(() => expect(early.seen()).toHaveLength(4), WITHIN);
    log.print(...numbers(4, 12));
    const late = follow();
    changed();
    await vi.waitFor(() => expect(late.seen()).toEqual(numbers(0, 12)), WITHIN);
    log.print(...numbers(12, 14));
    changed();
    await vi.waitFor(() => expect(late.seen()).toEqual(numbers(0, 14)), WITHIN);
    expect(early.seen()).toEqual(numbers(0, 14));
  });

  it('gets lines that are stored here without a further look at the database', async () => {
    const { log, follow, report } = setUp();
    log.print('a');
    const [one, two] = [follow(), follow()];
    // Both have caught up.
    await vi.waitFor(() => {
      expect(report('b')).toBe(true);
      expect(one.seen()).toEqual(log.texts);
      expect(two.seen()).toEqual(log.texts);
    }, WITHIN);
    const reads = log.reads.length;
    expect(report('c', 'd')).toBe(true);
    expect(report('e')).toBe(true);
    await new Promise(setImmediate);
    expect(log.reads).toHaveLength(reads);
    const texts = log.texts;
    expect(texts.slice(-4)).toEqual(['b', 'c', 'd', 'e']);
    expect(one.seen()).toEqual(texts);
    expect(two.seen()).toEqual(texts);
    const numbered = one.client.events.map(({ data }) => (data as LogLine).n);
    expect(numbered).toEqual(texts.map((_, at) => at + 1));
  });

  it('gets lines that were stored elsewhere before those that are stored here', async () => {
    const { log, follow, report } = setUp();
    const { seen } = follow();
    await vi.waitFor(() => expect(report('a')).toBe(true), WITHIN);
    const before = log.texts;
    // Nobody was told of it.
    log.print('b');
    expect(report('c')).toBe(false);
    await vi.waitFor(() => expect(seen()).toEqual([...before, 'b', 'c']), WITHIN);
    log.attempt = 2;
    expect(report('d')).toBe(false);
    await vi.waitFor(() => expect(seen()).toEqual([...before, 'b', 'c', 'd']), WITHIN);
  });

  it('gets lines once, in order, whatever is told, read and stored meanwhile', async () => {
    const { log, follow, report, changed } = setUp();
    const clients = [follow()];
    for (let round = 0; round < 200; round += 1) {
      if (round % 3 === 0) log.print(`elsewhere ${round}`);
      if (round % 7 === 0) changed();
      if (round % 50 === 0) clients.push(follow());
      report(`here ${round}`);
      if (round % 2 === 0) await new Promise(setImmediate);
      if (round % 20 === 0) {
        // Then nothing is read, and the next report is sent on as it is.
        await vi.waitFor(() => expect(clients[0]?.seen()).toEqual(log.texts), WITHIN);
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
      }
    }
    log.state = 'succeeded';
    changed();
    for (const { done, seen } of clients) {
      await done;
      expect(seen()).toEqual([...log.texts, 'end: succeeded']);
    }
  });

  it('and reads slowly gets every line once, when it reads, and holds up nobody', async () => {
    const { log, follow, changed } = setUp();
    const [slow, quick] = [follow(), follow()];
    const texts = numbers(0, 12).map((text) => `${text} ${LONG}`);
    slow.client.hold();
    for (let at = 0; at < texts.length; at += 4) {
      log.print(...texts.slice(at, at + 4));
      changed();
      await vi.waitFor(() => expect(quick.seen()).toHaveLength(at + 4), WITHIN);
    }
    log.state = 'succeeded';
    changed();
    await quick.done;
    expect(slow.client.stream.full).toBe(true);
    slow.client.read();
    await slow.done;
    expect(slow.seen()).toEqual([...texts, 'end: succeeded']);
  });

  it('is told when the stored lines cannot be read', async () => {
    const { log, follow } = setUp();
    log.failure = new Error('away');
    await expect(follow().done).rejects.toThrow('away');
  });

  it('is told when what comes cannot be read either; one who comes again goes on there', async () => {
    const { log, follow, changed } = setUp();
    log.print('a', 'b');
    const first = follow();
    await vi.waitFor(() => expect(first.seen()).toEqual(['a', 'b']), WITHIN);
    log.failure = new Error('away');
    changed();
    await expect(first.done).rejects.toThrow('away');
    log.failure = undefined;
    log.print('c');
    log.state = 'succeeded';
    const second = follow({ attempt: 1, after: 2 });
    await second.done;
    expect(second.seen()).toEqual(['c', 'end: succeeded']);
  });

  it('loses nothing when one read of what comes failed', async () => {
    const { log, follow, changed } = setUp();
    const { seen } = follow();
    log.print('a');
    changed();
    await vi.waitFor(() => expect(seen()).toEqual(['a']), WITHIN);
    log.failNext(new Error('away'));
    log.print('b');
    changed();
    await vi.waitFor(() => expect(seen()).toEqual(['a', 'b']), WITHIN);
    log.print('c');
    changed();
    await vi.waitFor(() => expect(seen()).toEqual(['a', 'b', 'c']), WITHIN);
  });

  it('is let go without an end when the job is gone, and when it leaves', async () => {
    const { log, follow, changed } = setUp();
    const [gone, left] = [follow(), follow()];
    log.print('a');
    changed();
    await vi.waitFor(() => expect(left.seen()).toEqual(['a']), WITHIN);
    left.client.leave();
    await left.done;
    log.isGone = true;
    changed();
    await gone.done;
    expect([gone.seen(), left.seen()]).toEqual([['a'], ['a']]);
  });
});
