// How many jobs may run at once, and how many do.
import { EventEmitter, once } from 'node:events';

export class Slots {
  readonly capacity: number;
  readonly #events = new EventEmitter();
  #taken = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get free(): number {
    return Math.max(0, this.capacity - this.#taken);
  }

  get taken(): number {
    return this.#taken;
  }

  take(): void {
    this.#taken += 1;
  }

  give(): void {
    this.#taken -= 1;
    this.#events.emit('given');
  }

  /**
   * Resolves when `reached` says so, which is asked when a slot is given back and after a `nudge`;
   * or when `signal` aborts.
   */
  async waitUntil(reached: () => boolean, signal: AbortSignal): Promise<void> {
    while (!reached() && !signal.aborted) {
      // Rejects when the signal aborts; the caller looks at the signal.
      await once(this.#events, 'given', { signal }).catch(() => undefined);
    }
  }

  /** Whoever waits looks again. */
  nudge(): void {
    this.#events.emit('given');
  }

  /** Resolves when no slot is taken, or when `signal` aborts. */
  async waitForIdle(signal: AbortSignal): Promise<void> {
    await this.waitUntil(() => this.#taken === 0, signal);
  }
}
