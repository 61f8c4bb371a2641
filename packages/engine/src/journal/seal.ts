// Seals answers that hold secrets, so that they can stand in a journal on the runner's disk.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The call whose answer it is: what was sealed for one is no answer of another. */
interface CallPlace {
  readonly branch: string;
  readonly sequence: number;
}

export interface Seal {
  close(place: CallPlace, text: string): string;
  /** Undefined when another key sealed it, or for another call. */
  open(place: CallPlace, sealed: string): string | undefined;
}

/**
 * AES-256-GCM: base64 of nonce, tag and text.
 * @param key 32 bytes that are never on the disk of the runner
 */
export function createSeal(key: Uint8Array): Seal {
  if (key.length !== KEY_BYTES) throw new Error(`a key of ${key.length} bytes`);
  const own = Buffer.from(hkdfSync('sha256', key, '', 'rivet journal', KEY_BYTES));
  const about = ({ branch, sequence }: CallPlace) => Buffer.from(`${branch}#${sequence}`);
  return {
    close(place, text) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', own, nonce).setAAD(about(place));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open(place, sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      const text = NONCE_BYTES + TAG_BYTES;
      try {
        const decipher = createDecipheriv('aes-256-gcm', own, bytes.subarray(0, NONCE_BYTES));
        decipher.setAAD(about(place)).setAuthTag(bytes.subarray(NONCE_BYTES, text));
        return Buffer.concat([decipher.update(bytes.subarray(text)), decipher.final()]).toString();
      } catch {
        return undefined;
      }
    },
  };
}
