// The format of the ledger of an attempt: records, each with its length before it.
import type { JobOutcome, LogLines } from '@rivet/protocol';
import type { SpoolEntry } from './spool.ts';

/** What a job tells besides lines of its log. */
export type ToldEntry = Exclude<SpoolEntry, { readonly kind: 'block' }>;

/** Whose lines they are, and how far it has come with them. */
export interface LineMark {
  readonly origin: string;
  readonly end: number;
}

/** How many entries the reports up to a sequence number have brought. */
export interface SentMark {
  readonly seq: number;
  readonly entries: number;
}

/** What all records so far come to; a segment begins with it, as those before it may be gone. */
export interface LedgerTotals {
  readonly lastLine: number;
  /** Bytes of the lines, with the names of their sections. */
  readonly logBytes: number;
  readonly printed: readonly (readonly [origin: string, end: number])[];
  /** How often each thing was told besides lines. */
  readonly told: readonly (readonly [key: string, times: number])[];
  /** Number of the last entry. */
  readonly entries: number;
  readonly sent: readonly SentMark[];
}

export type LedgerRecord =
  | { readonly kind: 'lines'; readonly lines: LogLines; readonly mark: LineMark | undefined }
  | { readonly kind: 'entry'; readonly entry: ToldEntry }
  | { readonly kind: 'sent'; readonly sent: SentMark }
  | { readonly kind: 'totals'; readonly totals: LedgerTotals }
  /** How the job ended: nothing of it runs any more. */
  | { readonly kind: 'outcome'; readonly outcome: JobOutcome };

/** Two lengths: of the JSON, and of the text of lines behind it. */
const LENGTHS_BYTES = 8;

/** The bytes of a record, in pieces. */
export function encodeRecord(record: LedgerRecord): Uint8Array[] {
  const text = record.kind === 'lines' ? record.lines.text : new Uint8Array();
  const json = Buffer.from(JSON.stringify(plain(record)));
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(text.length, 4);
  return [Buffer.concat([lengths, json]), text];
}

function plain(record: LedgerRecord): object {
  if (record.kind !== 'lines') return record;
  const { text, ...facts } = record.lines;
  return { ...record, lines: facts };
}

/** The records of a segment, up to one that was not written to its end. */
export function* decodeRecords(segment: Buffer): Generator<LedgerRecord> {
  for (let at = 0; at + LENGTHS_BYTES <= segment.length; ) {
    const jsonEnd = at + LENGTHS_BYTES + segment.readUInt32LE(at);
    const end = jsonEnd + segment.readUInt32LE(at + 4);
    if (end > segment.length) return;
    const json = segment.toString('utf8', at + LENGTHS_BYTES, jsonEnd);
    const record = JSON.parse(json) as LedgerRecord;
    yield record.kind === 'lines'
      ? { ...record, lines: { ...record.lines, text: segment.subarray(jsonEnd, end) } }
      : record;
    at = end;
  }
}
