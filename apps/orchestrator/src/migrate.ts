// The program "migrate": brings the schema of the database up to date and says what it ran. With
// `--admin NAME` it makes an administrator too, whose password is the first line of standard input.
import './under-init.ts';
import { parseArgs } from 'node:util';
import { createLogger, type Logger, RivetError } from '@rivet/base';
import { checkSchema, createDatabase, type Database, migrate } from '@rivet/store';
import { createAuditLog } from './audit/audit-log.ts';
import { auditKeysOf, beginAuditLog } from './audit/begin-audit-log.ts';
import { ensureAdministrator } from './auth/administrator.ts';
import { checkNewPassword } from './auth/password-rule.ts';
import { createPasswords } from './auth/passwords.ts';
import { type Config, readConfig } from './config.ts';
import { announce, runToExit } from './exit.ts';
import { createSealing } from './sealing/sealing.ts';

const NAME = /^[a-z0-9][a-z0-9._@+-]{0,99}$/;
/** Far more than a password may have; whoever sends more has mistaken the file. */
const STDIN_BYTES_MAX = 8192;

void runToExit(async () => {
  const admin = readArguments(process.argv.slice(2));
  const config = readConfig(process.env);
  const logger = createLogger({ name: 'migrate', level: config.logLevel });
  // Before anything is changed: what cannot be done is told at once.
  const password = admin === undefined ? '' : await readPassword(admin);
  const database = createDatabase({
    url: config.databaseDirectUrl ?? config.databaseUrl,
    applicationName: 'rivet-migrate',
    logger,
  });
  try {
    const migrations = await migrate(database, { logger });
    await checkSchema(database);
    announce({ event: 'migrated', migrations });
    if (admin !== undefined) await makeAdministrator(database, config, logger, admin, password);
  } finally {
    await database.close();
  }
});

/** @throws RIVET_USAGE, RIVET_USER_NAME */
function readArguments(args: string[]): string | undefined {
  const { admin } = parse(args);
  if (admin === undefined || NAME.test(admin)) return admin;
  throw RivetError.of('RIVET_USER_NAME', { found: JSON.stringify(admin) });
}

function parse(args: string[]): { admin?: string | undefined } {
  try {
    return parseArgs({ args, options: { admin: { type: 'string' } } }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw RivetError.of('RIVET_USAGE', { problem, hint: 'It takes --admin NAME.' }, error);
  }
}

/** @throws RIVET_AUTH_PASSWORD_WEAK */
async function readPassword(name: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > STDIN_BYTES_MAX) break;
  }
  const [password = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/, 1);
  checkNewPassword(password, name);
  return password;
}

async function makeAdministrator(
  database: Database,
  { masterKey: current, otherMasterKey: other }: Config,
  logger: Logger,
  name: string,
  password: string,
): Promise<void> {
  // Only with the master key can the audit log tell of it.
  const sealing = createSealing({ database, current, other, onFirstStart: beginAuditLog, logger });
  await sealing.start();
  const audit = createAuditLog(auditKeysOf(sealing.sealer));
  const passwordHash = await createPasswords().hash(password);
  const created = await database.transaction(
    (tx) => ensureAdministrator(tx, audit, { name, passwordHash }),
    { repeatable: false },
  );
  await sealing.stop();
  announce({ event: 'administrator', name, created });
}
