// Reads the chain of the audit log from its beginning and says what is not as it was written.
import type { AuditFinding } from '@rivet/protocol';
import type { AuditHead, AuditRow } from '@rivet/store';
import { type AuditKeys, sameMac } from './audit-keys.ts';

/** Where a check stands between two pages of rows. */
export interface ChainPlace {
  /** Of the last row that was looked at; 0n before the first. */
  readonly position: bigint;
  /** Its link as it should be, and as it is stored: the same in a log that nobody touched. */
  readonly expected: Buffer;
  readonly stored: Buffer;
}

export function chainOrigin(keys: AuditKeys): ChainPlace {
  return { position: 0n, expected: keys.origin(), stored: keys.origin() };
}

/**
 * Looks at the next row of the chain.
 * @returns the place after it, and what is wrong with it or before it
 */
export function checkRow(
  keys: AuditKeys,
  place: ChainPlace,
  row: AuditRow,
): { place: ChainPlace; findings: AuditFinding[] } {
  const findings: AuditFinding[] = [];
  const position = BigInt(row.position ?? '0');
  const stored = row.link ?? Buffer.alloc(0);
  if (position <= place.position) return { place, findings: [outside(keys, row)] };
  const gap = position > place.position + 1n;
  if (gap) findings.push(missing(place.position + 1n, position - 1n));
  const intact = sameMac(row.mac, keys.rowMac(row));
  if (!intact) findings.push(found('changed', row, 'it does not say what Rivet wrote'));
  // The link of the row before a gap is gone: this one is taken as it is, and what follows is
  // held against it. Otherwise one of the two has to fit, or a changed link would be blamed on the
  // row after it as well.
  const candidates = gap ? [] : [place.expected, place.stored];
  const expected = candidates.map((before) => keys.link(before, row, String(position)));
  const linked = gap || expected.some((link) => sameMac(link, stored));
  // A row that was changed tells its own story already.
  if (!linked && intact) findings.push(found('moved', row, 'this is not its place, or its time'));
  return {
    place: { position, expected: gap ? stored : (expected[0] ?? stored), stored },
    findings,
  };
}

/** A row at a position that another row has, or that none ever has: 0 and less. */
function outside(keys: AuditKeys, row: AuditRow): AuditFinding {
  const intact = sameMac(row.mac, keys.rowMac(row));
  if (!intact) return found('changed', row, 'it does not say what Rivet wrote');
  return found('moved', row, 'this is the place of another row, or of none');
}

/** Looks at a row that waits for its place. */
export function checkWaiting(keys: AuditKeys, row: AuditRow): AuditFinding[] {
  if (sameMac(row.mac, keys.rowMac(row))) return [];
  return [found('changed', row, 'it does not say what Rivet wrote')];
}

/**
 * Holds the end of the chain against what was written down about it.
 * @param before the head as it was before the last rows were read; undefined: there is none, which
 *   cannot be: it is made together with the installation
 * @param after the head as it was afterwards
 */
export function checkEnd(
  keys: AuditKeys,
  place: ChainPlace,
  before: AuditHead | undefined,
  after: AuditHead | undefined,
): AuditFinding[] {
  if (before === undefined || after === undefined) return [headFinding('it is gone')];
  if (!sameMac(before.mac, keys.headMac(before))) return [headFinding('Rivet has not written it')];
  const end = BigInt(before.position);
  if (place.position < end) return [missing(place.position + 1n, end)];
  // Rows are chained while this is read, and the head moves with them.
  if (place.position > BigInt(after.position)) {
    return [headFinding(`it stands at ${after.position}, and the rows reach ${place.position}`)];
  }
  if (place.position > end || sameMac(before.link, place.stored)) return [];
  return [headFinding(`at ${end} stood another row`)];
}

/** An end of the chain that somebody has kept elsewhere. */
export interface KeptEnd {
  readonly position: bigint;
  readonly link: Buffer;
}

/** Whether the row at a place is the one that stood there when it was the last. */
export function checkKept(kept: KeptEnd, place: ChainPlace): AuditFinding[] {
  if (place.position !== kept.position || sameMac(kept.link, place.stored)) return [];
  return [headFinding(`at ${kept.position} stood another row when that was the end`)];
}

/** Whether the chain still reaches as far as it did. */
export function checkReach(kept: KeptEnd, place: ChainPlace): AuditFinding[] {
  return place.position >= kept.position ? [] : [missing(place.position + 1n, kept.position)];
}

function missing(first: bigint, last: bigint): AuditFinding {
  const what = first === last ? `the row ${first} is` : `the rows ${first} to ${last} are`;
  return { kind: 'missing', position: Number(first), id: null, message: `${what} missing` };
}

function found(kind: 'changed' | 'moved', row: AuditRow, reason: string): AuditFinding {
  const position = row.position === null ? null : Number(row.position);
  const where = position === null ? 'a row without a place' : `the row ${position}`;
  const verb = kind === 'changed' ? 'was changed or put in' : 'was moved';
  return { kind, position, id: row.id, message: `${where} (${row.id}) ${verb}: ${reason}` };
}

function headFinding(reason: string): AuditFinding {
  const message = `the end of the log was changed: ${reason}`;
  return { kind: 'head', position: null, id: null, message };
}
