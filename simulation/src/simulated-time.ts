// Virtual time: what is to happen, in its order. Nothing happens unless the history asks for the
// next thing, so the same choices give the same order on any machine.

/** Something that happens at its time, unless it is canceled before. */
export interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
  canceled: boolean;
}

export class SimulatedTime {
  #nowMs: number;
  #count = 0;
  /** A binary heap: the next one is the first. */
  readonly #events: Event[] = [];

  /** @param startMs where the clock begins, in milliseconds since 1970 */
  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events of the same time happen in the order in which they were asked for. */
  after(ms: number, happen: () => void): Event {
    // A timer of Node waits at least one.
    const atMs = this.#nowMs + Math.max(1, Math.ceil(Number.isFinite(ms) ? ms : 1));
    const event = { atMs, order: this.#count, happen, canceled: false };
    this.#count += 1;
    this.#events.push(event);
    this.#rise(this.#events.length - 1);
    return event;
  }

  /** Goes to the next event and lets it happen; false when there is none before `untilMs`. */
  next(untilMs: number): boolean {
    for (;;) {
      const first = this.#events[0];
      if (first === undefined || first.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#takeFirst();
      if (first.canceled) continue;
      this.#nowMs = first.atMs;
      first.happen();
      return true;
    }
  }

  #takeFirst(): void {
    const last = this.#events.pop();
    if (last === undefined || this.#events.length === 0) return;
    this.#events[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!this.#swapWhenBefore(index, above)) return;
      index = above;
    }
  }

  #sink(from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const least = this.#isBefore(right, left) ? right : left;
      if (!this.#swapWhenBefore(least, index)) return;
      index = least;
    }
  }

  #swapWhenBefore(index: number, other: number): boolean {
    if (!this.#isBefore(index, other)) return false;
    const [one, two] = [this.#events[index], this.#events[other]];
    if (one === undefined || two === undefined) return false;
    this.#events[index] = two;
    this.#events[other] = one;
    return true;
  }

  #isBefore(index: number, other: number): boolean {
    const one = this.#events[index];
    const two = this.#events[other];
    if (one === undefined) return false;
    if (two === undefined) return true;
    return one.atMs < two.atMs || (one.atMs === two.atMs && one.order < two.order);
  }
}
