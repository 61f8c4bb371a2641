// Removes what ended jobs left, a little later and many at once: nothing of it runs any more, and
// the next job should not have to wait for it.
import { describeThrown, type Logger, sleep, Wakeup } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';

/** After so long without anything new, what waits is removed; in milliseconds. */
const QUIET_MS = 400;
/** What waits is removed after so long even on a runner that is never quiet, in milliseconds. */
const WAIT_MS_MAX = 3_000;
/** With so many containers waiting they are removed at once: their files take space. */
const WAITING_MAX = 20;

export interface DisposalOptions {
  readonly driver: Pick<ContainerDriver, 'removeNamed' | 'removeTree'>;
  readonly logger: Logger;
}

/**
 * Whatever is not removed when the process dies is found by the next start: containers by their
 * owner, directories where they lie.
 */
export class Disposal {
  readonly #options: DisposalOptions;
  #containers = new Set<string>();
  #directories = new Set<string>();
  #round: Promise<void> | undefined;
  #addedAt = 0;
  #hurried = false;
  readonly #wakeup = new Wakeup();

  constructor(options: DisposalOptions) {
    this.#options = options;
  }

  /** Containers that were killed, by name. */
  addContainers(names: readonly string[]): void {
    for (const name of names) this.#containers.add(name);
    this.#added();
  }

  /** A directory that nobody uses any more; it goes after the containers that mount it. */
  addDirectory(path: string): void {
    this.#directories.add(path);
    this.#added();
  }

  /** Removes what waits now; resolves when it is gone, or when it is known that it stays. */
  async settle(): Promise<void> {
    this.#hurried = true;
    this.#wakeup.notify();
    await this.#round;
  }

  #added(): void {
    this.#addedAt = performance.now();
    this.#round ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#containers.size > 0 || this.#directories.size > 0) {
      await this.#waitUntilQuiet();
      const containers = [...this.#containers];
      const directories = [...this.#directories];
      this.#containers = new Set();
      this.#directories = new Set();
      if (containers.length > 0) {
        await this.#remove(`the containers ${containers.join(', ')}`, () =>
          this.#options.driver.removeNamed(containers),
        );
      }
      for (const path of directories) {
        await this.#remove(`the directory ${path}`, () => this.#options.driver.removeTree(path));
      }
    }
    // In the same turn in which nothing was left: what comes now begins the next round.
    this.#round = undefined;
    this.#hurried = false;
  }

  async #waitUntilQuiet(): Promise<void> {
    const latest = performance.now() + WAIT_MS_MAX;
    while (!this.#hurried && this.#containers.size < WAITING_MAX) {
      const now = performance.now();
      const waitMs = Math.min(this.#addedAt + QUIET_MS, latest) - now;
      if (waitMs <= 0) return;
      await this.#wakeup.wait(waitMs);
    }
    // Whoever just told of the last thing may have more to tell.
    await sleep(0);
  }

  async #remove(what: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const stays = `${what} could not be removed; the next start of the runner tries again`;
      this.#options.logger.error({ err: error }, `${stays}: ${describeThrown(error)}`);
    }
  }
}
