// The turns in which outputs are read where this process follows many: what is read together is
// reported together.

/**
 * Between two turns, for each output that is followed, and at most, in milliseconds. Where many
 * commands print, a read for every line takes more of the processor than all that is done with the
 * line; what waits meanwhile is read at once.
 */
const GAP_MS_EACH = 0.125;
const GAP_MS_MAX = 25;
/** Timers are no finer. */
const GAP_MS_MIN = 1;

export class ReadTurns {
  #followed = 0;
  #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  /** Between two turns, in milliseconds; 0 where each write is worth a read of its own. */
  get gapMs(): number {
    const gapMs = Math.min(GAP_MS_MAX, this.#followed * GAP_MS_EACH);
    return gapMs < GAP_MS_MIN ? 0 : gapMs;
  }

  /** How long an output that was read then is to wait for a turn, in milliseconds. */
  restMs(readAt: number): number {
    const { gapMs } = this;
    const restMs = gapMs === 0 ? 0 : readAt + gapMs - performance.now();
    return restMs < GAP_MS_MIN ? 0 : restMs;
  }

  /** One output more is followed. */
  join(): void {
    this.#followed += 1;
  }

  /** One less. */
  leave(): void {
    this.#followed -= 1;
  }

  /**
   * Calls back in the next turn.
   * @param ms until that turn, where nobody waits for one yet
   */
  wait(go: () => void, ms: number): void {
    this.#waiting.add(go);
    this.#timer ??= setTimeout(() => this.#turn(), ms);
  }

  /** Does not call back any more. */
  giveUp(go: () => void): void {
    if (!this.#waiting.delete(go) || this.#waiting.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #turn(): void {
    const waiting = this.#waiting;
    // Whoever goes on may wait for the turn after this one before all have gone on.
    this.#waiting = new Set();
    this.#timer = undefined;
    for (const go of waiting) go();
  }
}
