// Tells quickly that four bytes are none of many: most of a log is passed over with it.

/** What the filter looks at. */
export const FOUR_BYTES = 4;
const LAST = FOUR_BYTES - 1;
/** Spreads four bytes over the filter: 2^32 divided by the golden ratio. */
const FACTOR = 0x9e3779b1 | 0;
/** The filter is to fit into the cache of a processor. */
const BITS_MAX = 18;
const BITS_MIN = 12;
const PLACES_PER_ENTRY = 32;

/** Four bytes that were added are found; few others are. */
export class FourByteFilter {
  readonly #places: Uint8Array;
  readonly #shift: number;

  /** @param texts all four bytes that stand side by side in them are added */
  constructor(texts: readonly Uint8Array[]) {
    const entries = texts.reduce((sum, { length }) => sum + Math.max(0, length - LAST), 0);
    const bits = Math.ceil(Math.log2(entries * PLACES_PER_ENTRY + 1));
    this.#shift = 32 - Math.min(BITS_MAX, Math.max(BITS_MIN, bits));
    this.#places = new Uint8Array(2 ** (32 - this.#shift));
    for (const text of texts) {
      for (let at = 0; at + LAST < text.length; at += 1) {
        this.#places[Math.imul(windowAt(text, at), FACTOR) >>> this.#shift] = 1;
      }
    }
  }

  /** @param window four bytes, the last of them lowest */
  has(window: number): boolean {
    return this.#places[Math.imul(window, FACTOR) >>> this.#shift] === 1;
  }

  /**
   * The first place where four bytes of the filter begin, of `from` and each `stride` places
   * further; the first of these that is not before `to` when there is none.
   */
  find(buffer: Uint8Array, from: number, to: number, stride: number): number {
    const places = this.#places;
    const shift = this.#shift;
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    let at = from;
    for (; at < to; at += stride) {
      if (places[Math.imul(view.getInt32(at), FACTOR) >>> shift] === 1) break;
    }
    return at;
  }
}

/** The four bytes that begin at a place, the last of them lowest. */
export function windowAt(buffer: Uint8Array, at: number): number {
  return (
    ((buffer[at] ?? 0) << 24) |
    ((buffer[at + 1] ?? 0) << 16) |
    ((buffer[at + 2] ?? 0) << 8) |
    (buffer[at + 3] ?? 0)
  );
}
