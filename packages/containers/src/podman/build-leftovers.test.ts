// What a job has built goes, also when Podman brings a name back.
import { expect, test } from 'vitest';
import { removeBuilt } from './build-leftovers.ts';
import { BUILD_REPOSITORY, buildKey } from './build-names.ts';
import type { PodmanCli } from './cli.ts';

const LABELS = { 'dev.rivet.job': 'a' };
const NAME = `${BUILD_REPOSITORY}/${buildKey(LABELS)}:1`;

/** @param looks how many times the image is listed */
function podmanThatLists(looks: number) {
  const removed: string[] = [];
  let left = looks;
  const podman = {
    expect: async ({ action }: { action: string }) => {
      if (action !== 'list built images') return '';
      left -= 1;
      return left >= 0 ? `${NAME}\n${BUILD_REPOSITORY}/of-another:1\n` : '';
    },
    run: async ({ args }: { args: string[] }) => {
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
