// How far notifications are apart: each costs as much as a claim, here and where it is heard.

/** After a pause the first goes at once, and another one so much later at the earliest. */
const GAP_MS = 5;
/** Where one follows the other the gap grows, up to this. */
const GAP_MS_MAX = 40;
/** Who comes in bunches has not paused between two of them. */
const PAUSE_MS = 2 * GAP_MS_MAX;
/** After a failure: the database has other worries. */
const FAILED_GAP_MS = 500;

/** All times in milliseconds of one clock. */
export class NotifyPace {
  #gapMs = GAP_MS;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #nextAtMs = Number.NEGATIVE_INFINITY;

  /** How long what there is to tell has to wait. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#nextAtMs - nowMs);
  }

  /** @param followed whether it came while the one before was under way, or its gap lasted */
  sent(nowMs: number, followed: boolean): void {
    if (followed) this.#gapMs = Math.min(GAP_MS_MAX, 2 * this.#gapMs);
    else if (nowMs - this.#sentAtMs > PAUSE_MS) this.#gapMs = GAP_MS;
    this.#sentAtMs = nowMs;
    this.#nextAtMs = nowMs + this.#gapMs;
  }

  /** It was not sent after all. */
  failed(nowMs: number): void {
    this.#nextAtMs = nowMs + FAILED_GAP_MS;
  }
}
