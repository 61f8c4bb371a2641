// The things that one run of the tests shares: a directory for all temporary files, and a database
// server.
import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { type EmbeddedDatabase, startEmbeddedDatabase } from '@rivet/embedded-database';
import { createTemplate } from '@rivet/store';
import { findLeaks } from './leaks.ts';

const TEMPLATE = 'rivet_template';
/** What ends a moment after the tests is no leak. */
const LEAK_PATIENCE_MS = 20_000;

export interface TestRun {
  readonly adminUrl: string;
  readonly template: string;
  /** Stops the server. @throws when the tests left something behind */
  end(): Promise<void>;
}

/** Starts the run; from here on the workers' temporary files lie in its directory. */
export async function startTestRun(): Promise<TestRun> {
  const previous = process.env.TMPDIR;
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'rivet-tests-')));
  const temporary = join(directory, 'tmp');
  let database: EmbeddedDatabase | undefined;
  const cleanUp = async (): Promise<void> => {
    await database?.stop();
    await rm(directory, { recursive: true, force: true });
    if (previous === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = previous;
  };
  try {
    // Databases and containers run as other users, who must get through.
    await chmod(directory, 0o711);
    await mkdir(temporary, { mode: 0o777 });
    await chmod(temporary, 0o1777);
    process.env.TMPDIR = temporary;
    database = await startEmbeddedDatabase({
      dataDirectory: join(directory, 'database'),
      logger: silentLogger,
      persistent: false,
      durable: false,
    });
    await createTemplate(database.adminUrl, TEMPLATE);
  } catch (error) {
    await cleanUp();
    throw error;
  }
  return {
    adminUrl: database.adminUrl,
    template: TEMPLATE,
    async end() {
      const leaks = await findLeaks(temporary, LEAK_PATIENCE_MS);
      await cleanUp();
      if (leaks.length === 0) return;
      throw new Error(`the tests left something behind:\n${leaks.join('\n')}`);
    },
  };
}
