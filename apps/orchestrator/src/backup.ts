// The program "backup": `create FILE` writes all that is in the database to a file, `check FILE`
// reads one to its end, `restore FILE` puts one into an empty database.
import './under-init.ts';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createLogger, RivetError } from '@rivet/base';
import { createDatabase, type Database, restoreAll } from '@rivet/store';
import { checkBackup, openBackup } from './backup/read-backup.ts';
import { rejection, writeBackup } from './backup/write-backup.ts';
import { readConfig } from './config.ts';
import { announce, runToExit } from './exit.ts';

void runToExit(async () => {
  const { verb, path } = readArguments(process.argv.slice(2));
  if (verb === 'check') {
    announce({ event: 'checked', path, rows: await checkBackup(path) });
    return;
  }
  const config = readConfig(process.env);
  const logger = createLogger({ name: 'backup', level: config.logLevel });
  const url = config.databaseDirectUrl ?? config.databaseUrl;
  const database = createDatabase({ url, applicationName: 'rivet-backup', logger });
  const interrupted = listenForSignals();
  try {
    if (verb === 'create') {
      announce({ event: 'backup', path, ...(await writeBackup(database, path, interrupted)) });
      return;
    }
    // The database undoes by itself what it was told until then.
    const result = await Promise.race([restore(database, path), rejection(interrupted)]);
    announce({ event: 'restored', path, ...result });
  } finally {
    await database.close();
  }
});

async function restore(database: Database, path: string): Promise<object> {
  // Before anything is changed: a torn file is told at once.
  await checkBackup(path);
  const file = await openBackup(path);
  try {
    const { rows, lost } = await restoreAll(database, file);
    return { rows, taken_at: file.header.takenAt, lost_attempts: lost };
  } finally {
    await file.close();
  }
}

function listenForSignals(): AbortSignal {
  const controller = new AbortController();
  for (const by of ['SIGTERM', 'SIGINT'] as const) {
    process.once(by, () => controller.abort(RivetError.of('RIVET_INTERRUPTED', { by })));
  }
  return controller.signal;
}

/** @throws RIVET_USAGE */
function readArguments(args: string[]): { verb: 'create' | 'check' | 'restore'; path: string } {
  const hint = 'It takes create FILE, check FILE or restore FILE.';
  const { positionals } = parseArgs({ args, allowPositionals: true, strict: false });
  const [verb, path, ...more] = positionals;
  if (path !== undefined && more.length === 0) {
    if (verb === 'create' || verb === 'check' || verb === 'restore') {
      return { verb, path: resolve(path) };
    }
  }
  throw RivetError.of('RIVET_USAGE', { problem: 'the words cannot be understood', hint });
}
