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
   * Resolves with the number of free slots when there are some, or when `early` says so after a
   * `nudge`; with 0 when `signal` aborts first.
   */
  async waitForFree(signal: AbortSignal, early: () => boolean = () => false): Promise<number> {
    await this.#waitUntil(() => this.free > 0 || early(), signal);
    return signal.aborted ? 0 : this.free;
  }

  /** Whoever waits looks again. */
  nudge(): void {
    this.#events.emit('given');
  }

  /** Resolves when no slot is taken, or when `signal` aborts. */
  async waitForIdle(signal: AbortSignal): Promise<void> {
    await this.#waitUntil(() => this.#taken === 0, signal);
  }

  async #waitUntil(reached: () => boolean, signal: AbortSignal): Promise<void> {
    while (!reached() && !signal.aborted) {
      // Rejects when the signal aborts; the caller looks at the signal.
      await once(this.#events, 'given', { signal }).catch(() => undefined);
    }
  }
}
