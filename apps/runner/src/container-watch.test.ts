// Which containers a runner removes because none of its attempts and slots knows them.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import type { ContainerSummary } from '@rivet/containers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeAllContainers } from './cleanup.ts';
import { watchContainers } from './container-watch.ts';
import { openStateDirectory, type StateDirectory } from './state-directory.ts';

let directory: string;
let state: StateDirectory;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-watch-'));
  state = await openStateDirectory(directory);
});

afterEach(async () => {
  await state.release();
  await rm(directory, { recursive: true, force: true });
});

/** @param there the containers of this runner that Podman has, look by look */
function watchOf(...there: (readonly string[])[]) {
  const removed: string[] = [];
  const asked: unknown[] = [];
  const driver = {
    async removeLabelled(labels: Readonly<Record<string, string>>) {
      removed.push(...Object.values(labels));
      return 1;
    },
    async list(labels: unknown) {
      asked.push(labels);
      return (there.shift() ?? []).map((name) => ({ name }) as ContainerSummary);
    },
    async removeNamed(names: readonly string[]) {
      removed.push(...names);
    },
  };
  return {
    watch: watchContainers({ driver, state, logger: silentLogger }),
    driver,
    removed,
    asked,
  };
}

async function make(place: { readonly state: string }, name: string): Promise<void> {
  await mkdir(join(place.state, 'containers', name), { recursive: true });
}

it('removes one that no job has at two looks, and none of a job, of a slot or of a moment', async () => {
  await make(await state.makeAttempt('job', 1), 'of-job');
  await make(await state.makeSlot(), 'warm');
  const { watch, removed, asked } = watchOf(
    ['of-job', 'warm', 'left', 'check'],
    ['of-job', 'warm', 'left', 'late'],
    ['of-job', 'warm', 'late'],
  );
  await watch.look();
  expect(removed).toEqual([]);
  await watch.look();
  expect(removed).toEqual(['left']);
  await watch.look();
  expect(removed).toEqual(['left', 'late']);
  expect(asked).toHaveLength(3);
  expect(asked[0]).toMatchObject({ 'dev.rivet.owner': state.owner });
});

it('looks again after a look that failed', async () => {
  const { watch, driver, removed } = watchOf(['left'], ['left'], ['left']);
  const remove = driver.removeNamed;
  driver.removeNamed = () => Promise.reject(new Error('Podman is ill'));
  await watch.look();
  await watch.look();
  expect(removed).toEqual([]);
  driver.removeNamed = remove;
  await watch.look();
  expect(removed).toEqual(['left']);
});

it('removes all at the end, and bears that it cannot', async () => {
  const { driver, removed } = watchOf();
  await removeAllContainers(state, driver, silentLogger);
  expect(removed).toContain(state.owner);
  driver.removeLabelled = () => Promise.reject(new Error('Podman is ill'));
  await removeAllContainers(state, driver, silentLogger);
});
