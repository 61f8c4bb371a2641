// A time at which all who wait go on together: what they do then meets what the others do.
import type { Wakeup } from '@rivet/base';

/** Longer than any turn is away, in milliseconds. */
const WAIT_MS_MAX = 1000;

export class SharedTurn {
  #sleepers = new Set<Wakeup>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * Resolves with the next turn, or when somebody else wakes the sleeper.
   * @param ms until that turn where nobody waits for one yet
   */
  async wait(sleeper: Wakeup, ms: number): Promise<void> {
    this.#sleepers.add(sleeper);
    this.#timer ??= setTimeout(() => this.#wakeAll(), ms);
    await sleeper.wait(WAIT_MS_MAX);
    if (!this.#sleepers.delete(sleeper) || this.#sleepers.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wakeAll(): void {
    const woken = this.#sleepers;
    // Whoever goes on may wait for the turn after this one before all have gone on.
    this.#sleepers = new Set();
    this.#timer = undefined;
    for (const sleeper of woken) sleeper.notify();
  }
}
