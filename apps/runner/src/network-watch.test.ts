// Which of the networks that look left a runner removes, and when.
import { silentLogger } from '@rivet/base';
import { expect, it } from 'vitest';
import { watchNetworks } from './network-watch.ts';

function watchOf(looks: readonly (readonly string[])[]) {
  const left = looks[Symbol.iterator]();
  const removed: (readonly string[])[] = [];
  const driver = {
    listLeftNetworks: async () => left.next().value ?? [],
    async removeLeftNetworks(networks: readonly string[]) {
      removed.push(networks);
      return networks.length;
    },
  };
  return { watch: watchNetworks({ driver, logger: silentLogger }), driver, removed };
}

it('removes a network that is left at one look and the next, and none that was being made', async () => {
  const { watch, removed } = watchOf([['left', 'begun'], ['left', 'new'], ['new']]);
  await watch.look();
  expect(removed).toEqual([]);
  await watch.look();
  expect(removed).toEqual([['left']]);
  await watch.look();
  expect(removed).toEqual([['left'], ['new']]);
});

it('tries again at the next look what it could not remove', async () => {
  const { watch, driver, removed } = watchOf([['left'], ['left'], ['left']]);
  const remove = driver.removeLeftNetworks;
  driver.removeLeftNetworks = () => Promise.reject(new Error('Podman is ill'));
  await watch.look();
  await watch.look();
  expect(removed).toEqual([]);
  driver.removeLeftNetworks = remove;
  await watch.look();
  expect(removed).toEqual([['left']]);
});

it('looks when it starts', async () => {
  const { watch, driver } = watchOf([]);
  const looked = Promise.withResolvers<void>();
  driver.listLeftNetworks = async () => {
    looked.resolve();
    return [];
  };
  watch.start();
  await looked.promise;
  await watch.stop();
});
