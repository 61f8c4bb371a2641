// Reads the journal of an attempt up to where its writer died.
import { readFile } from 'node:fs/promises';
import { RivetError } from '@rivet/base';
import {
  type BeginRecord,
  type EndRecord,
  JOURNAL_VERSION,
  type JournalHeader,
  parseRecord,
} from './journal-record.ts';

/** What a journal holds. */
export interface JournalContent {
  readonly header: JournalHeader;
  /**
   * Calls that began and calls that ended, as they were written; the ends are the delivery order.
   */
  readonly records: readonly (BeginRecord | EndRecord)[];
  /** How many processes went on with the attempt of another. */
  readonly resumed: number;
  /** Bytes that are whole records; what follows is a torn tail. */
  readonly validBytes: number;
  /** Whether the file ends with a record that was not written to its end. */
  readonly torn: boolean;
}

/**
 * Reads a journal; the first line that is incomplete or whose checksum is wrong ends it.
 * @throws RIVET_JOB_JOURNAL_INVALID when there is no header or one of another version
 */
export async function readJournal(path: string): Promise<JournalContent> {
  const found = await findJournal(path);
  if (found !== undefined) return found;
  throw RivetError.of('RIVET_JOB_JOURNAL_INVALID', { path, reason: 'it has no header' });
}

/**
 * The journal that an earlier process left; undefined when it died before the header was whole.
 * @throws RIVET_JOB_JOURNAL_INVALID for one of another version
 */
export async function findJournal(path: string): Promise<JournalContent | undefined> {
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const records: (BeginRecord | EndRecord)[] = [];
  let header: JournalHeader | undefined;
  let validBytes = 0;
  let resumed = 0;
  for (let end = content.indexOf(0x0a); end !== -1; end = content.indexOf(0x0a, validBytes)) {
    const record = parseRecord(content.subarray(validBytes, end));
    if (record === undefined) break;
    if (record.type === 'journal') header = checkHeader(record, path);
    else if (record.type === 'resume') resumed += 1;
    else records.push(record);
    validBytes = end + 1;
    if (header === undefined) break;
  }
  if (header === undefined) return undefined;
  return { header, records, resumed, validBytes, torn: validBytes < content.length };
}

function checkHeader(header: JournalHeader, path: string): JournalHeader {
  if (header.version === JOURNAL_VERSION) return header;
  const reason = `it is of version ${header.version}; this is version ${JOURNAL_VERSION}`;
  throw RivetError.of('RIVET_JOB_JOURNAL_INVALID', { path, reason });
}
