// Between a job that talks and the reports that carry it: in memory while the server takes them, on
// disk when it does not, and when that is full the job waits.
import type { LogLines } from '@rivet/protocol';
import { LogBlockBuilder } from './log-block-builder.ts';
import { type Spool, type SpoolEntry, weightOf } from './spool.ts';
import { WaitingEntries, WaitingEntry } from './waiting-entries.ts';

/**
 * What a job tells waits for more for so long, in milliseconds. No longer where the server takes
 * its time: a job has one report under way, and those of all jobs meet in one request, which grows
 * then by itself.
 */
const COMPANY_MS = 15;
/**
 * Where a job has reported so short a time ago it talks all the time: what it told since has had
 * company for as long as the last report is ago.
 */
const PAUSE_MS = 60;
/**
 * The same of lines that Rivet writes itself, such as that a command begins: a report costs more
 * than a short command.
 */
const OWN_LINES_COMPANY_MS = 120;
/** What may wait in memory. */
const MEMORY_WEIGHT_MAX = 2 * 1024 ** 2;
/** What may wait in memory for the disk. */
const WRITING_WEIGHT_MAX = 1024 ** 2;
/** The server takes nothing for so long before the disk is used, in milliseconds. */
const STALL_MS = 250;

export interface ReportQueueOptions {
  readonly spool: Spool;
  /** Bytes on disk above which `add` makes its caller wait. */
  readonly spoolBytesMax: number;
  /** Called when there is something new; whether all is due sooner by it than it was. */
  readonly onEntry: (isSooner: boolean) => void;
  /** Called once when the disk does not take an entry; what was told before can still be read. */
  readonly onFailure: (cause: unknown) => void;
}

/** Entries from the front of the queue. */
export interface ReportBatch {
  readonly entries: readonly SpoolEntry[];
  readonly weight: number;
  /** Whether the queue holds nothing else. */
  readonly isAll: boolean;
  /** Where they are; `bytes` is what the spool knows of them. */
  readonly place: { readonly kind: 'memory' } | { readonly kind: 'disk'; readonly bytes: number };
}

const EMPTY: ReportBatch = { entries: [], weight: 0, isAll: true, place: { kind: 'memory' } };

/**
 * What a job told, in order: first what is in memory, then what is on disk, then what is on its way
 * there, and at the end the lines that have no block yet. One reader at a time.
 */
