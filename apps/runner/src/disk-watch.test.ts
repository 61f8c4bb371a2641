// What a runner makes of a disk that gets full: a disk and a driver that the test plays.
import { silentLogger } from '@rivet/base';
import type { PruneOptions } from '@rivet/containers';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { DiskWatch } from './disk-watch.ts';
import { until } from './fake-host.ts';

const GIB = 1024 ** 3;
const watches: DiskWatch[] = [];

afterEach(async () => {
  for (const watch of watches.splice(0)) await watch.stop();
});

function setUp(
  prune: (options: PruneOptions, free: { state: number; images: number }) => Promise<number>,
  settings: { bytesMin?: number; imageMsMax?: number } = {},
  storageDirectory: () => Promise<string | undefined> = async () => '/images',
) {
  const free = { state: 50 * GIB, images: 50 * GIB, isReadOnly: false };
  const seen: (string | undefined)[] = [];
  const pruned: PruneOptions[] = [];
  const time = { now: 0 };
  const watch: DiskWatch = new DiskWatch({
    driver: {
      storageDirectory,
      pruneImages: async (options) => {
        pruned.push(options);
        return await prune(options, free);
      },
    },
    stateDirectory: '/state',
    readDisk: async (path) => ({
      bytesFree: path === '/images' ? free.images : free.state,
      bytesTotal: 100 * GIB,
      filesFree: 0,
      filesTotal: 0,
      isReadOnly: free.isReadOnly,
    }),
    bytesMin: undefined,
    imageMsMax: 3_600_000,
    ...settings,
    clock: () => time.now,
    logger: silentLogger,
    onChange: () => seen.push(watch.problem),
  });
  watches.push(watch);
  return { watch, free, seen, pruned, time };
}

it('a full disk is told once, and room only when there is some to spare', async () => {
  const { watch, free, seen } = setUp(async () => 0);
  await watch.start();
  expect(watch.problem).toBeUndefined();
  free.state = GIB;
  await watch.look();
  free.state = 1.5 * GIB;
  await watch.look();
  free.state = 2.2 * GIB;
  await watch.look();
  expect(seen).toEqual(['its disk /state has 1GB left, and takes jobs from 2.5GB on']);
  free.state = 3 * GIB;
  await watch.look();
  expect(seen).toHaveLength(2);
  expect(watch.problem).toBeUndefined();
});

it('a disk that can only be read takes no jobs, and does again when it can be written to', async () => {
  const nowhere = async () => undefined;
  const { watch, free, seen } = setUp(async () => 0, {}, nowhere);
  await watch.start();
  free.isReadOnly = true;
  await watch.look();
  free.isReadOnly = false;
  await watch.look();
  const why = 'can only be read: look at the log of the kernel, and mount it anew';
  expect(seen).toEqual([`its disk /state ${why}`, undefined]);
});

it('what is left is told anew after a minute', async () => {
  const { watch, free, seen, time } = setUp(async () => 0);
  free.state = GIB;
  await watch.start();
  free.state = 1.5 * GIB;
  time.now = 60_000;
  await watch.look();
  expect(seen.at(-1)).toBe('its disk /state has 1.5GB left, and takes jobs from 2.5GB on');
});

it('images go until there is room where they lie', async () => {
  const { watch, free, seen, pruned } = setUp(async ({ isEnough }, disk) => {
    let images = 0;
    while (!(await isEnough())) {
      disk.images += GIB;
      images += 1;
    }
    return images;
  });
  free.images = GIB;
  await watch.start();
  await until(() => seen.length === 2);
  expect(seen[0]).toContain('/images has 1GB left');
  expect(seen[1]).toBeUndefined();
  expect(free.images).toBe(3 * GIB);
  expect(pruned.map(({ unusedMs }) => unusedMs)).toEqual([3_600_000]);
});

it('it is asked again where images lie when Podman could not say so', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  let asked = 0;
  const { watch, free } = setUp(
    async () => 0,
    {},
    async () => {
      asked += 1;
      if (asked === 1) throw new Error('busy');
      return '/images';
    },
  );
  free.images = GIB;
  await watch.start();
  await vi.advanceTimersByTimeAsync(59_000);
  expect([asked, watch.problem]).toEqual([1, undefined]);
  await vi.advanceTimersByTimeAsync(1_000);
  await watch.look();
  expect(watch.problem).toContain('/images has 1GB left');
});

it('images are looked for once a minute while nothing helps', async () => {
  const { watch, free, pruned, time } = setUp(() => Promise.reject(new Error('busy')));
  free.state = GIB;
  await watch.start();
  await until(() => pruned.length === 1);
  for (let n = 0; n < 5; n += 1) await watch.look();
  expect(pruned).toHaveLength(1);
  time.now = 60_000;
  await watch.look();
  await until(() => pruned.length === 2);
});

it('no image goes where the settings say so', async () => {
  const { watch, free, pruned } = setUp(async () => 0, { imageMsMax: 0 });
  free.state = GIB;
  await watch.start();
  await watch.look();
  await watch.stop();
  expect(watch.problem).toBeDefined();
  expect(pruned).toEqual([]);
});

it('it is not looked where the settings say so', async () => {
  const { watch, free, seen } = setUp(async () => 0, { bytesMin: 0 });
  free.state = 0;
  await watch.start();
  expect(seen).toEqual([]);
});
