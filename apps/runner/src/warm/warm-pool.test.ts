// How many containers stand ready: no more than there is memory for, and none that is of no use.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import { afterEach, expect, it } from 'vitest';
import { Disposal } from '../disposal.ts';
import { IMAGE_ID, memoryDriver, until } from '../fake-host.ts';
import { openStateDirectory } from '../state-directory.ts';
import { WarmPool } from './warm-pool.ts';

const GB = 1024 ** 3;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A pool on a machine whose memory and jobs the test sets. */
async function makePool(size: number) {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-warm-test-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  const state = await openStateDirectory(directory);
  cleanups.push(() => state.release());
  const driver = memoryDriver();
  driver.imageId = IMAGE_ID;
  const disposal = new Disposal({ driver, logger: silentLogger });
  const machine = { freeBytes: 8 * GB, running: 0 };
  const pool = new WarmPool({
    driver,
    state,
    disposal,
    logger: silentLogger,
    size,
    first: { image: 'localhost/a:1', network: 'default', user: undefined, readonly: false },
    running: () => machine.running,
    freeBytes: () => machine.freeBytes,
    clock: () => performance.now(),
  });
  pool.start();
  const stop = async (): Promise<void> => {
    await pool.stop();
    await disposal.settle();
  };
  cleanups.push(stop);
  return { pool, driver, machine, stop, slots: () => readdir(join(directory, 'warm')) };
}
const job = { pipeline: 'p', definition: { stages: [] } as unknown as PipelineDefinition };

it('keeps as many as it may', async () => {
  const { pool, driver } = await makePool(3);
  await until(() => pool.size === 3);
  expect(new Set(driver.started.map(({ name }) => name)).size).toBe(3);
});

it('starts none where memory is short, and ends those that stand ready when it gets short', async () => {
  const { pool, driver, machine, slots } = await makePool(2);
  await until(() => pool.size === 2);
  machine.freeBytes = GB / 8;
  pool.touch();
  await until(() => pool.size === 0);
  const names = driver.started.map(({ name }) => name);
  expect(driver.killed.toSorted()).toEqual(names.toSorted());
  await until(() => driver.removedNames.length === 2);
  await expect.poll(slots).toEqual([]);
  machine.freeBytes = 8 * GB;
  pool.touch();
  await until(() => pool.size === 2);
});

it('gives each of them away once, and none that has died', async () => {
  const { pool, driver } = await makePool(2);
  await until(() => pool.size === 2);
  const [dead] = driver.started;
  driver.killed.push(dead!.name);
  const slot = await pool.take(job);
  expect(slot?.containerName).toBe(driver.started[1]!.name);
  expect(await pool.take(job)).toBeUndefined();
  await Promise.all(slot!.takeRest().map((container) => container.kill()));
});

it('ends those of an image whose name stands for another by now', async () => {
  const { pool, driver } = await makePool(1);
  await until(() => pool.size === 1);
  driver.imageId = 'b'.repeat(64);
  pool.touch();
  await until(() => driver.started.length === 2);
  expect(driver.killed).toEqual([driver.started[0]!.name]);
  expect(driver.started[1]!.imageId).toBe('b'.repeat(64));
});

it('starts nothing for an image that is not there: nothing is pulled for a job to come', async () => {
  const { pool, driver, slots } = await makePool(1);
  await until(() => pool.size === 1);
  driver.imageId = undefined;
  pool.touch();
  await until(() => pool.size === 0);
  await expect.poll(slots).toEqual([]);
  expect(driver.started).toHaveLength(1);
});

it('is filled also on a runner to which jobs come without a pause', async () => {
  const { pool, machine } = await makePool(1);
  machine.running = 1;
  const jobs = setInterval(() => pool.touch(), 20);
  try {
    await until(() => pool.size === 1);
  } finally {
    clearInterval(jobs);
  }
});

it('ends what a start brings that was under way when it stopped', async () => {
  const { driver, stop, pool, slots } = await makePool(1);
  await until(() => pool.size === 1);
  const { start } = driver;
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  driver.start = async (spec) => {
    begun.resolve();
    await go.promise;
    return await start(spec);
  };
  const slot = await pool.take(job);
  await Promise.all(slot!.takeRest().map((container) => container.kill()));
  await begun.promise;
  const stopped = stop();
  go.resolve();
  await stopped;
  expect(driver.started).toHaveLength(2);
  expect(driver.killed).toEqual(driver.started.map(({ name }) => name));
  expect(await slots()).toHaveLength(1);
  expect(pool.size).toBe(0);
});
