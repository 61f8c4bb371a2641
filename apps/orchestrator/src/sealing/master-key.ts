// A master key: 32 random bytes that wrap the keys of sealed values, and the name it goes by.
import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { RivetError } from '@rivet/base';

/** A key whose bytes cannot be printed: whoever inspects it sees only that it is one. */
export interface MasterKey {
  /** 16 hex digits that tell keys apart and tell nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
}

export const MASTER_KEY_BYTES = 32;
/** Fewer different bytes than this are no accident of 32 random ones (chance below 1 in 10^19). */
const DIFFERENT_BYTES_MIN = 16;
const ID_LABEL = 'rivet master key id 1';

/**
 * Reads base64 (or base64url) of 32 bytes; white space around it does not count.
 * @param source names where the text is from, for errors, which never hold the text
 * @throws RIVET_MASTER_KEY_INVALID
 */
export function parseMasterKey(text: string, source: string): MasterKey {
  const trimmed = text.trim();
  const invalid = (found: string): RivetError =>
    RivetError.of('RIVET_MASTER_KEY_INVALID', { source, found });
  if (trimmed === '') throw invalid('nothing');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed)) throw invalid('something that is not base64');
  const bytes = Buffer.from(trimmed, 'base64');
  try {
    if (bytes.length !== MASTER_KEY_BYTES) throw invalid(`${bytes.length} bytes`);
    if (new Set(bytes).size < DIFFERENT_BYTES_MIN) throw invalid('bytes that are not random');
    return masterKeyOf(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** The key made of these bytes, which are copied. */
export function masterKeyOf(bytes: Buffer): MasterKey {
  const id = createHash('sha256').update(ID_LABEL).update(bytes).digest('hex').slice(0, 16);
  return { id, key: createSecretKey(bytes) };
}
