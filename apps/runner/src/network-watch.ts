// Removes networks of containers that a killed Podman has left: those that are left at one look and
// still at the next.
import type { Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';

/** Far longer than a network is made before anybody is in it, in milliseconds. */
const LOOK_EVERY_MS = 10 * 60_000;

export interface NetworkWatchOptions {
  readonly driver: Pick<ContainerDriver, 'listLeftNetworks' | 'removeLeftNetworks'>;
  readonly logger: Logger;
}

export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  /** Left when it was looked last. */
  #left: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
  }

  /** Looks once, and every ten minutes from then on; nothing waits for it. */
  start(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Looks now, unless a look is under way. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'networks that a killed Podman left stay');
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { driver, logger } = this.#options;
    const before = new Set(this.#left);
    this.#left = await driver.listLeftNetworks();
    const still = this.#left.filter((network) => before.has(network));
    if (still.length === 0) return;
    const networks = await driver.removeLeftNetworks(still);
    if (networks > 0) logger.info({ networks }, 'removed networks that a killed Podman had left');
  }
}
