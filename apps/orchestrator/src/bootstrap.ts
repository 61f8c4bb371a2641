// The program "bootstrap": makes what an installation for one person needs before its orchestrator
// starts (schema, administrator, API key) and says it to whoever started it, on standard output.
import { createLogger, uuidv7 } from '@rivet/base';
import {
  checkSchema,
  createDatabase,
  findUser,
  insertApiKey,
  insertUser,
  migrate,
  type Queryable,
} from '@rivet/store';
import { makeToken } from './auth/token.ts';
import { readConfig } from './config.ts';
import { announce, runToExit } from './exit.ts';

const ADMINISTRATOR = 'admin';
const KEY_NAME = 'rivet dev';
/** A day is more than anybody works without starting again. */
const KEY_MS = 24 * 3_600_000;

await runToExit(async () => {
  const { databaseUrl, logLevel } = readConfig(process.env);
  const logger = createLogger({ name: 'bootstrap', level: logLevel });
  const database = createDatabase({
    url: databaseUrl,
    applicationName: 'rivet-bootstrap',
    logger,
  });
  try {
    const migrations = await migrate(database);
    await checkSchema(database);
    const apiKey = await database.transaction(makeKey, { repeatable: false });
    announce({ event: 'prepared', migrations, user: ADMINISTRATOR, api_key: apiKey });
  } finally {
    await database.close();
  }
});

/** A new key each time: only its hash is kept, so an earlier one cannot be told again. */
async function makeKey(tx: Queryable): Promise<string> {
  const made = { id: uuidv7(), name: ADMINISTRATOR, role: 'admin', passwordHash: null } as const;
  const user = (await insertUser(tx, made)) ?? (await findUser(tx, ADMINISTRATOR));
  const { token, hash, shown } = makeToken('apiKey');
  await insertApiKey(tx, {
    id: uuidv7(),
    userId: user?.id ?? made.id,
    name: KEY_NAME,
    hash,
    prefix: shown,
    permissions: null,
    pipelines: null,
    expiresAt: new Date(Date.now() + KEY_MS),
  });
  return token.reveal();
}
