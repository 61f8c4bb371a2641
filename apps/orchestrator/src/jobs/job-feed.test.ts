// The states of a job to everybody who follows it: read once, the newest to who reads slowly.
import { silentLogger } from '@rivet/base';
import type { Job, JobState } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { describe, expect, it, vi } from 'vitest';
import { FakeClient } from '../http/fake-client.ts';
import { createJobFollowers } from './job-feed.ts';
import { createJobWatcher } from './job-watcher.ts';
import type { VersionCache } from './version-cache.ts';

/** More than a busy machine needs. */
const WITHIN = { timeout: 60_000 };

const LONG = 'x'.repeat(300_000);

function setUp() {
  const job = { state: 'queued' as JobState, message: null as string | null, isGone: false };
  const asked = { failure: undefined as Error | undefined, reads: 0 };
  const query = async ({ name }: { name: string }): Promise<object[]> => {
    if (asked.failure !== undefined) throw asked.failure;
    if (name === 'read_attempt_detail') return [];
    asked.reads += 1;
    const times = { created_at: new Date(0), started_at: null, finished_at: null };
    return job.isGone ? [] : [{ id: 'a', ...times, state: job.state, message: job.message }];
  };
  const database = { query } as unknown as Database;
  const versions = {
    of: async () => ({ definition: { stages: [], inputs: [] } }),
  } as unknown as VersionCache;
  // Not started: it does not look by itself.
  const watcher = createJobWatcher(database, silentLogger);
  const followers = createJobFollowers({ database, versions }, watcher);
  const follow = (client = new FakeClient()) => {
    const seen = (): string[] =>
      client.events.map(({ event, data }) => `${event} ${(data as Job).state}`);
    return { client, seen, done: followers.follow(client.stream, 'a') };
  };
  const become = (state: JobState, message: string | null = null): void => {
    Object.assign(job, { state, message });
    watcher.notified('a');
  };
  return { job, asked, follow, become, changed: () => watcher.notified('a') };
}

describe('who follows a job', () => {
  it('is sent each state, and the end behind the last one', async () => {
    const { asked, follow, become } = setUp();
    const [one, two] = [follow(), follow()];
    await vi.waitFor(() => expect(one.seen()).toEqual(['job queued']), WITHIN);
    become('running');
    await vi.waitFor(() => expect(one.seen()).toHaveLength(2), WITHIN);
    become('succeeded');
    await Promise.all([one.done, two.done]);
    const all = ['job queued', 'job running', 'job succeeded', 'end succeeded'];
    expect([one.seen(), two.seen()]).toEqual([all, all]);
    // Once for both.
    expect(asked.reads).toBe(3);
  });

  it('is not sent again what it has been shown', async () => {
    const { asked, follow, become, changed } = setUp();
    const { seen, done } = follow();
    await vi.waitFor(() => expect(seen()).toEqual(['job queued']), WITHIN);
    changed();
    await vi.waitFor(() => expect(asked.reads).toBe(2), WITHIN);
    become('failed');
    await done;
    expect(seen()).toEqual(['job queued', 'job failed', 'end failed']);
  });

  it('is shown how it is at once, although others follow already', async () => {
    const { follow, become } = setUp();
    const early = follow();
    become('running');
    await vi.waitFor(() => expect(early.seen()).toContain('job running'), WITHIN);
    const late = follow();
    expect(late.seen()).toEqual(['job running']);
  });

  it('and does not read is sent only the newest state when it does, and holds up nobody', async () => {
    const { follow, become } = setUp();
    const [slow, quick] = [follow(), follow()];
    await vi.waitFor(() => expect(slow.seen()).toEqual(['job queued']), WITHIN);
    slow.client.hold();
    become('running', LONG);
    await vi.waitFor(() => expect(quick.seen()).toHaveLength(2), WITHIN);
    become('running', 'another');
    await vi.waitFor(() => expect(quick.seen()).toHaveLength(3), WITHIN);
    become('succeeded');
    await quick.done;
    slow.client.read();
    await slow.done;
    // What was written before it stood still, and the newest.
    expect(slow.seen()).toEqual(['job queued', 'job running', 'job succeeded', 'end succeeded']);
  });

  it('is let go when the job is gone, and when it leaves itself', async () => {
    const { job, asked, follow, changed } = setUp();
    const [stays, leaves] = [follow(), follow()];
    await vi.waitFor(() => expect(stays.seen()).toHaveLength(1), WITHIN);
    leaves.client.leave();
    await leaves.done;
    job.isGone = true;
    changed();
    await stays.done;
    expect(stays.seen()).toEqual(['job queued']);
    const { reads } = asked;
    changed();
    await new Promise(setImmediate);
    expect(asked.reads).toBe(reads);
  });

  it('is told when the database cannot be read; who comes again is answered', async () => {
    const { asked, follow, become } = setUp();
    const { seen, done } = follow();
    await vi.waitFor(() => expect(seen()).toHaveLength(1), WITHIN);
    asked.failure = new Error('away');
    become('running');
    await expect(done).rejects.toThrow('away');
    asked.failure = undefined;
    const again = follow();
    await vi.waitFor(() => expect(again.seen()).toEqual(['job running']), WITHIN);
  });
});
