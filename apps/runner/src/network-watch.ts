// Removes networks of containers that a killed Podman has left.
import type { Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import { LeftoverWatch } from './leftover-watch.ts';

/** Far longer than a network is made before anybody is in it, in milliseconds. */
const LOOK_EVERY_MS = 10 * 60_000;

export interface NetworkWatchOptions {
  readonly driver: Pick<ContainerDriver, 'listLeftNetworks' | 'removeLeftNetworks'>;
  readonly logger: Logger;
}

/** Looks when it starts, and every ten minutes from then on. */
export function watchNetworks({ driver, logger }: NetworkWatchOptions): LeftoverWatch {
  return new LeftoverWatch({
    what: 'networks of a killed Podman',
    waitsMs: [0, LOOK_EVERY_MS],
    logger,
    find: () => driver.listLeftNetworks(),
    async remove(left) {
      const networks = await driver.removeLeftNetworks(left);
      if (networks > 0) logger.info({ networks }, 'removed networks that a killed Podman had left');
    },
  });
}
