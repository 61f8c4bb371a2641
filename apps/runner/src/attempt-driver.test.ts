// What becomes of the containers of an attempt when one cannot be ended.
import type { Container } from '@rivet/containers';
import type { JobHost } from '@rivet/engine';
import { expect, it } from 'vitest';
import { attemptDriver } from './attempt-driver.ts';
import { memoryDriver, plainSpec } from './fake-host.ts';
import { attemptDirectory } from './state-directory.ts';
import { WarmSlot } from './warm/warm-slot.ts';

it('leaves a container that stood ready and could not be killed to whoever removes the rest', async () => {
  const driver = memoryDriver();
  const path = '/jobs/1';
  const directory = attemptDirectory(path);
  const host: Partial<JobHost> = {
    defaultImage: 'base',
    labels: {},
    workspace: directory.workspace,
    stateDirectory: directory.state,
  };
  const spec = plainSpec(host as JobHost, 'c1');
  const ready = await driver.start({ ...spec, name: 'warm-1' });
  let fails = 1;
  const stubborn: Container = {
    ...ready,
    async kill() {
      fails -= 1;
      if (fails >= 0) throw new Error('the storage is locked');
    },
  };
  const key = { image: spec.image, imageId: spec.imageId ?? '', network: spec.network };
  const slot = new WarmSlot({ ...key, user: undefined, readonly: false }, stubborn, directory);
  const removed: string[] = [];
  const attempt = attemptDriver(
    {
      driver,
      slot,
      disposal: {
        addContainers: (names) => removed.push(...names),
        settle: async () => undefined,
      },
      onStart: () => undefined,
    },
    { attempt: 'x' },
  );
  await attempt.start(spec);
  await expect(attempt.endAll()).rejects.toThrow('the storage is locked');
  expect(removed).toEqual(['warm-1']);
  await attempt.endAll();
  expect(removed).toEqual(['warm-1', 'warm-1']);
});
