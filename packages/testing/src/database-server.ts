// A database server of a test's own, for tests that take it away.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type EmbeddedDatabase,
  type EmbeddedDatabaseOptions,
  startEmbeddedDatabase,
} from '@rivet/embedded-database';

export interface DatabaseServer extends EmbeddedDatabase {
  /** Deletes its data, wherever they lie; after `stop`. */
  remove(): Promise<void>;
}

/** Starts a server as `startEmbeddedDatabase` does. */
export async function startDatabaseServer(
  options: EmbeddedDatabaseOptions,
): Promise<DatabaseServer> {
  const server = await startEmbeddedDatabase(options);
  return {
    ...server,
    async remove() {
      const location = join(options.dataDirectory, 'location');
      const elsewhere = await readFile(location, 'utf8').catch(() => undefined);
      if (elsewhere !== undefined) await rm(elsewhere.trim(), { recursive: true, force: true });
      await rm(options.dataDirectory, { recursive: true, force: true });
    },
  };
}
