// Verifies the audit log a part at a time, so that a log of any length takes little memory.
import { RivetError } from '@rivet/base';
import type { AuditFinding, AuditVerification } from '@rivet/protocol';
import {
  type AuditRow,
  type Database,
  listChainedAuditRows,
  listUnchainedAuditRows,
  readAuditHead,
} from '@rivet/store';
import { decodeCursor, encodeCursor } from '../http/cursor.ts';
import type { AuditKeys } from './audit-keys.ts';
import {
  type ChainPlace,
  chainOrigin,
  checkEnd,
  checkKept,
  checkReach,
  checkRow,
  checkWaiting,
  type KeptEnd,
} from './verify-chain.ts';

export interface PartOptions {
  /** Where the part before has ended; absent: the beginning. */
  readonly cursor?: string | undefined;
  /** `position:link` of an end that was kept elsewhere. */
  readonly head?: string | undefined;
  /** Rows of the part; 5000 when absent. */
  readonly rows?: number;
}

const ROWS = 5000;
/** Rows without a place that are looked at; there are as many as one second brings. */
const WAITING_MAX = 5000;
const FINDINGS_MAX = 100;
const CURSOR = 'audit-verify';
/** The row that was read last, then the place in the chain. */
const CURSOR_PATTERN =
  /^-?\d{1,19}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:\d{1,19}:[0-9a-f]{64}:[0-9a-f]{64}$/;
/** Before all rows, those too that somebody has given a position below the first. */
const BEGINNING = { position: '-9223372036854775808', id: '00000000-0000-0000-0000-000000000000' };

/**
 * Looks at the next rows of the chain, and after the last of them at its end.
 * @throws RIVET_CURSOR_INVALID
 */
export async function verifyPart(
  database: Database,
  keys: AuditKeys,
  { cursor, head: keptHead, rows: rowsMax = ROWS }: PartOptions,
): Promise<AuditVerification> {
  const kept = keptHead === undefined ? undefined : readKept(keptHead);
  const from = cursor === undefined ? undefined : readCursor(cursor);
  let place = from?.place ?? chainOrigin(keys);
  const findings: AuditFinding[] = [];
  const before = await readAuditHead(database);
  const rows = await listChainedAuditRows(database, from?.after ?? BEGINNING, rowsMax);
  for (const row of rows) {
    const looked = checkRow(keys, place, row);
    place = looked.place;
    findings.push(...looked.findings);
    if (kept !== undefined) findings.push(...checkKept(kept, place));
  }
  const part = { checked: rows.length, next_cursor: null, head: null, waiting: 0 };
  const last = rows.at(-1);
  if (rows.length === rowsMax && last !== undefined) {
    return { ...part, ...firstOf(findings), next_cursor: writeCursor(last, place) };
  }
  findings.push(...checkEnd(keys, place, before, await readAuditHead(database)));
  if (kept !== undefined) findings.push(...checkReach(kept, place));
  const waiting = await listUnchainedAuditRows(database, WAITING_MAX);
  findings.push(...waiting.flatMap((row) => checkWaiting(keys, row)));
  const head = place.position === 0n ? null : `${place.position}:${place.stored.toString('hex')}`;
  return { ...part, ...firstOf(findings), head, waiting: waiting.length };
}

function firstOf(
  findings: readonly AuditFinding[],
): Pick<AuditVerification, 'findings' | 'findings_left_out'> {
  const shown = findings.slice(0, FINDINGS_MAX);
  return { findings: shown, findings_left_out: findings.length - shown.length };
}

function writeCursor(last: AuditRow, { position, expected, stored }: ChainPlace): string {
  const links = `${expected.toString('hex')}:${stored.toString('hex')}`;
  return encodeCursor(CURSOR, `${last.position}:${last.id}:${position}:${links}`);
}

function readCursor(cursor: string): {
  after: { position: string; id: string };
  place: ChainPlace;
} {
  const text = decodeCursor(CURSOR, cursor, CURSOR_PATTERN);
  const [after = '', id = '', position = '', expected = '', stored = ''] = text.split(':');
  if (BigInt.asIntN(64, BigInt(after)) !== BigInt(after)) {
    throw RivetError.of('RIVET_CURSOR_INVALID', { found: JSON.stringify(cursor) });
  }
  const links = { expected: Buffer.from(expected, 'hex'), stored: Buffer.from(stored, 'hex') };
  return { after: { position: after, id }, place: { position: BigInt(position), ...links } };
}

/** The shape of the route has seen to it that there are two parts. */
function readKept(text: string): KeptEnd {
  const [position = '0', link = ''] = text.split(':');
  return { position: BigInt(position), link: Buffer.from(link, 'hex') };
}
