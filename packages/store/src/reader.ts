// Reads from a copy of the database that may be a moment behind, and from the database itself
// whenever the copy is not there.
import { isRivetError, type Logger } from '@rivet/base';
import type { Database } from './database.ts';
import type { Queryable } from './statement.ts';

/** For statements that change nothing, and whose answer may be a moment old. */
export interface Reader extends Queryable {
  /** Whether there is a copy at all. */
  readonly isCopy: boolean;
  close(): Promise<void>;
}

/** A copy that was not there is left alone so long, in milliseconds. */
const PAUSE_MS = 5000;

/** @param copy owned by the reader from now on; undefined: the database answers */
export function createReader(
  database: Database,
  copy: Database | undefined,
  logger: Logger,
): Reader {
  let resumesAtMs = Number.NEGATIVE_INFINITY;
  return {
    isCopy: copy !== undefined,
    async query(statement, values) {
      if (copy === undefined || performance.now() < resumesAtMs) {
        return database.query(statement, values);
      }
      try {
        return await copy.query(statement, values);
      } catch (error) {
        if (!isRivetError(error) || error.code !== 'RIVET_DATABASE_UNREACHABLE') throw error;
        resumesAtMs = performance.now() + PAUSE_MS;
        logger.warn({ err: error }, 'the copy of the database does not answer: the database does');
        return database.query(statement, values);
      }
    },
    close: async () => void (await copy?.close()),
  };
}
