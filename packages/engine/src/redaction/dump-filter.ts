// Passes over numbers that are no dump of a secret, however they are read. It looks twice: roughly
// at each number as it comes, and closely at what is left.
import type { Automaton } from './automaton.ts';
import { byteAt, decimal, numberBytes, octal, type ReadNumber } from './dump-number.ts';

/** What stands before the first number, and for one that cannot be read. Its pairs are in no form. */
export const NO_BYTE = 256;
/** Longer numbers are read in hexadecimal only. */
const OTHER_DIGITS_MAX = 6;

export class DumpFilter {
  /**
   * Which two bytes stand at the beginning of a form or one place behind it, in this or the other
   * order, a bit for each pair. Whatever numbers the bytes of a form are in: the first two stand in
   * one number, or the next two do, or the second is a number by itself.
   */
  readonly near: Uint8Array = new Uint8Array((NO_BYTE + 1) << 5);
  readonly #firstBytes: Uint8Array;
  readonly #firstPairs: Uint8Array;
  readonly #others: readonly OtherReading[];

  constructor({ forms, firstBytes, firstPairs }: Automaton) {
    this.#firstBytes = firstBytes;
    this.#firstPairs = firstPairs;
    this.#others = [decimal, octal].map((read) => ({ read, before: NO_BYTE }));
    for (const { bytes } of forms) {
      // By index: there may be many thousand forms, and each new secret makes a new filter.
      const first = bytes[0] ?? 0;
      const second = bytes[1] ?? 0;
      const third = bytes[2] ?? 0;
      setPair(this.near, first, second);
      setPair(this.near, second, first);
      setPair(this.near, second, third);
      setPair(this.near, third, second);
    }
  }

  /**
   * Where reading must begin so that no secret is missed that begins at `from` or behind; `to` when
   * none does.
   * @param places beginnings and ends of numbers by turns; `from` and `to` count both
   */
  find(buffer: Uint8Array, places: Int32Array, from: number, to: number): number {
    for (const other of this.#others) other.before = NO_BYTE;
    // The first and the last byte of the number before, in the order in which they stand there.
    let firstBefore = NO_BYTE;
    let lastBefore = NO_BYTE;
    for (let index = from; index < to; index += 2) {
      const start = places[index] ?? 0;
      const end = places[index + 1] ?? 0;
      let found = false;
      let first = NO_BYTE;
      let last = NO_BYTE;
      if ((end - start) % 2 === 0) {
        first = byteAt(buffer, start);
        last = first;
        found = this.#isPair(lastBefore, first);
        for (let at = start + 2; at < end; at += 2) {
          const byte = byteAt(buffer, at);
          // As they stand, and with the last byte first.
          found ||= this.#isPair(last, byte) || this.#isPair(byte, last);
          last = byte;
        }
        found ||= this.#isPair(firstBefore, last);
      }
      if (end - start <= OTHER_DIGITS_MAX) found = this.#otherwise(buffer, start, end) || found;
      if (found) return Math.max(from, index - 2);
      firstBefore = first;
      lastBefore = last;
    }
    const others = this.#others.some(({ before }) => this.isFirst(before));
    return others || this.isFirst(firstBefore) || this.isFirst(lastBefore) ? to - 2 : to;
  }

  #otherwise(buffer: Uint8Array, start: number, end: number): boolean {
    let found = false;
    for (const other of this.#others) {
      const count = other.read(buffer, start, end);
      if (count === 0) other.before = NO_BYTE;
      for (let at = 0; at < count; at += 1) {
        const byte = numberBytes[at] ?? 0;
        found ||= this.#isPair(other.before, byte);
        other.before = byte;
      }
    }
    return found;
  }

  /** Whether a form begins with it. */
  isFirst(byte: number): boolean {
    return byte !== NO_BYTE && this.#firstBytes[byte] === 1;
  }

  #isPair(first: number, second: number): boolean {
    return first !== NO_BYTE && hasPair(this.#firstPairs, first, second) === 1;
  }
}

/** Numbers read in another way, and the last byte of the one before. */
interface OtherReading {
  readonly read: ReadNumber;
  before: number;
}

/** 1 when it has the pair, else 0. */
export function hasPair(pairs: Uint8Array, first: number, second: number): number {
  return ((pairs[(first << 5) | (second >> 3)] ?? 0) >> (second & 7)) & 1;
}

function setPair(pairs: Uint8Array, first: number, second: number): void {
  const place = (first << 5) | (second >> 3);
  pairs[place] = (pairs[place] ?? 0) | (1 << (second & 7));
}
