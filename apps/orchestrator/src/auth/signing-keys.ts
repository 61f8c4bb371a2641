// The keys that sign tokens: made at the first start, replaced by age or on demand, and the same on
// all orchestrators.
import { randomUUID } from 'node:crypto';
import { RivetError } from '@rivet/base';
import {
  type Database,
  forgetSigningKeys,
  insertSigningKey,
  listSigningKeys,
  lockSigningKeys,
  type Queryable,
  retireSigningKeys,
  type SigningKeyPurpose,
} from '@rivet/store';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import type { Sealer } from '../sealing/sealer.ts';
import { columnsOf, sealedOf } from '../sealing/sealing.ts';
import { createKeyCache, type SigningKey } from './signing-key-cache.ts';

/** Who a token is for, and for how long. */
interface SignOptions {
  /** `at+jwt` takes the key for access tokens, anything else the one for identities. */
  readonly typ: 'at+jwt' | 'JWT';
  readonly issuer: string;
  readonly audience: string;
  /** 1 to 3600. */
  readonly ttlSeconds: number;
}

/** A key as people see it. */
interface SigningKeyFacts {
  readonly id: string;
  readonly purpose: SigningKeyPurpose;
  readonly algorithm: string;
  readonly state: 'next' | 'signs' | 'verifies';
  readonly createdAt: Date;
  /** When its tokens end to count; undefined while it has no successor. */
  readonly endsAt: Date | undefined;
}

export interface SigningKeys {
  /** Makes sure that there is a key for access tokens. */
  prepare(): Promise<void>;
  /**
   * A signed JWT with `iss`, `aud`, `iat`, `nbf`, `exp` and `jti` beside the claims, which may
   * bring their own `jti` and `nbf`.
   * @throws RIVET_SIGNING_KEY_TTL
   */
  sign(claims: JWTPayload, options: SignOptions): Promise<string>;
  /** The public key of that id; undefined when there is none, or none for that purpose. */
  find(id: string, purpose: SigningKeyPurpose): Promise<SigningKey | undefined>;
  /** The public keys whose tokens count, for `/.well-known/jwks.json`. */
  publish(): Promise<{ keys: JWK[] }>;
  list(): Promise<SigningKeyFacts[]>;
  /**
   * Replaces the keys. The new ones sign when everybody has had time to fetch them; the tokens of
   * the old ones count until they end.
   * @param options.atOnce for a key that was stolen: its tokens are worth nothing from now on
   */
  rotate(tx: Queryable, options: { atOnce: boolean }): Promise<void>;
  /** Replaces keys that are old, and forgets those that ended long ago. */
  rotateByAge(): Promise<void>;
  /** Reads the keys anew at the next use: after a rotation by this process. */
  refresh(): void;
}

/** Clouds take RSA from everybody; of our own tokens only we are the reader. */
const algorithms: Readonly<Record<SigningKeyPurpose, 'EdDSA' | 'RS256'>> = {
  access: 'EdDSA',
  identity: 'RS256',
};

const TTL_SECONDS_MAX = 3600;
/** Longer than anybody keeps what `/.well-known/jwks.json` answered. */
const LEAD_SECONDS = 900;
const AGE_DAYS_MAX = 30;
const KEEP_ENDED_DAYS = 30;
const DAY_MS = 86_400_000;

