// Lets a loop sleep until there may be something to do.

/** One sleeper, any number of wakers. A wake-up while nobody sleeps is kept for the next sleep. */
export class Wakeup {
  #pending = false;
  #wake: (() => void) | undefined;

  notify(): void {
    this.#pending = true;
    this.#wake?.();
  }

  /** Resolves at the next `notify`, or after `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#pending && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#pending = false;
  }
}
