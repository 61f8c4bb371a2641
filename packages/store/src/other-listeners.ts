// Whether any other orchestrator listens: one that is alone tells nobody, which would cost each
// write something.
import { performance } from 'node:perf_hooks';

/** How often each orchestrator says that it listens, in milliseconds. */
export const HELLO_MS = 10_000;
/** So long after it was last heard of, nobody else listens. */
const ALONE_MS = 3 * HELLO_MS;

export class OtherListeners {
  readonly #now: () => number;
  /** When somebody was heard, or could have begun to be; undefined: nobody can be heard. */
  #heardAtMs: number | undefined;

  /** @param now the time in milliseconds, of a clock that is never set back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Our own connection for listening was made, or is gone. */
  connected(is: boolean): void {
    this.#heardAtMs = is ? this.#now() : undefined;
  }

  /** A notification of another came. */
  heard(): void {
    if (this.#heardAtMs !== undefined) this.#heardAtMs = this.#now();
  }

  /** False only when others would have been heard: told in vain is better than not told. */
  get any(): boolean {
    return this.#heardAtMs === undefined || this.#now() - this.#heardAtMs < ALONE_MS;
  }
}
