// Finds many byte strings at once in linear time: the automaton of Aho and Corasick.
import { FOUR_BYTES, FourByteFilter } from './four-byte-filter.ts';
import type { SecretForm } from './secret-forms.ts';

/** Forms that wrap are followed over a line end from this many bytes on. */
const WRAP_DEPTH_MIN = 4;
const LINE_ENDS = [10, 13];
/** In how long steps a log is read. Forms that wrap may have a line end behind four bytes. */
const STRIDE_MAX = { plain: 4, wraps: 2 };
/** Forms that do not wrap and have so many bytes are looked for in the longest steps. */
export const LONG_FORM_BYTES_MIN = FOUR_BYTES + STRIDE_MAX.plain - 1;

/**
 * The automaton of a set of forms. A state stands for the longest end of what was read that begins
 * a form; state 0 is the start. It never changes.
 */
export class Automaton {
  /** How many states it has. */
  readonly size: number;
  readonly forms: readonly SecretForm[];
  /** Bytes of the state: how far back a form may begin that is not complete yet. */
  readonly depth: Int32Array;
  /** Length of the longest form that ends in the state; 0 for none. */
  readonly matched: Int32Array;
  /** 1 where a line end inside of a form is passed over. */
  readonly passesLineEnd: Uint8Array;
  /** Whether a form begins with four bytes. */
  readonly beginnings: FourByteFilter;
  /** Of each form that stands in a text, some four bytes at one in `stride` places are in it. */
  readonly samples: FourByteFilter;
  readonly stride: number;
  /** Which bytes a form begins with. */
  readonly firstBytes: Uint8Array;
  /** Which two bytes, a bit for each: the first byte and the upper bits of the second say where. */
  readonly firstPairs: Uint8Array;
  readonly #fail: Int32Array;
  readonly #byte: Uint8Array;
  /** 1 where a state has children; as forms are put in sorted, the first one is the next state. */
  readonly #hasChild: Uint8Array;
  /** Few states have a sibling, as most forms share only their beginnings. */
  readonly #nextSibling = new Map<number, number>();
  /** The children of the start, by byte. */
  readonly #top = new Int32Array(256);
  /** The children of the states after one byte, by that and the next byte. */
  readonly #second: (Int32Array | undefined)[] = new Array(256);