export class ReportQueue {
  readonly #options: ReportQueueOptions;
  readonly #builder = new LogBlockBuilder();
  readonly #memory = new WaitingEntries();
  /** How many of the front a report has that is on its way. */
  #reading = 0;
  readonly #toWrite = new WaitingEntries();
  #writing: Promise<void> | undefined;
  /** Resolves with the next write to the disk, or with the end of writing. */
  #written = Promise.withResolvers<void>();
  #closed = false;
  #waiting: (() => void)[] = [];
  #stall: NodeJS.Timeout | undefined;
  /**
   * When what waits is to be sent, on the clock of `performance.now()`; undefined when
   * nothing waits.
   */
  #dueAt: number | undefined;
  /** The same of what came since the last batch was read. */
  #nextDueAt = Number.POSITIVE_INFINITY;
  /** When the last batch was read. */
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReportQueueOptions) {
    this.#options = options;
  }

  /** What waits, in memory and on disk. */
  get pendingWeight(): number {
    return (
      this.#memory.weight +
      this.#toWrite.weight +
      this.#options.spool.pendingBytes +
      this.#builder.bytes
    );
  }

  /**
   * How long what is here may still wait for company, in milliseconds: no longer than 0 when it is
   * to be sent, undefined when there is nothing.
   */
  get untilDueMs(): number | undefined {
    return this.#dueAt === undefined ? undefined : this.#dueAt - performance.now();
  }

  /** Takes an entry; what it returns is awaited by the job. After `close` it does nothing. */
  add(entry: SpoolEntry): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#closeBlock();
    this.#push(WaitingEntry.of(entry));
    return this.#told(this.#companyMs);
  }

  /** Takes lines, which are copied; the same goes for what it returns. */
  addLines(lines: LogLines): Promise<void> | undefined {
    if (this.#closed) return undefined;
    if (!this.#builder.hasRoomFor(lines)) this.#closeBlock();
    this.#builder.add(lines);
    if (this.#builder.isFull) this.#closeBlock();
    return this.#told(lines.stream === 'system' ? OWN_LINES_COMPANY_MS : this.#companyMs);
  }

  /** Reads entries from the front without taking them out: at least one when there are some. */
  async peek(weightMax: number, entriesMax: number): Promise<ReportBatch> {
    this.#closeBlock();
    this.#nextDueAt = Number.POSITIVE_INFINITY;
    this.#readAt = performance.now();
    if (this.#memory.length > 0) return await this.#peekMemory(weightMax, entriesMax);
    if (!this.#onDisk) return EMPTY;
    const { spool } = this.#options;
    // Not until all of it is there: a job that talks without a pause never lets the queue settle.
    while (spool.pendingBytes === 0 && this.#writing !== undefined) await this.#written.promise;
    const { entries, bytes } = await spool.peek(weightMax, entriesMax);
    const isAll = bytes === spool.pendingBytes && this.#toWrite.weight === 0;
    const weight = entries.reduce((sum, entry) => sum + weightOf(entry), 0);
    return { entries, weight, isAll: isAll && this.#isEmpty, place: { kind: 'disk', bytes } };
  }

  /** Takes the batch that was read last out of the front. */
  async drop(batch: ReportBatch): Promise<void> {
    if (batch.place.kind === 'disk') {
      await this.#options.spool.drop(batch.place.bytes);
    } else {
      this.#memory.drop(batch.entries.length);
      this.#reading = 0;
    }
    const dueAt = batch.isAll ? this.#nextDueAt : performance.now();
    this.#dueAt = this.pendingWeight > 0 ? dueAt : undefined;
    clearTimeout(this.#stall);
    this.#stall = undefined;
    this.#letIn();
    if (this.#waiting.length > 0) this.#watchStall();
  }

  /** Resolves when nothing is on its way to the disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Forgets what comes from now on, and lets everybody go who waits for room. */
  close(): void {
    this.#closeBlock();
    this.#closed = true;
    clearTimeout(this.#stall);
    this.#letIn();
  }

  get #onDisk(): boolean {
    return this.#toWrite.weight > 0 || this.#options.spool.pendingBytes > 0;
  }

  get #isEmpty(): boolean {
    return this.#memory.length === 0 && this.#builder.bytes === 0;
  }

  /** How long what is told now waits for company. */
  get #companyMs(): number {
    const agoMs = performance.now() - this.#readAt;
    return agoMs < PAUSE_MS ? Math.max(0, COMPANY_MS - agoMs) : COMPANY_MS;
  }

  async #peekMemory(weightMax: number, entriesMax: number): Promise<ReportBatch> {
    // It stays where it is, whatever is moved to the disk meanwhile.
    this.#reading = 1;
    await this.#memory.first?.ready;
    const entries = this.#memory.front(weightMax, entriesMax);
    this.#reading = entries.length;
    const weight = entries.reduce((sum, entry) => sum + weightOf(entry), 0);
    const isAll = entries.length === this.#memory.length && !this.#onDisk;
    return { entries, weight, isAll, place: { kind: 'memory' } };
  }

  #closeBlock(): void {
    const { bytes } = this.#builder;
    const block = this.#builder.take();
    if (block === undefined || this.#closed) return;
    this.#push(
      block instanceof Promise
        ? WaitingEntry.packing(block, bytes)
        : WaitingEntry.of({ kind: 'block', block }),
    );
  }

  #push(entry: WaitingEntry): void {
    if (this.#onDisk) {
      this.#toWrite.push(entry);
      this.#writing ??= this.#write();
    } else {
      this.#memory.push(entry);
    }
    const letIn = (): void => this.#letIn();
    entry.ready?.then(letIn, letIn);
  }

  #told(companyMs: number): Promise<void> | undefined {
    this.#nextDueAt = Math.min(this.#nextDueAt, performance.now() + companyMs);
    const before = this.#dueAt ?? Number.POSITIVE_INFINITY;
    this.#dueAt = Math.min(before, this.#nextDueAt);
    this.#options.onEntry(this.#dueAt < before);
    if (!this.#full()) return undefined;
    this.#watchStall();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** While the server takes reports the job waits for it; when it does not, the disk has room. */
  #watchStall(): void {
    if (this.#onDisk) return;
    this.#stall ??= setTimeout(() => {
      this.#stall = undefined;
      this.#spill();
    }, STALL_MS);
  }

  #spill(): void {
    if (this.#closed || this.#onDisk) return;
    const moved = this.#memory.takeAfter(this.#reading);
    this.#toWrite.push(...moved);
    if (moved.length > 0) this.#writing ??= this.#write();
    this.#letIn();
  }

  async #write(): Promise<void> {
    let taken: WaitingEntry[] = [];
    try {
      while (this.#toWrite.length > 0) {
        taken = this.#toWrite.takeAfter(0);
        for (const { ready } of taken) await ready;
        await this.#options.spool.append(taken.flatMap(({ entry }) => entry ?? []));
        // Only now: an entry on its way to the disk is still one that waits.
        for (const entry of taken) entry.moveTo(undefined);
        this.#noteWritten();
        this.#letIn();
      }
    } catch (error) {
      // Later entries would leave a gap after those that were lost.
      taken.push(...this.#toWrite.takeAfter(0));
      for (const entry of taken) entry.moveTo(undefined);
      this.#builder.take();
      this.close();
      this.#options.onFailure(error);
    } finally {
      this.#writing = undefined;
      this.#noteWritten();
    }
  }

  #noteWritten(): void {
    this.#written.resolve();
    this.#written = Promise.withResolvers<void>();
  }

  #full(): boolean {
    if (!this.#onDisk) return this.#memory.weight > MEMORY_WEIGHT_MAX;
    return (
      this.#toWrite.weight > WRITING_WEIGHT_MAX ||
      this.#options.spool.pendingBytes > this.#options.spoolBytesMax
    );
  }

  #letIn(): void {
    if (!this.#closed && this.#full()) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
