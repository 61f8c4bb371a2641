// Commands where no file can be watched: the machine has no more inotify instances, or loses them.
import { EventEmitter } from 'node:events';
import { expect, it, vi } from 'vitest';
import { usePodman } from '../testing/use-podman.ts';

const watched = vi.hoisted(() => ({ watch: (): unknown => undefined }));
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  watch: () => watched.watch(),
}));

const podman = usePodman('unwatched');

it.each([
  [
    'are refused',
    () => {
      throw Object.assign(new Error('no space left on device, watch'), { code: 'ENOSPC' });
    },
  ],
  [
    'end at once',
    () => {
      const watcher = Object.assign(new EventEmitter(), { close: () => undefined });
      setImmediate(() => watcher.emit('error', new Error('the watch ended')));
      return watcher;
    },
  ],
])('runs commands, if slower, when watches %s', async (_, watch) => {
  watched.watch = vi.fn(watch);
  const container = await podman.start();
  for (const code of [0, 3]) {
    const { stdout, stderr, exit } = await podman.sh(
      container,
      `echo out; echo err >&2; exit ${code}`,
    );
    expect({ stdout, stderr, code: exit.exitCode }).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      code,
    });
  }
  expect(watched.watch).toHaveBeenCalled();
  await container.remove();
});
