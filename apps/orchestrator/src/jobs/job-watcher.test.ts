// A watch that a stream waits on again and again.
import { getEventListeners } from 'node:events';
import { silentLogger } from '@rivet/base';
import type { Database } from '@rivet/store';
import { expect, test } from 'vitest';
import { createJobWatcher } from './job-watcher.ts';

test('waiting a thousand times leaves nothing on the signal, and misses no change', async () => {
  // Not started: nothing is asked of the database.
  const watcher = createJobWatcher({} as Database, silentLogger);
  const watch = watcher.watch('a');
  const { signal } = new AbortController();
  for (let count = 0; count < 1000; count += 1) {
    const changed = watch.changed(signal);
    watcher.notified('b a');
    await changed;
  }
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  watcher.notified('*');
  await watch.changed(signal);
  watch.close();
});

test('a wait ends with its signal', async () => {
  const watcher = createJobWatcher({} as Database, silentLogger);
  const watch = watcher.watch('a');
  const leaving = new AbortController();
  const changed = watch.changed(leaving.signal);
  leaving.abort();
  await changed;
  await watch.changed(leaving.signal);
  watch.close();
});
