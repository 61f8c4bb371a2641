// Keeps the signing keys of the database in memory, and notices when they were replaced.
import type { SigningKeyPurpose, SigningKeyRow } from '@rivet/store';
import { type CryptoKey, importJWK, type JWK } from 'jose';

export interface SigningKey {
  readonly id: string;
  readonly purpose: SigningKeyPurpose;
  readonly publicKey: CryptoKey;
  readonly row: SigningKeyRow;
}

export interface KeyCache {
  /** All keys whose tokens count, the newest first. */
  all(): Promise<readonly SigningKey[]>;
  /** The key that signs now. */
  signerOf(purpose: SigningKeyPurpose): Promise<SigningKey | undefined>;
  /** Of an id that is not known the database is asked, though not with every such token. */
  find(id: string, purpose: SigningKeyPurpose): Promise<SigningKey | undefined>;
  /** Forgets what was read. */
  refresh(): void;
}

/** For as long a key that was stolen and replaced still counts on another orchestrator. */
const FRESH_MS = 5000;
/** Whoever sends ids that are made up costs no more than one query in this time. */
const UNKNOWN_MS = 1000;

interface Snapshot {
  readonly keys: readonly SigningKey[];
  /** By the clock that never jumps. */
  readonly readAtMs: number;
}

/** @param read the rows as they are now, the newest first */
export function createKeyCache(read: () => Promise<SigningKeyRow[]>): KeyCache {
  let current: Promise<Snapshot> | undefined;
  let startedAtMs = 0;

  const load = (): Promise<Snapshot> => {
    const readAtMs = performance.now();
    startedAtMs = readAtMs;
    const loading = read().then(async (rows) => ({
      keys: await Promise.all(rows.map(importKey)),
      readAtMs,
    }));
    current = loading;
    // A failure is told to whoever waits for it, and the next one asks again.
    loading.catch(() => {
      if (current === loading) current = undefined;
    });
    return loading;
  };
  const snapshot = (maxAgeMs: number): Promise<Snapshot> =>
    current === undefined || performance.now() - startedAtMs > maxAgeMs ? load() : current;
  const live = ({ keys, readAtMs }: Snapshot): SigningKey[] => {
    const since = performance.now() - readAtMs;
    return keys.filter(({ row }) => row.ends_in_ms === null || row.ends_in_ms > since);
  };

  return {
    all: async () => live(await snapshot(FRESH_MS)),
    async signerOf(purpose) {
      const found = await snapshot(FRESH_MS);
      const since = performance.now() - found.readAtMs;
      return live(found).find(
        ({ purpose: own, row }) => own === purpose && row.signs_in_ms <= since,
      );
    },
    async find(id, purpose) {
      const pick = (found: Snapshot): SigningKey | undefined =>
        live(found).find((key) => key.id === id && key.purpose === purpose);
      const known = pick(await snapshot(FRESH_MS));
      return known ?? pick(await snapshot(UNKNOWN_MS));
    },
    refresh() {
      current = undefined;
    },
  };
}

async function importKey(row: SigningKeyRow): Promise<SigningKey> {
  const { id, purpose } = row;
  const algorithm = purpose === 'access' ? 'EdDSA' : 'RS256';
  const publicKey = (await importJWK(row.public_key as JWK, algorithm)) as CryptoKey;
  return { id, purpose, publicKey, row };
}
