// What a job has built goes, also when Podman brings a name back.
import { expect, test } from 'vitest';
import { removeBuilt } from './build-leftovers.ts';
import { BUILD_REPOSITORY, buildKey } from './build-names.ts';
import type { PodmanCli } from './cli.ts';

const LABELS = { 'dev.rivet.job': 'a' };
const NAME = `${BUILD_REPOSITORY}/${buildKey(LABELS)}:1`;

const VANISHED = 'determining buildah container for container 19aa: container not known';

/**
 * @param looks how many times the image is listed
 * @param failures what the first lists of working containers say in place of them
 */
function podmanThatLists(looks: number, failures: readonly string[] = []) {
  const removed: string[] = [];
  let left = looks;
  const complaints = [...failures];
  const podman = {
    expect: async ({ action }: { action: string }) => {
      if (action !== 'list built images') return '';
      left -= 1;
      return left >= 0 ? `${NAME}\n${BUILD_REPOSITORY}/of-another:1\n` : '';
    },
    failure: (action: string, reason: string) => new Error(`${action}: ${reason}`),
    run: async ({ action, args }: { action: string; args: string[] }) => {
      if (action === 'list working containers') {
        const stderr = complaints.shift() ?? '';
        return { exitCode: stderr === '' ? 0 : 125, stdout: '', stderr };
      }
      removed.push(args.slice(args.indexOf('--') + 1).join(' '));
      return { exitCode: 0, stdout: '', stderr: '' };
    },
  };
  return { podman: podman as unknown as PodmanCli, removed };
}

test.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [1000, 3],
])(
  'an image that is listed %i times is removed %i times, and counts once',
  async (looks, times) => {
    const { podman, removed } = podmanThatLists(looks);
    expect(await removeBuilt(podman, [], LABELS)).toBe(Math.min(looks, 1));
    expect(removed).toEqual(Array.from({ length: times }, () => NAME));
  },
);

test('working containers are listed again when one of somebody else vanished meanwhile', async () => {
  const { podman, removed } = podmanThatLists(1, [VANISHED, VANISHED]);
  expect(await removeBuilt(podman, [], LABELS)).toBe(1);
  expect(removed).toEqual([NAME]);
});

test.each([[[VANISHED, 'the storage is broken']], [Array.from({ length: 10 }, () => VANISHED)]])(
  'a list of working containers that fails otherwise, or ten times, is an error',
  async (failures) => {
    const { podman, removed } = podmanThatLists(1, failures);
    await expect(removeBuilt(podman, [], LABELS)).rejects.toThrow('list working containers');
    expect(removed).toEqual([]);
  },
);
