// Removes containers of this runner that no attempt and no slot of it knows: an earlier process was
// killed while it started them, and they came after its successor had looked, or could not be
// removed then.
import { describeThrown, type Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import { ownerLabels } from './labels.ts';
import { containersOf } from './left-attempts.ts';
import type { StateDirectory } from './state-directory.ts';

/** What a start left is gone within a minute; in milliseconds. */
const LOOK_AGAIN_MS = 30_000;
const LOOK_EVERY_MS = 10 * 60_000;

export interface ContainerWatchOptions {
  readonly driver: Pick<ContainerDriver, 'list' | 'removeNamed' | 'removeLabelled'>;
  readonly state: Pick<StateDirectory, 'owner' | 'listAttempts'>;
  readonly logger: Logger;
}

export class ContainerWatch {
  readonly #options: ContainerWatchOptions;
  /** Unknown when it was looked last. */
  #unknown: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: ContainerWatchOptions) {
    this.#options = options;
  }

  /** Looks twice within a minute, and every ten minutes from then on; nothing waits for it. */
  start(): void {
    this.#lookIn(LOOK_AGAIN_MS, LOOK_AGAIN_MS);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Removes what was unknown at the last look, and still is. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        const what = `containers that no job has may be left: ${describeThrown(error)}`;
        this.#options.logger.warn({ err: error }, what);
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** At the end of the runner none of them is anybody's. Never rejects. */
  async removeAll(): Promise<void> {
    const { driver, state, logger } = this.#options;
    try {
      const containers = await driver.removeLabelled(ownerLabels(state.owner));
      if (containers > 0) logger.warn({ containers }, 'removed containers that no job had');
    } catch (error) {
      logger.error({ err: error }, `containers may be left: ${describeThrown(error)}`);
    }
  }

  #lookIn(ms: number, nextMs: number): void {
    const timer = setTimeout(() => {
      void this.look().then(() => {
        if (this.#timer === timer) this.#lookIn(nextMs, LOOK_EVERY_MS);
      });
    }, ms).unref();
    this.#timer = timer;
  }

  async #look(): Promise<void> {
    const { driver, state, logger } = this.#options;
    const before = this.#unknown;
    const listed = await driver.list(ownerLabels(state.owner));
    // Read after the list: the directory of a container is there before it.
    const attempts = await state.listAttempts();
    const known = new Set((await Promise.all(attempts.map(containersOf))).flat());
    const unknown = listed.map(({ name }) => name).filter((name) => !known.has(name));
    this.#unknown = new Set(unknown);
    // A container with which the runner tries Podman is in no attempt, and soon gone.
    const left = unknown.filter((name) => before.has(name));
    if (left.length === 0) return;
    await driver.removeNamed(left);
    logger.warn({ containers: left }, 'removed containers that no job has');
  }
}
