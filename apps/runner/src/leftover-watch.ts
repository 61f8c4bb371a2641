// Removes what nobody has at two looks one after the other: at one alone it may be in the making.
import { describeThrown, type Logger } from '@rivet/base';

export interface LeftoverWatchOptions {
  /** What it looks for, as the beginning of "… may be left". */
  readonly what: string;
  /** Names of what nobody seems to have now. */
  readonly find: () => Promise<readonly string[]>;
  /** Removes those that nobody had at the last look either, and tells of it. */
  readonly remove: (names: readonly string[]) => Promise<void>;
  /** How long it waits before each look, in milliseconds; as before the last one from then on. */
  readonly waitsMs: readonly [number, ...number[]];
  readonly logger: Logger;
}

export class LeftoverWatch {
  readonly #options: LeftoverWatchOptions;
  /** Found when it was looked last. */
  #found: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: LeftoverWatchOptions) {
    this.#options = options;
  }

  /** Looks from time to time; nothing waits for it. */
  start(): void {
    this.#lookAfter(...this.#options.waitsMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Looks now, unless a look is under way. Never rejects. */
  look(): Promise<void> {
    const { what, logger } = this.#options;
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        logger.warn({ err: error }, `${what} may be left: ${describeThrown(error)}`);
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  #lookAfter(ms: number, ...further: readonly number[]): void {
    const [next = ms, ...rest] = further;
    const timer = setTimeout(() => {
      void this.look().then(() => {
        if (this.#timer === timer) this.#lookAfter(next, ...rest);
      });
    }, ms).unref();
    this.#timer = timer;
  }

  async #look(): Promise<void> {
    const before = this.#found;
    const found = await this.#options.find();
    this.#found = new Set(found);
    const still = found.filter((name) => before.has(name));
    if (still.length > 0) await this.#options.remove(still);
  }
}
