// The sealer of a running orchestrator: fetches its keys at the start and holds them against the
// database.
import { randomBytes } from 'node:crypto';
import { createService, type Logger, RivetError, type Service } from '@rivet/base';
import {
  type Database,
  insertInstallationRoot,
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
  readonly logger: Logger;
}

const ROOT_BYTES = 32;
/** Only to look at the root with: what is derived from it then is used for nothing. */
const NO_ROOT = Buffer.alloc(ROOT_BYTES);

/**
 * A sealer that works from the start of its service on; the schema must be there by then. The start
 * fails with RIVET_MASTER_KEY_WRONG when the database was made with another key.
 */
export function createSealing(options: SealingOptions): Service & { readonly sealer: Sealer } {
  let started: Sealer | undefined;
  const sealer = (): Sealer => {
    if (started !== undefined) return started;
    throw RivetError.of('RIVET_INTERNAL', { reason: 'the sealer is used before its start' });
  };
  const service = createService('sealing', {
    async start() {
      const { current, other, database, logger } = options;
      if (current === undefined) throw RivetError.of('RIVET_MASTER_KEY_MISSING', {});
      const keyring: Keyring = {
        current: await loadMasterKey(current),
        other: other && (await loadMasterKey(other)),
      };
      started = createSealer(keyring, await openRoot(database, keyring));
      logger.info({ master_key: keyring.current.id, other: keyring.other?.id }, 'unsealed');
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
async function openRoot(database: Database, keyring: Keyring): Promise<Buffer> {
  const keys = createSealer(keyring, NO_ROOT);
  const before = await readInstallationRoot(database);
  const context = ['installation', before.id];
  if (before.sealed === undefined) {
    const made = keys.seal(randomBytes(ROOT_BYTES), context);
    await insertInstallationRoot(database, columnsOf(made));
  }
  const { sealed } = before.sealed === undefined ? await readInstallationRoot(database) : before;
  if (sealed === undefined) throw RivetError.of('RIVET_INTERNAL', { reason: 'no root was stored' });
  const known = [keys.keyId, keys.otherKeyId].filter((id) => id !== undefined);
  if (!known.includes(sealed.master_key_id)) {
    const facts = { known: known.join(' or '), found: sealed.master_key_id };
    throw RivetError.of('RIVET_MASTER_KEY_WRONG', facts);
  }
  return keys.open(sealedOf(sealed), context);
}

/** A sealed value as the columns of a row. */
export function columnsOf({ keyId, wrappedKey, box }: Sealed): SealedColumns {
  return { master_key_id: keyId, wrapped_key: wrappedKey, box };
}

/** The columns of a row as a sealed value. */
export function sealedOf({ master_key_id, wrapped_key, box }: SealedColumns): Sealed {
  return { keyId: master_key_id, wrappedKey: wrapped_key, box };
}
