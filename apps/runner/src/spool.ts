// What a job told and the server has not acknowledged yet: a queue on disk, in segments.
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogBlock, StageChange } from '@rivet/protocol';

/** One thing that a job told, in the order in which it told it. */
export type SpoolEntry =
  | { readonly kind: 'block'; readonly block: LogBlock }
  | { readonly kind: 'stage'; readonly change: StageChange }
  /** `value` null: cleared. */
  | { readonly kind: 'output'; readonly name: string; readonly value: unknown }
  /** The whole summary so far. */
  | { readonly kind: 'summary'; readonly markdown: string };

/** What a report may weigh for blocks whose text is this much larger than their bytes. */
const TEXT_BYTES_PER_WEIGHT = 8;
const ENTRY_WEIGHT = 150;

/**
 * What an entry counts for where the size of reports and of what waits is bounded: its bytes, and
 * those that the server unpacks from them.
 */
export function weightOf(entry: SpoolEntry): number {
  if (entry.kind === 'summary') return ENTRY_WEIGHT + entry.markdown.length;
  if (entry.kind === 'output') return ENTRY_WEIGHT + JSON.stringify(entry.value).length;
  if (entry.kind === 'stage') return ENTRY_WEIGHT;
  const { data, bytes } = entry.block;
  return ENTRY_WEIGHT + Math.max(data.length, Math.ceil(bytes / TEXT_BYTES_PER_WEIGHT));
}

/** Entries from the front of the queue. */
export interface SpoolBatch {
  readonly entries: readonly SpoolEntry[];
  /** Bytes they take in the spool; what `drop` is given. */
  readonly bytes: number;
}

const SEGMENT_BYTES = 4 * 1024 ** 2;
const READ_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/** A file of entries, one JSON document a line. */
interface Segment {
  readonly path: string;
  bytes: number;
}

/**
 * An append-only queue. Memory holds one batch and what is being written; the rest waits on disk,
 * and a segment is deleted when all of it was dropped. Not safe for several readers.
 */
export class Spool {
  readonly #directory: string;
  readonly #segments: Segment[] = [];
  #writer: FileHandle | undefined;
  #segmentCount = 0;
  /** Where the front of the queue is in the first segment. */
  #offset = 0;
  #pendingBytes = 0;
  /** Each operation waits for the one before it. */
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens an empty spool in `directory`, which is made. */
  static async open(directory: string): Promise<Spool> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new Spool(directory);
  }

  /** Bytes that wait in it. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Appends entries; they are readable when it resolves. Rejects when the disk does not take them.
   */
  append(entries: readonly SpoolEntry[]): Promise<void> {
    const bytes = Buffer.from(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    return this.#inTurn(async () => {
      const segment = await this.#segmentForWriting();
      let written = 0;
      while (written < bytes.length) {
        const result = await this.#writer?.write(bytes, written);
        written += result?.bytesWritten ?? 0;
      }
      segment.bytes += bytes.length;
      this.#pendingBytes += bytes.length;
    });
  }

  /**
   * Reads entries from the front without taking them out.
   * @param weightMax stops before the entry that would exceed it; the first is always taken
   * @param entriesMax the most entries
   */
  peek(weightMax: number, entriesMax: number): Promise<SpoolBatch> {
    return this.#inTurn(async () => {
      const segment = this.#segments[0];
      if (segment === undefined || this.#pendingBytes === 0) return { entries: [], bytes: 0 };
      const file = await open(segment.path, 'r');
      try {
        return await readBatch(file, this.#offset, segment.bytes, weightMax, entriesMax);
      } finally {
        await file.close();
      }
    });
  }

  /** Takes `bytes` (of a batch that `peek` gave) out of the front. */
  drop(bytes: number): Promise<void> {
    return this.#inTurn(async () => {
      this.#offset += bytes;
      this.#pendingBytes -= bytes;
      const first = this.#segments[0];
      if (first === undefined || this.#offset < first.bytes) return;
      // The segment that is being written stays until it is full or the spool closes.
      if (this.#segments.length === 1 && first.bytes < SEGMENT_BYTES) return;
      if (this.#segments.length === 1) await this.#closeWriter();
      this.#segments.shift();
      this.#offset = 0;
      await rm(first.path, { force: true });
    });
  }

  /** Closes its file; whoever owns the directory removes it. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#closeWriter());
  }

  async #segmentForWriting(): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (last !== undefined && this.#writer !== undefined && last.bytes < SEGMENT_BYTES) return last;
    await this.#closeWriter();
    this.#segmentCount += 1;
    const segment = {
      path: join(this.#directory, `${String(this.#segmentCount).padStart(8, '0')}.jsonl`),
      bytes: 0,
    };
    this.#writer = await open(segment.path, 'wx', 0o600);
    this.#segments.push(segment);
    return segment;
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }

  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(operation);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

async function readBatch(
  file: FileHandle,
  start: number,
  end: number,
  weightMax: number,
  entriesMax: number,
): Promise<SpoolBatch> {
  const entries: SpoolEntry[] = [];
  let taken = 0;
  let weight = 0;
  let buffered: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  let position = start;
  while (entries.length < entriesMax) {
    const lineEnd = buffered.indexOf(LINE_FEED);
    if (lineEnd >= 0) {
      const entry = JSON.parse(buffered.toString('utf8', 0, lineEnd)) as SpoolEntry;
      weight += weightOf(entry);
      if (entries.length > 0 && weight > weightMax) break;
      entries.push(entry);
      taken += lineEnd + 1;
      buffered = buffered.subarray(lineEnd + 1);
      continue;
    }
    if (position >= end) break;
    const chunk = Buffer.alloc(Math.min(READ_BYTES, end - position));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    buffered = Buffer.concat([buffered, chunk.subarray(0, bytesRead)]);
  }
  return { entries, bytes: taken };
}
