// What waits in memory, in order, and what all of it weighs, also while some of it is being packed.
import type { LogBlock } from '@rivet/protocol';
import { type SpoolEntry, weightOf } from './spool.ts';

/** An entry, or a block of lines that is packed just now. */
export class WaitingEntry {
  /** Resolves when there is an entry. */
  readonly ready: Promise<void> | undefined;
  #entry: SpoolEntry | undefined;
  #weight: number;
  #list: WaitingEntries | undefined;

  private constructor(weight: number, entry?: SpoolEntry, packing?: Promise<LogBlock>) {
    this.#weight = weight;
    this.#entry = entry;
    this.ready = packing?.then((block) => this.#packed({ kind: 'block', block }));
  }

  static of(entry: SpoolEntry): WaitingEntry {
    return new WaitingEntry(weightOf(entry), entry);
  }

  /** @param bytes of its text: what it weighs until it is packed */
  static packing(block: Promise<LogBlock>, bytes: number): WaitingEntry {
    return new WaitingEntry(bytes, undefined, block);
  }

  /** Undefined while it is being packed. */
  get entry(): SpoolEntry | undefined {
    return this.#entry;
  }

  get weight(): number {
    return this.#weight;
  }

  /** The list that it is in; its weight counts there. */
  moveTo(list: WaitingEntries | undefined): void {
    this.#list?.weigh(-this.#weight);
    this.#list = list;
    list?.weigh(this.#weight);
  }

  #packed(entry: SpoolEntry): void {
    const before = this.#weight;
    this.#entry = entry;
    this.#weight = weightOf(entry);
    this.#list?.weigh(this.#weight - before);
  }
}

/** Entries in the order in which they came. */
export class WaitingEntries {
  #entries: WaitingEntry[] = [];
  #weight = 0;

  get length(): number {
    return this.#entries.length;
  }

  /** Of all that was put in and was not moved elsewhere, also when it was taken out of the order. */
  get weight(): number {
    return this.#weight;
  }

  get first(): WaitingEntry | undefined {
    return this.#entries[0];
  }

  push(...entries: readonly WaitingEntry[]): void {
    for (const entry of entries) {
      entry.moveTo(this);
      this.#entries.push(entry);
    }
  }

  /** What could be sent from the front on: at least one entry, unless the first is being packed. */
  front(weightMax: number, entriesMax: number): SpoolEntry[] {
    const entries: SpoolEntry[] = [];
    let weight = 0;
    for (const waiting of this.#entries) {
      const { entry } = waiting;
      weight += waiting.weight;
      const isTooMuch = weight > weightMax || entries.length >= entriesMax;
      if (entry === undefined || (entries.length > 0 && isTooMuch)) break;
      entries.push(entry);
    }
    return entries;
  }

  /** Takes the first ones out of the order and of the weight. */
  drop(count: number): void {
    for (const entry of this.#entries.splice(0, count)) entry.moveTo(undefined);
  }

  /** Takes out of the order what comes after the first ones; it weighs here until it is moved. */
  takeAfter(count: number): WaitingEntry[] {
    return this.#entries.splice(count);
  }

  /** Called by entries only. */
  weigh(change: number): void {
    this.#weight += change;
  }
}
