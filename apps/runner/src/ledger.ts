// What a job has told, on disk before the job goes on: a runner that takes it up after the death of
// this one sends what the server does not have, and prints nothing twice.
import { closeSync, mkdirSync, openSync, rmSync, writevSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JobOutcome, type LogLines, splitText } from '@rivet/protocol';
import {
  decodeRecords,
  encodeRecord,
  type LedgerRecord,
  type LedgerTotals,
  type LineMark,
  type SentMark,
  type ToldEntry,
} from './ledger-record.ts';

const SEGMENT_BYTES = 4 * 1024 ** 2;
const SEGMENT_NAME = /^\d{8}$/;
/** One report is under way, and the one before it may be the last that was stored. */
const SENT_KEPT = 2;

/** Names what is told besides lines, so that it is known when it is told again. */
export function keyOf(entry: ToldEntry): string {
  if (entry.kind === 'summary') return 'summary';
  if (entry.kind === 'output') return `output ${entry.name}`;
  const { stage, run, state } = entry.change;
  return `stage ${run} ${state} ${stage}`;
}

/** Something that was told and is to be sent. */
export type Told =
  | { readonly kind: 'lines'; readonly lines: LogLines }
  | { readonly kind: 'entry'; readonly entry: ToldEntry };

/** What the server has of an attempt. */
export interface Stored {
  readonly seq: number;
  readonly lines: number;
}

interface Segment {
  readonly path: string;
  bytes: number;
  /** Numbers of the last line and of the last entry up to its end. */
  lastLine: number;
  entries: number;
}

/**
 * The ledger of one attempt. A record is written with write(2) before the method returns, which
 * survives the death of this process. It is never synced: a power failure ends the attempt anyway.
 */
export class Ledger {
  readonly #directory: string;
  readonly #segments: Segment[] = [];
  #number = 0;
  #file: number | undefined;
  #lastLine = 0;
  #logBytes = 0;
  #entries = 0;
  readonly #printed = new Map<string, number>();
  readonly #told = new Map<string, number>();
  #sent: readonly SentMark[] = [];
  #outcome: JobOutcome | undefined;
  /** Why the disk did not take a record: behind a piece of one nobody could read another. */
  #failure: unknown;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** An empty one in `directory`, which is made. */
  static create(directory: string): Ledger {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return new Ledger(directory);
  }

  /** The one that another process left, also when it died while it wrote. */
  static async open(directory: string): Promise<Ledger> {
    const ledger = Ledger.create(directory);
    for (const name of (await readdir(directory)).toSorted()) {
      if (!SEGMENT_NAME.test(name)) continue;
      const path = join(directory, name);
      const content = await readFile(path);
      for (const record of decodeRecords(content)) ledger.#count(record);
      ledger.#number = Number(name);
      ledger.#segments.push({ path, bytes: content.length, ...ledger.#place });
    }
    return ledger;
  }

  /** How the job has ended; undefined when it has not. */
  get outcome(): JobOutcome | undefined {
    return this.#outcome;
  }

  get lastLine(): number {
    return this.#lastLine;
  }

  /** Lines, and what else was told. */
  get toldCount(): number {
    return this.#lastLine + this.#entries;
  }

  /** Bytes of all lines, with the names of their sections. */
  get logBytes(): number {
    return this.#logBytes;
  }

  /** How far each origin has come with its lines. */
  get printed(): ReadonlyMap<string, number> {
    return this.#printed;
  }

  /** How often each thing was told, by `keyOf`. */
  get told(): ReadonlyMap<string, number> {
    return this.#told;
  }

  /** @throws when the disk does not take them, as the other methods that write */
  addLines(lines: LogLines, mark: LineMark | undefined): void {
    this.#write({ kind: 'lines', lines, mark });
  }

  addEntry(entry: ToldEntry): void {
    this.#write({ kind: 'entry', entry });
  }

  /** The job has ended and nothing of it runs any more. */
  end(outcome: JobOutcome): void {
    this.#write({ kind: 'outcome', outcome });
  }

  /**
   * To be called before each report is sent, with the number of the last entry that the server has
   * then. Is written where it would be taken for another one: also a report without entries, when
   * one of the same number that brought some has got lost.
   */
  sending({ seq, entries }: SentMark): void {
    if (this.entriesStored({ seq }) === entries) return;
    this.#write({ kind: 'sent', sent: { seq, entries } });
  }

