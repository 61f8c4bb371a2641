// One file of a container that somebody follows, and when it is told of: of outputs in turns, where
// many are followed.
import { Wakeup } from '@rivet/base';
import type { OutputFile } from './command-files.ts';
import type { ReadTurns } from './read-turns.ts';

/** What is to be known of a file. */
export type Followed = Pick<OutputFile, 'size'>;

export class WatchedFile {
  readonly wakeup = new Wakeup();
  readonly #file: Followed;
  /** Undefined where each write is told of at once. */
  #turns: ReadTurns | undefined;
  readonly #tellInTurn = (): void => this.#tell();
  /** The next turn will tell of it. */
  #isWaiting = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** At the last look. */
  #size = -1;

  constructor(file: Followed, turns: ReadTurns | undefined) {
    this.#file = file;
    this.#turns = turns;
    turns?.join();
  }

  /** Tells of a write; false when it will be told of anyway. */
  written(): boolean {
    if (this.#isWaiting) return false;
    const restMs = this.#turns?.restMs(this.#toldAt) ?? 0;
    if (restMs > 0) {
      this.#isWaiting = true;
      this.#turns?.wait(this.#tellInTurn, restMs);
    } else {
      this.#tell();
    }
    return true;
  }

  /** Tells of what was written since the last look; false when nothing was. */
  look(): boolean {
    const { size } = this.#file;
    if (size === this.#size) return false;
    this.#size = size;
    this.#tell();
    return true;
  }

  /** From now on each write is told of at once, and what was not told of yet now. */
  hurry(): void {
    const wasWaiting = this.#isWaiting;
    this.close();
    if (wasWaiting) this.#tell();
  }

  close(): void {
    this.#turns?.giveUp(this.#tellInTurn);
    this.#turns?.leave();
    this.#turns = undefined;
    this.#isWaiting = false;
  }

  #tell(): void {
    this.#isWaiting = false;
    this.#toldAt = performance.now();
    this.wakeup.notify();
  }
}
