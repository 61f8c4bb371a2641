// The last lines of a command, kept as they came: of most commands nobody asks for them.
import type { OutputStream } from '@rivet/containers';
import { splitText } from '@rivet/protocol';
import type { CutLines } from '../log/line-splitter.ts';

/** Lines kept of both streams, for failure messages and `handle:logs()`. */
const RECENT_LINES_MAX = 1000;
/** Characters of them together; the last line is kept however long it is. */
const RECENT_LENGTH_MAX = 256 * 1024;
/** What lines lie in: most commands print hardly any. */
const FIRST_BLOCK_BYTES = 1024;
const BLOCK_BYTES = 16 * 1024;

/** Lines that came together. */
interface Piece {
  readonly stream: OutputStream;
  readonly count: number;
  readonly block: Buffer;
  readonly from: number;
  readonly to: number;
}

/**
 * Lines lie in blocks of their own: as small buffers out of the pool that all share, they would
 * keep all of it that was used since.
 */
export class RecentLines {
  readonly #pieces: Piece[] = [];
  /** Where the next lines go, and up to where it is full. */
  #block: Buffer = Buffer.alloc(0);
  #end = 0;
  /** A block whose lines were left out: the next one. */
  #spare: Buffer = Buffer.alloc(0);
  #count = 0;
  /** Without line feeds: those are no part of a line. */
  #bytes = 0;

  /** Copies lines. */
  add(stream: OutputStream, { count, text }: CutLines): void {
    if (this.#block.length - this.#end < text.length) this.#nextBlock(text.length);
    const block = this.#block;
    const from = this.#end;
    const to = from + text.length;
    block.set(text, from);
    this.#end = to;
    this.#pieces.push({ stream, count, block, from, to });
    this.#count += count;
    this.#bytes += text.length - count;
    this.#shrink();
  }

  /** The last lines of a stream, or of both in the order in which they came. */
  last(wanted: number, of: OutputStream | undefined): string[] {
    const all = this.#pieces.flatMap(({ stream, block, from, to }) =>
      splitText(block.subarray(from, to)).map((line) => ({ stream, line })),
    );
    let length = 0;
    const kept = all.slice(-RECENT_LINES_MAX).reverse();
    const end = kept.findIndex(({ line }, index) => {
      length += line.length;
      return index > 0 && length > RECENT_LENGTH_MAX;
    });
    return kept
      .slice(0, end === -1 ? kept.length : end)
      .reverse()
      .filter(({ stream }) => of === undefined || stream === of)
      .slice(-wanted)
      .map(({ line }) => line);
  }

  #nextBlock(bytes: number): void {
    const usual = this.#pieces.length === 0 ? FIRST_BLOCK_BYTES : BLOCK_BYTES;
    const hasRoom = this.#spare.length >= Math.max(bytes, usual);
    this.#block = hasRoom ? this.#spare : Buffer.allocUnsafeSlow(Math.max(bytes, usual));
    if (hasRoom) this.#spare = Buffer.alloc(0);
    this.#end = 0;
  }

  #shrink(): void {
    for (let [first] = this.#pieces; first !== undefined; [first] = this.#pieces) {
      const { count, block, from, to } = first;
      const bytes = to - from - count;
      const isEnough =
        this.#count - count >= RECENT_LINES_MAX || this.#bytes - bytes >= RECENT_LENGTH_MAX;
      if (!isEnough || this.#pieces.length === 1) return;
      this.#count -= count;
      this.#bytes -= bytes;
      this.#pieces.shift();
      const isLeft = this.#pieces[0]?.block !== block;
      if (isLeft && block.length > this.#spare.length) this.#spare = block;
    }
  }
}