  /** @param forms at least one; all of them wrap, or none does */
  constructor(forms: readonly SecretForm[]) {
    this.forms = forms;
    const sorted = forms.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes));
    const states = countStates(sorted);
    this.size = states;
    this.depth = new Int32Array(states);
    this.matched = new Int32Array(states);
    this.passesLineEnd = new Uint8Array(states);
    this.#fail = new Int32Array(states);
    this.#byte = new Uint8Array(states);
    this.#hasChild = new Uint8Array(states);
    this.#link(this.#insertAll(sorted), forms[0]?.wraps === true);
    this.beginnings = new FourByteFilter(forms.map(({ bytes }) => bytes.subarray(0, FOUR_BYTES)));
    this.firstBytes = new Uint8Array(256);
    this.firstPairs = new Uint8Array(2 ** 13);
    for (const { bytes } of forms) {
      const [first = 0, second = 0] = bytes;
      this.firstBytes[first] = 1;
      const place = (first << 5) | (second >> 3);
      this.firstPairs[place] = (this.firstPairs[place] ?? 0) | (1 << (second & 7));
    }
    const lengthMin = Math.min(...forms.map(({ bytes }) => bytes.length));
    const strideMax = forms[0]?.wraps === true ? STRIDE_MAX.wraps : STRIDE_MAX.plain;
    this.stride = Math.min(strideMax, lengthMin - FOUR_BYTES + 1);
    const sampled = FOUR_BYTES + this.stride - 1;
    this.samples =
      this.stride === 1
        ? this.beginnings
        : new FourByteFilter(forms.flatMap((form) => beginningsOf(form, sampled)));
  }

  /**
   * No form begins in the bytes from `from` on before the place that it gives, which is in them or
   * among the last before `to`.
   */
  passOver(buffer: Uint8Array, from: number, to: number): number {
    const { stride } = this;
    const at = this.samples.find(buffer, from, to - FOUR_BYTES + 1, stride);
    return Math.max(from, at - stride + 1);
  }

  /** The state after one more byte. */
  step(state: number, byte: number): number {
    let from = state;
    for (;;) {
      const child = this.#child(from, byte);
      if (child !== 0 || from === 0) return child;
      from = this.#fail[from] ?? 0;
    }
  }

  /** The longest end of what was read that goes on, which a complete form does not. */
  open(state: number): number {
    let open = state;
    while (open !== 0 && this.#hasChild[open] === 0) open = this.#fail[open] ?? 0;
    return open;
  }

  /** 0 when there is none, as nothing leads back to the start. */
  #child(state: number, byte: number): number {
    const depth = this.depth[state];
    if (depth === 0) return this.#top[byte] ?? 0;
    if (depth === 1) return this.#second[this.#byte[state] ?? 0]?.[byte] ?? 0;
    let child = this.#firstChild(state);
    while (child !== 0 && this.#byte[child] !== byte) child = this.#nextSibling.get(child) ?? 0;
    return child;
  }

  #firstChild(state: number): number {
    return this.#hasChild[state] === 1 ? state + 1 : 0;
  }

  #insertAll(forms: readonly SecretForm[]): number {
    let count = 1;
    for (const { bytes } of forms) {
      let state = 0;
      for (const byte of bytes) {
        let child = this.#child(state, byte);
        if (child === 0) {
          child = count;
          count += 1;
          this.#append(state, child, byte);
        }
        state = child;
      }
      this.matched[state] = bytes.length;
    }
    return count;
  }

  #append(parent: number, child: number, byte: number): void {
    const depth = this.depth[parent] ?? 0;
    this.depth[child] = depth + 1;
    this.#byte[child] = byte;
    if (depth === 0) this.#top[byte] = child;
    if (depth === 1) {
      const first = this.#byte[parent] ?? 0;
      this.#second[first] ??= new Int32Array(256);
      this.#second[first][byte] = child;
    }
    if (this.#hasChild[parent] === 0) {
      this.#hasChild[parent] = 1;
      return;
    }
    let last = parent + 1;
    for (let next = last; next !== 0; next = this.#nextSibling.get(last) ?? 0) last = next;
    this.#nextSibling.set(last, child);
  }

  /** Breadth first: what a state falls back to is shorter, and so was looked at before. */
  #link(count: number, wraps: boolean): void {
    const queue = new Int32Array(count);
    let filled = 1;
    for (let at = 0; at < filled; at += 1) {
      const state = queue[at] ?? 0;
      const fail = this.#fail[state] ?? 0;
      if (this.matched[state] === 0) this.matched[state] = this.matched[fail] ?? 0;
      if (wraps && (this.depth[this.open(state)] ?? 0) >= WRAP_DEPTH_MIN) {
        this.passesLineEnd[state] = 1;
      }
      for (let child = this.#firstChild(state); child !== 0; ) {
        this.#fail[child] = state === 0 ? 0 : this.step(fail, this.#byte[child] ?? 0);
        queue[filled] = child;
        filled += 1;
        child = this.#nextSibling.get(child) ?? 0;
      }
    }
  }
}

/** One for the start, and one for each byte of a form that no form before it has at its beginning. */
function countStates(sorted: readonly SecretForm[]): number {
  let count = 1;
  let before: Uint8Array = new Uint8Array(0);
  for (const { bytes } of sorted) {
    let shared = 0;
    while (shared < before.length && before[shared] === bytes[shared]) shared += 1;
    count += bytes.length - shared;
    before = bytes;
  }
  return count;
}

/** How a form that is not shorter than `length` may begin in a text, to that length. */
function beginningsOf({ bytes, wraps }: SecretForm, length: number): Uint8Array[] {
  const whole = bytes.subarray(0, length);
  if (!wraps) return [whole];
  return [whole, ...LINE_ENDS.map((end) => Uint8Array.of(...bytes.subarray(0, length - 1), end))];
}
