// The format of the journal, which docs/journal.md describes: a record a line, with its checksum.
import { crc32 } from 'node:zlib';

/** Raised whenever an old reader would misread a new journal. */
export const JOURNAL_VERSION = 2;

/** First line of a journal: what it belongs to. */
export interface JournalHeader {
  readonly type: 'journal';
  readonly version: number;
  readonly job: string;
  readonly attempt: number;
  /** ISO 8601, UTC. */
  readonly t: string;
}

/** Written before the effect of a host call. */
export interface BeginRecord {
  readonly type: 'begin';
  readonly branch: string;
  readonly sequence: number;
  readonly name: string;
  /** Encoded with journal-values.ts. */
  readonly args: readonly unknown[];
  /** Set when `***` stands in place of secrets in `args`. */
  readonly redacted?: true;
  /** Values that were hidden since the record before, sealed; see hidden-values.ts. */
  readonly hidden?: string;
  /** Number of the last log line before the call. */
  readonly line: number;
  readonly t: string;
}

/** What a call that failed is answered with. */
export interface JournalError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Written after the effect and before the script sees the result. */
export interface EndRecord {
  readonly type: 'end';
  readonly branch: string;
  readonly sequence: number;
  readonly result?: readonly unknown[];
  readonly error?: JournalError;
  /** Set when `***` stands in place of secrets in the answer. */
  readonly redacted?: true;
  /** Then the whole answer, sealed with the key of the attempt, where it has one. */
  readonly sealed?: string;
  /** As in a `begin`. */
  readonly hidden?: string;
  /** Number of the last log line when the call ended. */
  readonly line: number;
  readonly t: string;
}

/** Written by a process that goes on with the attempt of another. */
interface ResumeRecord {
  readonly type: 'resume';
  readonly t: string;
}

export type JournalRecord = JournalHeader | BeginRecord | EndRecord | ResumeRecord;

/** `<crc32 of the JSON, 8 hexadecimal digits> <JSON>\n`. */
export function formatRecord(record: JournalRecord): Buffer {
  const json = Buffer.from(JSON.stringify(record));
  return Buffer.concat([Buffer.from(`${checksum(json)} `), json, Buffer.from('\n')]);
}

/** The record of a line without its line feed; undefined when it was not written to its end. */
export function parseRecord(line: Buffer): JournalRecord | undefined {
  const json = line.subarray(9);
  if (line[8] !== 0x20 || line.toString('latin1', 0, 8) !== checksum(json)) return undefined;
  return JSON.parse(json.toString('utf8')) as JournalRecord;
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
