// Between a job that talks and the reports that carry it: collects, spools, and makes the job wait
// when the spool is full.
import type { Spool, SpoolEntry } from './spool.ts';

/** Bytes that may wait in memory for the disk. */
const BUFFER_BYTES_MAX = 1024 ** 2;
const ENTRY_OVERHEAD_BYTES = 150;

export interface ReportQueueOptions {
  readonly spool: Spool;
  /** Bytes on disk above which `add` makes its caller wait. */
  readonly spoolBytesMax: number;
  /** Called when there is something new. */
  readonly onEntry: () => void;
  /** Called once when the disk does not take an entry; what was told before can still be read. */
  readonly onFailure: (cause: unknown) => void;
}

/** Many `add`s become one write: while the disk is busy, entries collect in memory. */
export class ReportQueue {
  readonly #options: ReportQueueOptions;
  #buffer: SpoolEntry[] = [];
  #bufferBytes = 0;
  #writing: Promise<void> | undefined;
  #closed = false;
  #waiting: (() => void)[] = [];
  /** When the oldest entry that was not taken came, on the clock of `Date.now()`. */
  #oldestAt: number | undefined;

  constructor(options: ReportQueueOptions) {
    this.#options = options;
  }

  /** Bytes that wait in memory and on disk. */
  get pendingBytes(): number {
    return this.#bufferBytes + this.#options.spool.pendingBytes;
  }

  /** How long the oldest entry has waited, in milliseconds; undefined when none does. */
  get oldestAgeMs(): number | undefined {
    return this.#oldestAt === undefined ? undefined : Math.max(0, Date.now() - this.#oldestAt);
  }

  /** Takes an entry; what it returns is awaited by the job. After `close` it does nothing. */
  add(entry: SpoolEntry): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#buffer.push(entry);
    this.#bufferBytes += sizeOf(entry);
    this.#oldestAt ??= Date.now();
    this.#writing ??= this.#write();
    this.#options.onEntry();
    if (!this.#full()) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when everything added before is on disk. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Tells that entries were taken out of the spool: there is room again. */
  taken(): void {
    this.#oldestAt = this.pendingBytes > 0 ? Date.now() : undefined;
    this.#letIn();
  }

  /** Forgets what comes from now on, and lets everybody go who waits for room. */
  close(): void {
    this.#closed = true;
    this.#letIn();
  }

  async #write(): Promise<void> {
    try {
      while (this.#buffer.length > 0) {
        const entries = this.#buffer;
        const bytes = this.#bufferBytes;
        this.#buffer = [];
        await this.#options.spool.append(entries);
        // Only now: an entry on its way to the disk is still one that waits.
        this.#bufferBytes -= bytes;
        this.#letIn();
      }
    } catch (error) {
      // Later entries would leave a gap after those that were lost.
      this.#buffer = [];
      this.#bufferBytes = 0;
      this.close();
      this.#options.onFailure(error);
    } finally {
      this.#writing = undefined;
    }
  }

  #full(): boolean {
    return (
      this.#bufferBytes > BUFFER_BYTES_MAX ||
      this.#options.spool.pendingBytes > this.#options.spoolBytesMax
    );
  }

  #letIn(): void {
    if (!this.#closed && this.#full()) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function sizeOf(entry: SpoolEntry): number {
  if (entry.kind === 'line') return entry.line.text.length + ENTRY_OVERHEAD_BYTES;
  if (entry.kind === 'summary') return entry.markdown.length + ENTRY_OVERHEAD_BYTES;
  return ENTRY_OVERHEAD_BYTES;
}
