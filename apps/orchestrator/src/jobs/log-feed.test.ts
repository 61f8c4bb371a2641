// The live end of a log: every line to everybody who has those before it, once and in order.
import { silentLogger } from '@rivet/base';
import type { LogLine } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { describe, expect, it, vi } from 'vitest';
import { FakeClient } from '../http/fake-client.ts';
import { FakeLog } from './fake-log.ts';
import { createJobWatcher } from './job-watcher.ts';
import { LogFeed } from './log-feed.ts';

/** More than a busy machine needs. */
const WITHIN = { timeout: 60_000 };

const LONG = 'x'.repeat(100_000);

function setUp({ attempt = 1, after = 0 } = {}) {
  const log = new FakeLog();
  // Not started: nothing is asked of the database.
  const watcher = createJobWatcher({} as Database, silentLogger);
  const onIdle = vi.fn();
  const feed = new LogFeed({
    from: { attempt, after },
    watch: watcher.watch('a'),
    read: (place) => log.tail(place),
    onIdle,
  });
  const changed = (): void => watcher.notified('a');
  const join = (position = { attempt, after }) => {
    const client = new FakeClient();
    const texts = (): string[] => client.events.map(({ data }) => (data as LogLine).text);
    return { client, texts, parted: feed.join(client.stream, position) };
  };
  return { log, feed, onIdle, changed, join };
}

describe('the live end of a log', () => {
  it('is read once for all who follow it, and each gets every line once', async () => {
    const { log, changed, join } = setUp();
    const [one, two] = [join(), join()];
    const printed: string[] = [];
    for (const count of [1, 7, 2]) {
      const texts = Array.from({ length: count }, (_, at) => `${printed.length + at}`);
      printed.push(...texts);
      log.print(...texts);
      changed();
      await vi.waitFor(() => expect(one.texts()).toEqual(printed), WITHIN);
    }
    expect(two.texts()).toEqual(printed);
    const places = log.reads.flat().map(({ after }) => after);
    // Each read goes on where the one before it ended, whoever follows.
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it('gives one who has some of the next lines already only the others', async () => {
    const { log, changed, join } = setUp();
    const all = join();
    const ahead = join({ attempt: 1, after: 2 });
    log.print('a', 'b', 'c', 'd');
    changed();
    await vi.waitFor(() => expect(all.texts()).toEqual(['a', 'b', 'c', 'd']), WITHIN);
    expect(ahead.texts()).toEqual(['c', 'd']);
  });

  it('does not take in one who lacks lines that it has passed', async () => {
    const { log, changed, join } = setUp();
    const all = join();
    log.print('a', 'b');
    changed();
    await vi.waitFor(() => expect(all.texts()).toEqual(['a', 'b']), WITHIN);
    const late = join({ attempt: 1, after: 1 });
    expect(await late.parted).toEqual({ why: 'behind', position: { attempt: 1, after: 1 } });
    expect(late.texts()).toEqual([]);
  });

  it('lets one go who does not read, with its place; the others get all lines', async () => {
    const { log, changed, join } = setUp();
    const [slow, quick] = [join(), join()];
    slow.client.hold();
    const texts = Array.from({ length: 8 }, (_, at) => `${at} ${LONG}`);
    log.print(...texts);
    changed();
    const { why, position } = await slow.parted;
    expect(why).toBe('behind');
    await vi.waitFor(() => expect(quick.texts()).toEqual(texts), WITHIN);
    slow.client.read();
    // What it has been sent ends where it is told that it is.
    expect(slow.texts()).toEqual(texts.slice(0, position.after));
    expect(position.after).toBeLessThan(8);
  });

  it('keeps nothing of ten thousand who come and go while one stays', async () => {
    const { log, onIdle, changed, join } = setUp();
    const stays = join();
    const partings: string[] = [];
    for (let n = 1; n <= 10_000; n += 1) {
      const { client, parted } = join({ attempt: 1, after: log.lineCount });
      if (n % 1000 === 0) {
        log.print(`${n}`);
        changed();
        await vi.waitFor(() => expect(stays.texts().at(-1)).toBe(`${n}`), WITHIN);
      }
      client.leave();
      partings.push((await parted).why);
    }
    expect(new Set(partings)).toEqual(new Set(['gone']));
    // Each line was read once, and not for each of them.
    expect(log.reads.length).toBeLessThan(100);
    expect(stays.texts()).toHaveLength(10);
    // Nobody else is left: it is over with the one who stayed.
    expect(onIdle).not.toHaveBeenCalled();
    stays.client.leave();
    await stays.parted;
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('goes on with the next attempt from its first line', async () => {
    const { log, changed, join } = setUp();
    const { texts } = join();
    log.print('first');
    log.attempt = 2;
    log.print('second');
    changed();
    await vi.waitFor(() => expect(texts()).toEqual(['first', 'second']), WITHIN);
    expect(log.reads.flat().map(({ attempt }) => attempt)).toContain(2);
  });

  it('ends with the job, behind its last line', async () => {
    const { log, onIdle, changed, join } = setUp();
    const { texts, parted } = join();
    log.print('last');
    log.state = 'succeeded';
    changed();
    expect((await parted).why).toBe('ended');
    expect(texts()).toEqual(['last']);
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('ends when the job is gone', async () => {
    const { log, changed, join } = setUp();
    const { parted } = join();
    log.isGone = true;
    changed();
    expect((await parted).why).toBe('gone');
  });

  it('leaves all to themselves when it cannot be read, and reads no more', async () => {
    const { log, onIdle, changed, join } = setUp();
    const [one, two] = [join(), join()];
    log.print('a');
    changed();
    await vi.waitFor(() => expect(two.texts()).toEqual(['a']), WITHIN);
    log.failure = new Error('away');
    changed();
    const position = { attempt: 1, after: 1 };
    expect(await one.parted).toEqual({ why: 'behind', position });
    expect(await two.parted).toEqual({ why: 'behind', position });
    expect(onIdle).toHaveBeenCalledTimes(1);
  });

  it('reads for as long as somebody follows', async () => {
    const { log, onIdle, changed, join } = setUp();
    const [one, two] = [join(), join()];
    one.client.leave();
    expect((await one.parted).why).toBe('gone');
    expect(onIdle).not.toHaveBeenCalled();
    log.print('a');
    changed();
    await vi.waitFor(() => expect(two.texts()).toEqual(['a']), WITHIN);
    two.client.leave();
    await two.parted;
    expect(onIdle).toHaveBeenCalledTimes(1);
    const reads = log.reads.length;
    changed();
    await new Promise(setImmediate);
    expect(log.reads).toHaveLength(reads);
  });
});
