// Collects lines of a job's log until there are enough of them for a block, or somebody wants it.
import {
  BlockBytes,
  encodeLogBlock,
  type LogBlock,
  type LogLines,
  type LogRun,
  logBlockLimits,
  packLogBlock,
  runOf,
} from '@rivet/protocol';

/** A block has this much text before it is closed, about 64 KiB when it is packed. */
const TEXT_BYTES = 256 * 1024;
/** Lines that would make it larger go into the next one. */
const TEXT_BYTES_MAX = TEXT_BYTES + 64 * 1024;
const LINES_MAX = logBlockLimits.lines / 2;
const RUNS_MAX = 4096;
const ORIGINS_LENGTH_MAX = 64 * 1024;
const BUFFER_BYTES_MIN = 4096;
/** Less is packed before a thread would have begun. */
const THREAD_BYTES_MIN = 64 * 1024;

/** The block that lines of one job go into now. */
export class LogBlockBuilder {
  #text = Buffer.allocUnsafe(BUFFER_BYTES_MIN);
  #bytes = 0;
  #first = 0;
  #lineCount = 0;
  #runs: LogRun[] = [];
  #originsLength = 0;

  /** Bytes of text in it. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return (
      this.#bytes >= TEXT_BYTES ||
      this.#runs.length >= RUNS_MAX ||
      this.#originsLength >= ORIGINS_LENGTH_MAX
    );
  }

  /** Whether lines can be added, or the block must be closed before. */
  hasRoomFor({ text, count }: LogLines): boolean {
    return (
      this.#lineCount === 0 ||
      (this.#bytes + text.length <= TEXT_BYTES_MAX && this.#lineCount + count <= LINES_MAX)
    );
  }

  /** Copies lines, which follow those before them. */
  add(lines: LogLines): void {
    if (this.#lineCount === 0) this.#first = lines.first;
    this.#makeRoom(lines.text.length);
    this.#text.set(lines.text, this.#bytes);
    this.#bytes += lines.text.length;
    this.#lineCount += lines.count;
    const run = runOf(lines);
    const last = this.#runs.at(-1);
    const origin = last !== undefined && isSame(last, run) ? last.origin : run.origin;
    if (last !== undefined && origin === last.origin && last.timeMs === run.timeMs) {
      this.#runs[this.#runs.length - 1] = { ...last, count: last.count + run.count };
      return;
    }
    if (origin === run.origin) this.#originsLength += lines.stage.length + lines.group.length;
    this.#runs.push({ ...run, origin });
  }

  /**
   * Closes the block; undefined when no line was added, a promise when it has so much text that a
   * thread packs it.
   */
  take(): LogBlock | Promise<LogBlock> | undefined {
    if (this.#lineCount === 0) return undefined;
    const content = { runs: this.#runs, text: this.#text.subarray(0, this.#bytes) };
    const facts = {
      first_line: this.#first,
      line_count: this.#lineCount,
      bytes: this.#bytes,
    };
    const blockOf = (packed: Buffer): LogBlock => ({ ...facts, data: new BlockBytes(packed) });
    this.#bytes = 0;
    this.#lineCount = 0;
    this.#originsLength = 0;
    this.#runs = [];
    if (facts.bytes < THREAD_BYTES_MIN) return blockOf(encodeLogBlock(content));
    return packLogBlock(content).then(blockOf);
  }

  #makeRoom(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#text.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#text.length));
    larger.set(this.#text.subarray(0, this.#bytes));
    this.#text = larger;
  }
}

function isSame({ origin: a }: LogRun, { origin: b }: LogRun): boolean {
  return a.every((part, index) => part === b[index]);
}
