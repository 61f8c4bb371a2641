// Whose turn it is: pipelines by their weights, as start-time fair queueing gives turns.

/** A pipeline that waits for turns. */
export interface Contender {
  readonly name: string;
  /** How many turns it gets where one of weight 1 gets one. */
  readonly weight: number;
  /** Its oldest job: whoever has waited longest goes first among equals. */
  readonly first: string;
}

/** Turns that a pipeline is owed. */
export interface Turns {
  readonly name: string;
  /** None of its jobs that have smaller ids. */
  readonly first: string;
  readonly count: number;
}

/**
 * The virtual time counts turns of weight 1. The next turn of a pipeline begins when its last one
 * was over, or now for one that begins to wait: it has saved nothing up, and is not made to pay for
 * what it ran alone.
 */
export class FairShare {
  /** When the last turn that was taken began. */
  #time = 0;
  /** When the next turn of each pipeline begins. */
  readonly #begins = new Map<string, number>();
  #contenders = new Map<string, Contender>();

  /** Whether it matters whose turn it is. */
  get isContended(): boolean {
    return this.#contenders.size > 1;
  }

  /** These wait now, and nobody else. */
  setContenders(contenders: readonly Contender[]): void {
    const before = this.#contenders;
    this.#contenders = new Map(contenders.map((contender) => [contender.name, contender]));
    for (const [name, begins] of this.#begins) {
      if (begins <= this.#time && !this.#contenders.has(name)) this.#begins.delete(name);
    }
    for (const { name } of contenders) {
      if (!before.has(name)) this.#begins.set(name, Math.max(this.#time, this.#beginOf(name)));
    }
  }

  /** Whose the next turns are, if each has enough jobs. */
  next(count: number): Turns[] {
    const waiting = [...this.#contenders.values()].map((contender) => ({
      ...contender,
      begins: this.#beginOf(contender.name),
      count: 0,
    }));
    for (let turn = 0; turn < count && waiting.length > 0; turn += 1) {
      const chosen = waiting.reduce((a, b) => (isBefore(b, a) ? b : a));
      chosen.begins += 1 / chosen.weight;
      chosen.count += 1;
    }
    return waiting
      .filter((one) => one.count > 0)
      .map(({ name, first, count: owed }) => ({ name, first, count: owed }));
  }

  /** Those that wait have taken so many turns; by name. */
  take(taken: ReadonlyMap<string, number>): void {
    let time = this.#time;
    for (const [name, count] of taken) {
      const weight = this.#contenders.get(name)?.weight ?? 1;
      const end = this.#beginOf(name) + count / weight;
      this.#begins.set(name, end);
      time = Math.max(time, end - 1 / weight);
    }
    // Who was not given what it is owed has not lost it.
    const owed = [...this.#contenders.keys()].map((name) => this.#beginOf(name));
    this.#time = Math.max(this.#time, Math.min(time, ...owed));
  }

  /** Its jobs before this one are gone. */
  advance(name: string, first: string): void {
    const contender = this.#contenders.get(name);
    if (contender === undefined || contender.first >= first) return;
    this.#contenders.set(name, { ...contender, first });
  }

  /** It has no jobs any more. */
  drop(name: string): void {
    this.#contenders.delete(name);
  }

  #beginOf(name: string): number {
    return this.#begins.get(name) ?? this.#time;
  }
}

function isBefore(
  a: { readonly begins: number; readonly first: string },
  b: { readonly begins: number; readonly first: string },
): boolean {
  return a.begins === b.begins ? a.first < b.first : a.begins < b.begins;
}
