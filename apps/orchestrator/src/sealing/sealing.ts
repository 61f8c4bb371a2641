// The sealer of a running orchestrator: fetches its keys at the start and holds them against the
// database.
import { randomBytes } from 'node:crypto';
import { createService, type Logger, RivetError, type Service } from '@rivet/base';
import {
  countSealedByKey,
  type Database,
  insertInstallationRoot,
  type Queryable,
  readInstallationRoot,
  type SealedColumns,
} from '@rivet/store';
import { loadMasterKey, type MasterKeySource } from './load-master-key.ts';
import { createSealer, type Keyring, type Sealed, type Sealer } from './sealer.ts';

export interface SealingOptions {
  readonly database: Database;
  /** Undefined when the settings name none, with which the start fails. */
  readonly current: MasterKeySource | undefined;
  /** Of the key before while it is replaced, or of the one to come. */
  readonly other: MasterKeySource | undefined;
  /** Run once for an installation, in the transaction that makes its root. */
  readonly onFirstStart: (tx: Queryable, sealer: Sealer) => Promise<void>;
  readonly logger: Logger;
}

const ROOT_BYTES = 32;
/** Only to look at the root with: what is derived from it then is used for nothing. */
const NO_ROOT = Buffer.alloc(ROOT_BYTES);

/**
 * A sealer that works from the start of its service on; the schema must be there by then. The start
 * fails with RIVET_MASTER_KEY_WRONG when the database was made with another key, and with
 * RIVET_SECRET_SEAL_BROKEN when the root is gone that there was.
 */
export function createSealing(options: SealingOptions): Service & { readonly sealer: Sealer } {
  let started: Sealer | undefined;
  const sealer = (): Sealer => {
    if (started !== undefined) return started;
    throw RivetError.of('RIVET_INTERNAL', { reason: 'the sealer is used before its start' });
  };
  const service = createService('sealing', {
    async start() {
      const { current, other, logger } = options;
      if (current === undefined) throw RivetError.of('RIVET_MASTER_KEY_MISSING', {});
      const keyring: Keyring = {
        current: await loadMasterKey(current),
        other: other && (await loadMasterKey(other)),
      };
      started = createSealer(keyring, await openRoot(options, keyring));
      logger.info({ master_key: keyring.current.id, other: keyring.other?.id }, 'unsealed');
      await warnOfOtherKeys(options, started);
    },
    async stop() {},
  });
  return {
    ...service,
    sealer: {
      get keyId() {
        return sealer().keyId;
      },
      get otherKeyId() {
        return sealer().otherKeyId;
      },
      seal: (plain, context) => sealer().seal(plain, context),
      open: (sealed, context) => sealer().open(sealed, context),
      rewrap: (sealed) => sealer().rewrap(sealed),
      mac: (purpose) => sealer().mac(purpose),
    },
  };
}

/** The root of the installation; made by whichever orchestrator is the first. */
async function openRoot(options: SealingOptions, keyring: Keyring): Promise<Buffer> {
  const { database } = options;
  const keys = createSealer(keyring, NO_ROOT);
  const before = await readInstallationRoot(database);
  const context = ['installation', before.id];
  if (before.sealed === undefined) await makeRoot(options, keyring, context);
  const { sealed } = before.sealed === undefined ? await readInstallationRoot(database) : before;
  if (sealed === undefined) throw RivetError.of('RIVET_INTERNAL', { reason: 'no root was stored' });
  const known = [keys.keyId, keys.otherKeyId].filter((id) => id !== undefined);
  if (!known.includes(sealed.master_key_id)) {
    const facts = { known: known.join(' or '), found: sealed.master_key_id };
    throw RivetError.of('RIVET_MASTER_KEY_WRONG', facts);
  }
  return keys.open(sealedOf(sealed), context);
}

/** Of a master key that was taken away before all values were wrapped anew. */
async function warnOfOtherKeys(
  { database, logger }: SealingOptions,
  { keyId, otherKeyId }: Sealer,
): Promise<void> {
  for (const { key_id, count } of await countSealedByKey(database)) {
    if (key_id === keyId || key_id === otherKeyId) continue;
    const what = `${count} values are sealed with the master key ${key_id}, which is not there`;
    const solve = 'set it as RIVET_MASTER_KEY_PREVIOUS and run `rivet secret rotate`';
    logger.warn({ master_key: key_id, values: count }, `${what}: ${solve}`);
  }
}

async function makeRoot(
  { database, onFirstStart }: SealingOptions,
  keyring: Keyring,
  context: readonly string[],
): Promise<void> {
  const root = randomBytes(ROOT_BYTES);
  const sealer = createSealer(keyring, root);
  await database.transaction(
    async (tx) => {
      if (!(await insertInstallationRoot(tx, columnsOf(sealer.seal(root, context))))) return;
      const sealed = await countSealedByKey(tx);
      const others = sealed.reduce((sum, { count }) => sum + count, -1);
      // With a new one the whole audit log would look forged, or, emptied, as if it had just begun.
      if (others > 0) throw rootGone(others);
      await onFirstStart(tx, sealer);
    },
    { repeatable: true },
  );
}

function rootGone(others: number): RivetError {
  const reason = `it is gone from the table "installation", and ${others} values are there that were sealed after it was made`;
  return RivetError.of('RIVET_SECRET_SEAL_BROKEN', { what: 'root of the installation', reason });
}

/** A sealed value as the columns of a row. */
export function columnsOf({ keyId, wrappedKey, box }: Sealed): SealedColumns {
  return { master_key_id: keyId, wrapped_key: wrappedKey, box };
}

/** The columns of a row as a sealed value. */
export function sealedOf({ master_key_id, wrapped_key, box }: SealedColumns): Sealed {
  return { keyId: master_key_id, wrappedKey: wrapped_key, box };
}
