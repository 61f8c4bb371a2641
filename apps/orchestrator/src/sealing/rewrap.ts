// Replaces the master key: wraps the keys of sealed values anew, while they are read and written.
import { type Logger, RivetError } from '@rivet/base';
import {
  countSealedByKey,
  type Database,
  listOtherWrappedKeys,
  replaceWrappedKeys,
  type SealedTable,
  sealedTables,
  type WrappedKeyRow,
} from '@rivet/store';
import type { Sealer } from './sealer.ts';

interface RewrapServices {
  readonly database: Database;
  readonly sealer: Sealer;
  readonly logger: Logger;
}

const BATCH = 200;
/** Of one call, so that it ends long before anybody's patience. */
const ROWS_MAX = 5000;
/** Before every row of a table. */
const BEGINNING = '(0,0)';

/**
 * Wraps keys with the current master key: some thousands, or all that are left. Can end anywhere
 * and be called again, by several at once too. A row that cannot be opened is left as it is.
 */
export async function rewrapSome({
  database,
  sealer,
  logger,
}: RewrapServices): Promise<{ rewrapped: number; left: number }> {
  let seen = 0;
  let done = 0;
  for (const table of sealedTables) {
    let after = BEGINNING;
    while (seen < ROWS_MAX) {
      const options = { keyId: sealer.keyId, after, limit: BATCH };
      const rows = await listOtherWrappedKeys(database, table, options);
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.place;
      seen += rows.length;
      done += await rewrapRows({ database, sealer, logger }, table, rows);
    }
  }
  return { rewrapped: done, left: await countOtherSealed(database, sealer.keyId) };
}

/** How many values another master key than this one holds. */
export async function countOtherSealed(database: Database, keyId: string): Promise<number> {
  const counts = await countSealedByKey(database);
  return counts.reduce((sum, row) => sum + (row.key_id === keyId ? 0 : row.count), 0);
}

async function rewrapRows(
  { database, sealer, logger }: RewrapServices,
  table: SealedTable,
  rows: readonly WrappedKeyRow[],
): Promise<number> {
  const fresh = rows.flatMap((row) => {
    try {
      return [{ ...row, fresh: rewrapped(sealer, row) }];
    } catch (error) {
      if (!(error instanceof RivetError)) throw error;
      logger.warn({ table, master_key: row.master_key_id, code: error.code }, error.message);
      return [];
    }
  });
  if (fresh.length > 0) await replaceWrappedKeys(database, table, sealer.keyId, fresh);
  return fresh.length;
}

function rewrapped(sealer: Sealer, row: WrappedKeyRow): Buffer {
  const { master_key_id: keyId, wrapped_key: wrappedKey } = row;
  // The box is not looked at: only its key is wrapped anew.
  return sealer.rewrap({ keyId, wrappedKey, box: Buffer.alloc(0) }).wrappedKey;
}