  /** The server has what was told up to this line and this entry: it is forgotten. */
  stored(lastLine: number, entries: number): void {
    for (const segment of [...this.#segments.slice(0, -1)]) {
      if (segment.lastLine > lastLine || segment.entries > entries) return;
      rmSync(segment.path, { force: true });
      this.#segments.shift();
    }
  }

  /** The number of the last entry that a server with these reports has. */
  entriesStored({ seq }: Pick<Stored, 'seq'>): number {
    return Math.max(0, ...this.#sent.filter((mark) => mark.seq <= seq).map((mark) => mark.entries));
  }

  /** What was told before it was opened and the server does not have, in its order. */
  async *unsent(stored: Stored): AsyncGenerator<Told> {
    const skipped = this.entriesStored(stored);
    let entries: number | undefined;
    for (const { path } of [...this.#segments]) {
      for (const record of decodeRecords(await readFile(path))) {
        if (record.kind === 'totals') entries = record.totals.entries;
        if (record.kind === 'entry') {
          entries = (entries ?? 0) + 1;
          if (entries > skipped) yield record;
        }
        if (record.kind !== 'lines') continue;
        const lines = after(record.lines, stored.lines);
        if (lines !== undefined) yield { kind: 'lines', lines };
      }
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  get #place(): { lastLine: number; entries: number } {
    return { lastLine: this.#lastLine, entries: this.#entries };
  }

  #write(record: LedgerRecord): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const segment = this.#segmentForWriting();
      this.#append(segment, record);
      this.#count(record);
      Object.assign(segment, this.#place);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #segmentForWriting(): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && this.#file !== undefined && last.bytes < SEGMENT_BYTES) return last;
    this.close();
    this.#number += 1;
    const path = join(this.#directory, String(this.#number).padStart(8, '0'));
    this.#file = openSync(path, 'wx', 0o600);
    const segment = { path, bytes: 0, ...this.#place };
    this.#segments.push(segment);
    if (last !== undefined) this.#append(segment, { kind: 'totals', totals: this.#totals() });
    return segment;
  }

  #append(segment: Segment, record: LedgerRecord): void {
    let pieces = encodeRecord(record);
    while (pieces.length > 0) {
      let written = writevSync(this.#file ?? -1, pieces);
      segment.bytes += written;
      pieces = pieces.flatMap((piece) => {
        const rest = piece.subarray(Math.min(written, piece.length));
        written -= piece.length - rest.length;
        return rest.length === 0 ? [] : [rest];
      });
    }
  }

  #totals(): LedgerTotals {
    return {
      lastLine: this.#lastLine,
      logBytes: this.#logBytes,
      printed: [...this.#printed],
      told: [...this.#told],
      entries: this.#entries,
      sent: this.#sent,
    };
  }

  #count(record: LedgerRecord): void {
    if (record.kind === 'lines') {
      const { first, count, group, text } = record.lines;
      this.#lastLine = first + count - 1;
      this.#logBytes += text.length + count * Buffer.byteLength(group);
      if (record.mark !== undefined) this.#printed.set(record.mark.origin, record.mark.end);
    } else if (record.kind === 'entry') {
      this.#entries += 1;
      const key = keyOf(record.entry);
      this.#told.set(key, (this.#told.get(key) ?? 0) + 1);
    } else if (record.kind === 'sent') {
      const others = this.#sent.filter(({ seq }) => seq !== record.sent.seq);
      this.#sent = [...others, record.sent].slice(-SENT_KEPT);
    } else if (record.kind === 'outcome') {
      this.#outcome = record.outcome;
    } else {
      this.#restore(record.totals);
    }
  }

  #restore({ lastLine, logBytes, printed, told, entries, sent }: LedgerTotals): void {
    this.#lastLine = lastLine;
    this.#logBytes = logBytes;
    this.#entries = entries;
    this.#sent = sent;
    for (const [origin, end] of printed) this.#printed.set(origin, end);
    for (const [key, times] of told) this.#told.set(key, times);
  }
}

/** Those of the lines whose numbers are greater; undefined when there are none. */
function after(lines: LogLines, number: number): LogLines | undefined {
  const skipped = Math.max(0, number + 1 - lines.first);
  if (skipped >= lines.count) return undefined;
  if (skipped === 0) return lines;
  const texts = splitText(lines.text).slice(skipped);
  const text = Buffer.from(texts.map((line) => `${line}\n`).join(''));
  return { ...lines, first: lines.first + skipped, count: lines.count - skipped, text };
}
