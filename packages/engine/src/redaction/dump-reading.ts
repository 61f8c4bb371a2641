// One way to read the numbers of a dump as bytes: hexadecimal, words with the last byte first,
// decimal, octal.
import type { Automaton } from './automaton.ts';
import {
  decimal,
  hexadecimal,
  lastByteFirst,
  numberBytes,
  octal,
  type ReadNumber,
} from './dump-number.ts';
import type { Span } from './scanner.ts';
import { FORM_BYTES_MIN } from './secret-forms.ts';

/** Decimal and octal numbers are common in logs: fewer of them in a row would be found by chance. */
export const NUMBERS_MIN = 8;
/** Beginnings of bytes that are kept although they can be no part of a match any more. */
const STARTS_SPARE = 4096;
const NOTHING: readonly Span[] = [];

export interface DumpReading {
  /** How many bytes of a secret were read last. */
  readonly depth: number;
  /** Takes the digits from `start` to `end`; gives where secrets end in them. */
  take(buffer: Uint8Array, start: number, end: number): readonly Span[];
  /** Where a secret may begin that is not complete; `end` when there is none. */
  openFrom(end: number): number;
  drop(count: number): void;
  forget(): void;
}

export function dumpReadings(automaton: Automaton): readonly DumpReading[] {
  return [
    new Reading(automaton, hexadecimal, FORM_BYTES_MIN),
    new Reading(automaton, lastByteFirst, FORM_BYTES_MIN),
    new Reading(automaton, decimal, NUMBERS_MIN),
    new Reading(automaton, octal, NUMBERS_MIN),
  ];
}

class Reading implements DumpReading {
  readonly #automaton: Automaton;
  readonly #read: ReadNumber;
  readonly #bytesMin: number;
  #state = 0;
  /** Where the bytes that were read last begin. */
  #starts: number[] = [];

  constructor(automaton: Automaton, read: ReadNumber, bytesMin: number) {
    this.#automaton = automaton;
    this.#read = read;
    this.#bytesMin = bytesMin;
  }

  get depth(): number {
    return this.#automaton.depth[this.#state] ?? 0;
  }

  take(buffer: Uint8Array, start: number, end: number): readonly Span[] {
    const count = this.#read(buffer, start, end);
    if (count === 0) {
      if (this.#state !== 0) this.forget();
      return NOTHING;
    }
    let spans: Span[] | undefined;
    for (let index = 0; index < count; index += 1) {
      this.#state = this.#automaton.step(this.#state, numberBytes[index] ?? 0);
      if (this.#state === 0) {
        if (this.#starts.length > 0) this.#starts = [];
        continue;
      }
      this.#starts.push(this.#read === hexadecimal ? start + 2 * index : start);
      if (this.#starts.length > 2 * STARTS_SPARE + this.depth) {
        this.#starts = this.#starts.slice(-STARTS_SPARE - this.depth);
      }
      const length = this.#automaton.matched[this.#state] ?? 0;
      if (length < this.#bytesMin) continue;
      spans ??= [];
      spans.push(this.#spanOf(length, { start, end }, index, count));
    }
    return spans ?? NOTHING;
  }

  /** Where the last `length` bytes stand, of which the last is that of `index` in a number. */
  #spanOf(length: number, number: Span, index: number, count: number): Span {
    const { start, end } = number;
    const from = this.#starts[this.#starts.length - length] ?? start;
    // A byte of a hexadecimal number has its own two letters; of other numbers all is hidden.
    if (this.#read === hexadecimal) return { start: from, end: start + 2 * index + 2 };
    if (this.#read !== lastByteFirst || length > index + 1) return { start: from, end };
    const last = start + 2 * (count - 1 - index);
    return { start: last, end: last + 2 * length };
  }

  openFrom(end: number): number {
    return this.depth === 0 ? end : (this.#starts[this.#starts.length - this.depth] ?? end);
  }

  drop(count: number): void {
    if (this.#starts.length > 0) this.#starts = this.#starts.map((start) => start - count);
  }

  forget(): void {
    this.#state = 0;
    this.#starts = [];
  }
}