export function createSigningKeys(options: {
  readonly database: Database;
  readonly sealer: Sealer;
}): SigningKeys {
  const { database, sealer } = options;
  const cache = createKeyCache(() => listSigningKeys(database));
  const privateKeys = new Map<string, Promise<CryptoKey>>();

  const ensure = async (purpose: SigningKeyPurpose): Promise<SigningKey> => {
    const known = await cache.signerOf(purpose);
    if (known !== undefined) return known;
    await database.transaction(
      async (tx) => {
        await lockSigningKeys(tx);
        // Another orchestrator may have made it while this one waited.
        const keys = await listSigningKeys(tx);
        if (keys.some((key) => key.purpose === purpose && key.signs_in_ms <= 0)) return;
        await makeKey(tx, sealer, purpose, 0);
      },
      { repeatable: true },
    );
    cache.refresh();
    const made = await cache.signerOf(purpose);
    if (made !== undefined) return made;
    throw RivetError.of('RIVET_INTERNAL', { reason: `no key signs for the purpose ${purpose}` });
  };

  const privateKeyOf = (key: SigningKey): Promise<CryptoKey> => {
    const opened = privateKeys.get(key.id);
    if (opened !== undefined) return opened;
    const plain = sealer.open(sealedOf(key.row), sealContext(key.id, key.purpose));
    const imported = importPKCS8(plain.toString('utf8'), algorithms[key.purpose]);
    plain.fill(0);
    privateKeys.set(key.id, imported);
    return imported;
  };

  const rotate = async (tx: Queryable, { atOnce }: { atOnce: boolean }): Promise<void> => {
    await lockSigningKeys(tx);
    const purposes = new Set((await listSigningKeys(tx)).map(({ purpose }) => purpose));
    for (const purpose of purposes) await replace(tx, sealer, purpose, atOnce);
  };

  return {
    async prepare() {
      await ensure('access');
    },
    async sign(claims, { typ, issuer, audience, ttlSeconds }) {
      if (!(ttlSeconds >= 1 && ttlSeconds <= TTL_SECONDS_MAX)) {
        const facts = { found: ttlSeconds, limit: TTL_SECONDS_MAX };
        throw RivetError.of('RIVET_SIGNING_KEY_TTL', facts);
      }
      const key = await ensure(typ === 'at+jwt' ? 'access' : 'identity');
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ jti: randomUUID(), nbf: now, ...claims })
        .setProtectedHeader({ alg: algorithms[key.purpose], kid: key.id, typ })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + ttlSeconds)
        .sign(await privateKeyOf(key));
    },
    find: (id, purpose) => cache.find(id, purpose),
    async publish() {
      await ensure('identity');
      const keys = await cache.all();
      return {
        keys: keys.map(({ id, purpose, row }) => ({
          ...row.public_key,
          kid: id,
          use: 'sig',
          alg: algorithms[purpose],
        })),
      };
    },
    async list() {
      cache.refresh();
      const signers = [await cache.signerOf('access'), await cache.signerOf('identity')];
      return (await cache.all()).map((key) => ({
        id: key.id,
        purpose: key.purpose,
        algorithm: algorithms[key.purpose],
        state: signers.some((signer) => signer?.id === key.id)
          ? 'signs'
          : key.row.ends_in_ms === null
            ? 'next'
            : 'verifies',
        createdAt: key.row.created_at,
        endsAt: key.row.ends_in_ms === null ? undefined : new Date(Date.now() + key.row.ends_in_ms),
      }));
    },
    rotate,
    async rotateByAge() {
      await database.transaction(
        async (tx) => {
          await lockSigningKeys(tx);
          const keys = await listSigningKeys(tx);
          for (const purpose of Object.keys(algorithms) as SigningKeyPurpose[]) {
            const newest = keys.find((key) => key.purpose === purpose);
            const old = newest !== undefined && newest.signs_in_ms < -AGE_DAYS_MAX * DAY_MS;
            if (old) await replace(tx, sealer, purpose, false);
          }
          await forgetSigningKeys(tx, KEEP_ENDED_DAYS);
        },
        { repeatable: true },
      );
    },
    refresh: () => cache.refresh(),
  };
}

/** Makes the successor of all keys of a purpose. */
async function replace(
  tx: Queryable,
  sealer: Sealer,
  purpose: SigningKeyPurpose,
  atOnce: boolean,
): Promise<void> {
  const successor = await makeKey(tx, sealer, purpose, atOnce ? 0 : LEAD_SECONDS);
  // Those that wait for their turn still are replaced like those that sign.
  const inSeconds = atOnce ? 0 : LEAD_SECONDS + TTL_SECONDS_MAX + LEAD_SECONDS;
  await retireSigningKeys(tx, purpose, { successor, inSeconds });
}

async function makeKey(
  tx: Queryable,
  sealer: Sealer,
  purpose: SigningKeyPurpose,
  signsInSeconds: number,
): Promise<string> {
  const pair = await generateKeyPair(algorithms[purpose], { extractable: true });
  const publicKey = await exportJWK(pair.publicKey);
  const id = await calculateJwkThumbprint(publicKey);
  const plain = Buffer.from(await exportPKCS8(pair.privateKey));
  const sealed = columnsOf(sealer.seal(plain, sealContext(id, purpose)));
  plain.fill(0);
  await insertSigningKey(tx, { id, purpose, publicKey, sealed, signsInSeconds });
  return id;
}

function sealContext(id: string, purpose: SigningKeyPurpose): string[] {
  return ['signing-key', purpose, id];
}
