// The program "bootstrap": makes what an installation for one person needs before its orchestrator
// starts (schema, administrator, API key, a token for its runner); prints it for who started it.
import './under-init.ts';
import { createLogger, type SecretText, uuidv7 } from '@rivet/base';
import {
  checkSchema,
  createDatabase,
  findApiKeyHolder,
  findUser,
  insertApiKey,
  insertRegistrationToken,
  insertUser,
  lockApiKey,
  migrate,
  type Queryable,
} from '@rivet/store';
import { type AuditLog, createAuditLog } from './audit/audit-log.ts';
import { auditKeysOf, beginAuditLog } from './audit/begin-audit-log.ts';
import { hashToken, makeToken } from './auth/token.ts';
import { readBootstrapKey } from './bootstrap-config.ts';
import { readConfig } from './config.ts';
import { announce, runToExit } from './exit.ts';
import { createSealing } from './sealing/sealing.ts';

const ADMINISTRATOR = 'admin';
const KEY_NAME = 'rivet dev';
const DAY_MS = 24 * 3_600_000;
/** As long as a key can be valid: keys that are made with it cannot be valid for longer. */
const KEY_MS = 366 * DAY_MS;
/** An earlier key with less time than this is replaced. */
const KEPT_MS_MIN = 100 * DAY_MS;
const REGISTRATION_SECONDS = 600;

void runToExit(async () => {
  const { databaseUrl, databaseDirectUrl, logLevel, masterKey, otherMasterKey } = readConfig(
    process.env,
  );
  const logger = createLogger({ name: 'bootstrap', level: logLevel });
  const database = createDatabase({
    url: databaseDirectUrl ?? databaseUrl,
    applicationName: 'rivet-bootstrap',
    logger,
  });
  try {
    const migrations = await migrate(database, { logger });
    await checkSchema(database);
    const keys = { current: masterKey, other: otherMasterKey };
    const sealing = createSealing({ database, ...keys, onFirstStart: beginAuditLog, logger });
    await sealing.start();
    const audit = createAuditLog(auditKeysOf(sealing.sealer));
    const earlier = readBootstrapKey(process.env);
    const once = { repeatable: false } as const;
    const apiKey = await database.transaction((tx) => findOrMakeKey(tx, audit, earlier), once);
    const token = await database.transaction((tx) => makeRegistrationToken(tx, audit), once);
    announce({
      event: 'prepared',
      migrations,
      user: ADMINISTRATOR,
      api_key: apiKey,
      registration_token: token,
    });
  } finally {
    await database.close();
  }
});

/** For the runner of this installation, at its first start. */
async function makeRegistrationToken(tx: Queryable, audit: AuditLog): Promise<string> {
  const { token, hash, shown } = makeToken('registration');
  const id = uuidv7();
  await insertRegistrationToken(tx, {
    id,
    tokenHash: hash,
    prefix: shown,
    description: KEY_NAME,
    usesMax: 1,
    tags: [],
    tagKeys: ['*'],
    pipelines: ['*'],
    createdBy: ADMINISTRATOR,
    expiresInSeconds: REGISTRATION_SECONDS,
  });
  const object = { kind: 'registration_token', id, name: KEY_NAME };
  await audit.record(tx, undefined, { action: 'runner.token_create', object });
  return token.reveal();
}

/** The earlier key while it is good: only its hash is kept here, so it cannot be told again. */
async function findOrMakeKey(
  tx: Queryable,
  audit: AuditLog,
  earlier: SecretText | undefined,
): Promise<string> {
  const text = earlier?.reveal() ?? '';
  const holder = await findApiKeyHolder(tx, hashToken(text));
  const key = holder === undefined ? undefined : await lockApiKey(tx, holder.api_key_id);
  const until = key?.expires_at?.getTime() ?? 0;
  return until - Date.now() > KEPT_MS_MIN ? text : await makeKey(tx, audit);
}

async function makeKey(tx: Queryable, audit: AuditLog): Promise<string> {
  const made = { id: uuidv7(), name: ADMINISTRATOR, role: 'admin', passwordHash: null } as const;
  const inserted = await insertUser(tx, made);
  if (inserted !== undefined) {
    const object = { kind: 'user', id: made.id, name: ADMINISTRATOR };
    await audit.record(tx, undefined, {
      action: 'user.create',
      object,
      details: { role: 'admin' },
    });
  }
  const user = inserted ?? (await findUser(tx, ADMINISTRATOR));
  const { token, hash, shown } = makeToken('apiKey');
  const id = uuidv7();
  await insertApiKey(tx, {
    id,
    userId: user?.id ?? made.id,
    name: KEY_NAME,
    hash,
    prefix: shown,
    permissions: null,
    pipelines: null,
    expiresAt: new Date(Date.now() + KEY_MS),
  });
  const object = { kind: 'api_key', id, name: KEY_NAME };
  await audit.record(tx, undefined, {
    action: 'api_key.create',
    object,
    details: { user: ADMINISTRATOR },
  });
  return token.reveal();
}
