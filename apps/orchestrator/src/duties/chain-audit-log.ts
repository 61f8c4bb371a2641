// Chains rows once they are committed: gives each its place, and links it to the one before.
import { isRivetError, type Logger, RivetError } from '@rivet/base';
import {
  type AuditHead,
  type AuditRow,
  chainAuditRows,
  type Database,
  listUnchainedAuditRows,
  lockAuditHead,
  moveAuditHead,
  readAuditBacklog,
} from '@rivet/store';
import { type AuditKeys, sameMac } from '../audit/audit-keys.ts';
import type { Duty } from './duty.ts';

export interface ChainOptions {
  readonly database: Database;
  readonly keys: AuditKeys;
  readonly logger: Logger;
  /** Told the length of the chain, for what watches it from outside. */
  readonly onLength?: (position: number) => void;
}

const EVERY_MS = 1000;
/** Rows of one transaction. */
const BATCH = 1000;
/** Transactions of one turn: other duties are not kept waiting by a backlog. */
const BATCHES_MAX = 50;
/** The end of the chain is told to the log as often as this, if it has moved, in milliseconds. */
const TELL_EVERY_MS = 60_000;

/**
 * The duty. Recording only adds rows, so that those who launch do not wait for each other; here is
 * the one queue, behind the row `audit_head`.
 */
export function chainAuditLog(options: ChainOptions): Duty {
  const { logger } = options;
  /** The furthest that this orchestrator has seen: the chain never gets shorter. */
  let seen: AuditHead | undefined;
  let toldAtMs = 0;
  let toldPosition = '';
  let complainedAtMs = 0;
  const tell = (head: AuditHead): void => {
    options.onLength?.(Number(head.position));
    const now = performance.now();
    if (head.position === toldPosition || now - toldAtMs < TELL_EVERY_MS) return;
    toldAtMs = now;
    toldPosition = head.position;
    // Whoever keeps this elsewhere can tell when a whole database was put back.
    const end = `${head.position}:${head.link.toString('hex')}`;
    logger.info({ audit_head: end }, 'the audit log reaches to here');
  };
  return {
    name: 'chain-audit-log',
    everyMs: EVERY_MS,
    async due() {
      const found = await readAuditBacklog(options.database);
      // What is wrong with the end is told where rows are chained.
      if (found === undefined || found.waiting || !isSound(options.keys, found, seen)) return true;
      seen = found;
      tell(found);
      return false;
    },
    async run() {
      try {
        for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
          const { head, full } = await chainBatch(options, seen);
          seen = head;
          tell(head);
          if (!full) return;
        }
      } catch (error) {
        if (!isRivetError(error) || error.code !== 'RIVET_AUDIT_HEAD_BROKEN') throw error;
        // Every second would fill the log.
        const now = performance.now();
        if (complainedAtMs > 0 && now - complainedAtMs < TELL_EVERY_MS) return;
        complainedAtMs = now;
        logger.error({ code: error.code }, error.message);
      }
    },
  };
}

/** Whether the batch was full, so that there may be more. */
function chainBatch(
  { database, keys }: ChainOptions,
  seen: AuditHead | undefined,
): Promise<{ head: AuditHead; full: boolean }> {
  return database.transaction(
    async (tx) => {
      const head = await lockAuditHead(tx);
      // It is made together with the installation.
      if (head === undefined) throw broken('it is gone');
      checkHead(keys, head, seen);
      const rows = await listUnchainedAuditRows(tx, BATCH);
      if (rows.length === 0) return { head, full: false };
      const places = linkRows(keys, head, rows);
      const placed = await chainAuditRows(tx, places);
      if (placed !== rows.length)
        throw broken(`${placed} of ${rows.length} rows took their places`);
      const last = places.at(-1) ?? head;
      const moved = { position: last.position, link: last.link };
      const next = { ...moved, mac: keys.headMac(moved) };
      await moveAuditHead(tx, next);
      return { head: next, full: rows.length === BATCH };
    },
    // The rows that a lost commit has chained are not there the second time.
    { repeatable: true },
  );
}

function checkHead(keys: AuditKeys, head: AuditHead, seen: AuditHead | undefined): void {
  if (!sameMac(head.mac, keys.headMac(head))) throw broken('Rivet has not written it');
  if (seen === undefined) return;
  const [now, before] = [BigInt(head.position), BigInt(seen.position)];
  if (now < before) throw broken(`it stands at ${now} and stood at ${before}`);
  if (now === before && !sameMac(head.link, seen.link)) throw broken(`at ${now} stood another row`);
}

function isSound(keys: AuditKeys, head: AuditHead, seen: AuditHead | undefined): boolean {
  try {
    checkHead(keys, head, seen);
    return true;
  } catch {
    return false;
  }
}

function linkRows(
  keys: AuditKeys,
  head: AuditHead,
  rows: readonly AuditRow[],
): { id: string; position: string; link: Buffer }[] {
  let { link } = head;
  const first = BigInt(head.position) + 1n;
  return rows.map((row, index) => {
    const position = String(first + BigInt(index));
    link = keys.link(link, row, position);
    return { id: row.id, position, link };
  });
}

function broken(reason: string): RivetError {
  return RivetError.of('RIVET_AUDIT_HEAD_BROKEN', { reason });
}
