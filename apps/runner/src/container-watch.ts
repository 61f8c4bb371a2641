// Removes containers of this runner that no attempt and no slot of it knows: an earlier process was
// killed while it started them, and they came after its successor had looked, or could not be
// removed then.
import type { Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import { ownerLabels } from './labels.ts';
import { containersOf } from './left-attempts.ts';
import { LeftoverWatch } from './leftover-watch.ts';
import type { StateDirectory } from './state-directory.ts';

/** What a start left is gone within a minute; in milliseconds. */
const LOOK_AGAIN_MS = 30_000;
const LOOK_EVERY_MS = 10 * 60_000;

export interface ContainerWatchOptions {
  readonly driver: Pick<ContainerDriver, 'list' | 'removeNamed'>;
  readonly state: Pick<StateDirectory, 'owner' | 'listAttempts'>;
  readonly logger: Logger;
}

/** Looks twice within a minute, and every ten minutes from then on. */
export function watchContainers({ driver, state, logger }: ContainerWatchOptions): LeftoverWatch {
  return new LeftoverWatch({
    what: 'containers that no job has',
    waitsMs: [LOOK_AGAIN_MS, LOOK_AGAIN_MS, LOOK_EVERY_MS],
    logger,
    // A container with which the runner tries Podman is in no attempt, and soon gone.
    async find() {
      const listed = await driver.list(ownerLabels(state.owner));
      // Read after the list: the directory of a container is there before it.
      const attempts = await state.listAttempts();
      const known = new Set((await Promise.all(attempts.map(containersOf))).flat());
      return listed.map(({ name }) => name).filter((name) => !known.has(name));
    },
    async remove(left) {
      await driver.removeNamed(left);
      logger.warn({ containers: left }, 'removed containers that no job has');
    },
  });
}
