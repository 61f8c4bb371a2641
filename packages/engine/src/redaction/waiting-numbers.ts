// Numbers of a dump that were not read as bytes yet: most of a log's are passed over and never are.
import type { Automaton } from './automaton.ts';
import { DumpFilter, hasPair, NO_BYTE } from './dump-filter.ts';
import { byteAt, isDigitAt } from './dump-number.ts';
import { NUMBERS_MIN } from './dump-reading.ts';

/** `xxd -g 16`; longer ones are found by the automaton of texts. */
export const NUMBER_DIGITS_MAX = 32;
/** The longest number, what stands behind it, and the first digit of the next. */
const NUMBER_BYTES_KNOWN = NUMBER_DIGITS_MAX + 2;
/** A number of so many digits may be a byte in decimal or octal, or two bytes in octal. */
const BYTE_DIGITS_MAX = 3;
const OCTAL_WORD_DIGITS = 6;
const PLACES_MIN = 64;
/** What may stand between two numbers of a run. */
const JOINS = new Uint8Array(256);
for (const byte of Buffer.from(' \t,:;-%\\[](){}"\'')) JOINS[byte] = 1;

export class WaitingNumbers {
  /** Beginnings and ends by turns. */
  places: Int32Array = new Int32Array(PLACES_MIN);
  /** Places of them. */
  count = 0;
  readonly #filter: DumpFilter;
  readonly #near: Uint8Array;
  /** Not 0 when one of them may be in a dump of a secret of which the beginning is among them. */
  #isNear = 0;
  /** The first and the last byte of the number that came last, read in hexadecimal. */
  #first = NO_BYTE;
  #last = NO_BYTE;
  /** How many bytes the numbers that came last are in decimal or octal, and where they begin. */
  #shortBytes = 0;
  #shortFrom = 0;

  constructor(automaton: Automaton) {
    this.#filter = new DumpFilter(automaton);
    this.#near = this.#filter.near;
  }

  /** Whether passing over them without a closer look could miss a secret that ends among them. */
  get mustBeRead(): boolean {
    return this.#isNear !== 0;
  }

  add(buffer: Uint8Array, start: number, end: number): void {
    this.#add(buffer, start, end, false);
  }

  /**
   * Adds numbers that have one byte between them, the first of them at `start`, as long as there is
   * another one behind; gives where that begins.
   * @param to how far the bytes are known
   */
  addRun(buffer: Uint8Array, start: number, to: number): number {
    return this.#add(buffer, start, to, true);
  }

  /** The first of them from `from` on that must be read; the number of places when none must. */
  find(buffer: Uint8Array, from: number): number {
    // One that begins with the last of them shows itself only with the next.
    let begin = from;
    if (this.#isNear === 0) {
      const last = this.count - 2;
      if (this.#shortBytes === 0 && !this.#mayBegin()) return this.count;
      begin = Math.max(from, this.#shortBytes > 0 ? Math.min(this.#shortFrom, last) : last);
    }
    return this.#filter.find(buffer, this.places, begin, this.count);
  }

  clear(): void {
    this.count = 0;
    this.#isNear = 0;
    this.#first = NO_BYTE;
    this.#last = NO_BYTE;
    this.#shortBytes = 0;
  }

  #mayBegin(): boolean {
    return this.#filter.isFirst(this.#first) || this.#filter.isFirst(this.#last);
  }

  /** In one piece, with its own copy of what changes: most of a large log may be numbers. */
  #add(buffer: Uint8Array, start: number, to: number, isRun: boolean): number {
    const near = this.#near;
    let isNear = this.#isNear;
    let firstBefore = this.#first;
    let lastBefore = this.#last;
    let next = start;
    while (!isRun || next + NUMBER_BYTES_KNOWN <= to) {
      const limit = isRun ? next + NUMBER_DIGITS_MAX : to;
      let at = next;
      let last = NO_BYTE;
      let isNumberNear = 0;
      for (; at + 1 < limit; at += 2) {
        const byte = byteAt(buffer, at);
        if (byte >= NO_BYTE) break;
        isNumberNear |= hasPair(near, last, byte);
        last = byte;
      }
      let first = NO_BYTE;
      if (at < limit && isDigitAt(buffer, at)) {
        at += 1;
        last = NO_BYTE;
      } else {
        first = byteAt(buffer, next);
      }
      if (isRun && (JOINS[buffer[at] ?? 0] === 0 || !isDigitAt(buffer, at + 1))) break;
      this.#note(next, at);
      if (first !== NO_BYTE) {
        isNear |= isNumberNear;
        if (at - next === 2) {
          // As they stand, and with the last byte first.
          isNear |= hasPair(near, lastBefore, first) | hasPair(near, firstBefore, first);
        }
      }
      firstBefore = first;
      lastBefore = last;
      next = at + 1;
      if (!isRun) break;
    }
    this.#isNear |= isNear;
    this.#first = firstBefore;
    this.#last = lastBefore;
    return next;
  }

  #note(start: number, end: number): void {
    const { count } = this;
    if (count === this.places.length) this.#grow();
    this.places[count] = start;
    this.places[count + 1] = end;
    this.count = count + 2;
    const digits = end - start;
    if (digits > BYTE_DIGITS_MAX && digits !== OCTAL_WORD_DIGITS) {
      this.#shortBytes = 0;
      return;
    }
    if (this.#shortBytes === 0) this.#shortFrom = count;
    this.#shortBytes += digits === OCTAL_WORD_DIGITS ? 2 : 1;
    if (this.#shortBytes >= NUMBERS_MIN) this.#isNear = 1;
  }

  #grow(): void {
    const larger = new Int32Array(2 * this.places.length);
    larger.set(this.places);
    this.places = larger;
  }
}
