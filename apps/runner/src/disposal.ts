// Removes what ended jobs left, a little later and many at once: nothing of it runs any more, and
// the next job should not have to wait for it.
import { describeThrown, type Logger, sleep, Wakeup } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';

/** After so long without anything new, what waits is removed; in milliseconds. */
const QUIET_MS = 400;
/** What waits is removed after so long even on a runner that is never quiet, in milliseconds. */
const WAIT_MS_MAX = 3_000;
/** What could not be removed is tried again after so long, in milliseconds, and so often. */
const AGAIN_MS = 30_000;
const AGAIN_MAX = 20;
/** With so many containers waiting they are removed at once: their files take space. */
const WAITING_MAX = 20;

export interface DisposalOptions {
  readonly driver: Pick<ContainerDriver, 'removeNamed' | 'removeTree'>;
  readonly logger: Logger;
  /** Calls `again` after `ms`; by a timer that keeps no program alive when absent. */
  readonly later?: (again: () => void, ms: number) => void;
}

/**
 * What cannot be removed, as while Podman is broken, is tried again for a while. Whatever is not
 * removed when the process dies is found by the next start: containers by their owner, directories
 * where they lie.
 */
export class Disposal {
  readonly #options: DisposalOptions;
  #containers = new Set<string>();
  #directories = new Set<string>();
  /** What could not be removed, and waits for the next try. */
  readonly #left = { containers: new Set<string>(), directories: new Set<string>() };
  /** How often that was tried, and what is tried again now. */
  readonly #tries = new Map<string, number>();
  #isPlanned = false;
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
    this.#takeLeft();
    this.#hurried = true;
    this.#wakeup.notify();
    await this.#round;
  }

  #added(): void {
    this.#addedAt = performance.now();
    this.#round ??= this.#run();
  }

  async #run(): Promise<void> {
    const { driver } = this.#options;
    while (this.#containers.size > 0 || this.#directories.size > 0) {
      await this.#waitUntilQuiet();
      const containers = [...this.#containers];
      const directories = [...this.#directories];
      this.#containers = new Set();
      this.#directories = new Set();
      if (containers.length > 0) {
        const what = `the containers ${containers.join(', ')}`;
        const isGone = await this.#remove(what, () => driver.removeNamed(containers));
        for (const name of containers) this.#noteTry(name, isGone, this.#left.containers);
      }
      for (const path of directories) {
        const isGone = await this.#remove(`the directory ${path}`, () => driver.removeTree(path));
        this.#noteTry(path, isGone, this.#left.directories);
      }
    }
    this.#planAgain();
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

  /** Returns whether it is gone. */
  async #remove(what: string, action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      const stays = `${what} could not be removed; it is tried again, also by the next start`;
      this.#options.logger.error({ err: error }, `${stays}: ${describeThrown(error)}`);
      return false;
    }
  }

  /** What was tried for long is left to the next start: it must not keep the rest from a try. */
  #noteTry(thing: string, isGone: boolean, left: Set<string>): void {
    const tries = this.#tries.get(thing) ?? 0;
    if (isGone || tries >= AGAIN_MAX) {
      this.#tries.delete(thing);
      return;
    }
    this.#tries.set(thing, tries + 1);
    left.add(thing);
  }

  #planAgain(): void {
    const { containers, directories } = this.#left;
    if (this.#isPlanned || containers.size + directories.size === 0) return;
    this.#isPlanned = true;
    const { later = unrefTimer } = this.#options;
    later(() => {
      this.#isPlanned = false;
      this.#takeLeft();
    }, AGAIN_MS);
  }

  /** Containers first, as ever: what they mount cannot go before them. */
  #takeLeft(): void {
    const { containers, directories } = this.#left;
    if (containers.size + directories.size === 0) return;
    for (const name of containers) this.#containers.add(name);
    for (const path of directories) this.#directories.add(path);
    containers.clear();
    directories.clear();
    this.#added();
  }
}

function unrefTimer(again: () => void, ms: number): void {
  setTimeout(again, ms).unref();
}
