// Envelope encryption: each value under a key of its own, that key under the master key.
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { RivetError } from '@rivet/base';
import { MASTER_KEY_BYTES, type MasterKey } from './master-key.ts';

/** A value that only a holder of the master key can read, as it stands in a row. */
export interface Sealed {
  /** Of the master key that wraps the key. */
  readonly keyId: string;
  readonly wrappedKey: Buffer;
  readonly box: Buffer;
}

/** Seals and opens. Safe for any number of callers at a time; keeps nothing but keys. */
export interface Sealer {
  /** Of the master key that seals from now on. */
  readonly keyId: string;
  /**
   * Seals under the current master key.
   * @param context says what the value is and where it belongs (purpose, scope, name, version …):
   *   it is bound to the value, so that a box that is copied elsewhere does not open
   */
  seal(plain: Buffer, context: readonly string[]): Sealed;
  /** @throws RIVET_SECRET_SEAL_BROKEN, RIVET_MASTER_KEY_UNKNOWN */
  open(sealed: Sealed, context: readonly string[]): Buffer;
  /**
   * The same box with its key wrapped by the current master key.
   * @throws RIVET_SECRET_SEAL_BROKEN, RIVET_MASTER_KEY_UNKNOWN
   */
  rewrap(sealed: Sealed): Sealed;
  /** Of the other master key that it opens with. */
  readonly otherKeyId: string | undefined;
  /**
   * 32 bytes for one purpose; the same on all orchestrators, and after a rotation too. As an
   * object: to make one of bytes takes longer than all that is done with it.
   */
  mac(purpose: string): KeyObject;
}

export interface Keyring {
  readonly current: MasterKey;
  /** Only opens: the one before while it is replaced, or the one to come. */
  readonly other?: MasterKey | undefined;
}

/** Both wrapped keys and boxes are: this byte, the nonce, the tag, the encrypted bytes. */
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const WRAP_CONTEXT = ['rivet wrapped key 1'];

/**
 * @param root 32 bytes that the keys of `mac` are derived from; it outlives master keys
 */
export function createSealer(keyring: Keyring, root: Buffer): Sealer {
  const { current, other } = keyring;
  const masterKey = (keyId: string): MasterKey => {
    if (keyId === current.id) return current;
    if (other !== undefined && keyId === other.id) return other;
    const known = other === undefined ? current.id : `${current.id} and ${other.id}`;
    throw RivetError.of('RIVET_MASTER_KEY_UNKNOWN', { found: keyId, known });
  };
  const unwrap = ({ keyId, wrappedKey }: Sealed, what: readonly string[]): Buffer =>
    decrypt(masterKey(keyId).key, wrappedKey, [...WRAP_CONTEXT, keyId], what);
  const wrap = (key: Buffer): Buffer => encrypt(current.key, key, [...WRAP_CONTEXT, current.id]);
  /** By purpose, of which there are few. */
  const macs = new Map<string, KeyObject>();
  return {
    keyId: current.id,
    otherKeyId: other?.id,
    seal(plain, context) {
      const key = randomBytes(MASTER_KEY_BYTES);
      try {
        return { keyId: current.id, wrappedKey: wrap(key), box: encrypt(key, plain, context) };
      } finally {
        key.fill(0);
      }
    },
    open(sealed, context) {
      const key = unwrap(sealed, context);
      try {
        return decrypt(key, sealed.box, context, context);
      } finally {
        key.fill(0);
      }
    },
    rewrap(sealed) {
      if (sealed.keyId === current.id) return sealed;
      const key = unwrap(sealed, ['a sealed value']);
      try {
        return { keyId: current.id, wrappedKey: wrap(key), box: sealed.box };
      } finally {
        key.fill(0);
      }
    },
    mac(purpose) {
      const known = macs.get(purpose);
      if (known !== undefined) return known;
      const bytes = hkdfSync('sha256', root, '', `rivet mac 1 ${purpose}`, MASTER_KEY_BYTES);
      const key = createSecretKey(Buffer.from(bytes));
      macs.set(purpose, key);
      return key;
    },
  };
}

function encrypt(key: Buffer | KeyObject, plain: Buffer, context: readonly string[]): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(context));
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), encrypted]);
}

function decrypt(
  key: Buffer | KeyObject,
  bytes: Buffer,
  context: readonly string[],
  what: readonly string[],
): Buffer {
  const broken = (reason: string, cause?: unknown): RivetError =>
    RivetError.of('RIVET_SECRET_SEAL_BROKEN', { what: what.join(' '), reason }, cause);
  const begin = 1 + NONCE_BYTES + TAG_BYTES;
  if (bytes.length < begin) throw broken(`it has ${bytes.length} bytes`);
  if (bytes[0] !== FORMAT)
    throw broken(`its format is ${bytes[0]}, which this version cannot read`);
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(context));
  decipher.setAuthTag(bytes.subarray(1 + NONCE_BYTES, begin));
  const decrypted = decipher.update(bytes.subarray(begin));
  try {
    return Buffer.concat([decrypted, decipher.final()]);
  } catch (error) {
    decrypted.fill(0);
    throw broken('it was changed, or belongs to something else', error);
  }
}

/** Each part with its length before it, so that no two lists of parts give the same bytes. */
function associatedData(context: readonly string[]): Buffer {
  const parts = context.flatMap((part) => {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat([Buffer.of(FORMAT), ...parts]);
}
