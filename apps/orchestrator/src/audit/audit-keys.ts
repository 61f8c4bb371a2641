// The keyed hashes of the audit log: over what a row says, its place, and the end of the chain.
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { AuditContent, AuditHead } from '@rivet/store';

/** Makes and compares the hashes; nobody without the key can make one. */
export interface AuditKeys {
  /** Over all that a row says but its time, which the database adds. */
  rowMac(row: AuditContent): Buffer;
  /**
   * Over the place of a row: where it stands, when it was written, what it says, and the link
   * before.
   */
  link(
    before: Buffer,
    row: { readonly id: string; readonly at_us: string; readonly mac: Buffer },
    position: string,
  ): Buffer;
  /** What the first row is linked to. */
  origin(): Buffer;
  headMac(head: Pick<AuditHead, 'position' | 'link'>): Buffer;
}

/** In the order in which they are hashed, which never changes. */
const FIELDS = [
  'id',
  'actor_kind',
  'actor_id',
  'actor_name',
  'via_kind',
  'via_id',
  'action',
  'object_kind',
  'object_id',
  'object_name',
  'address',
  'request_id',
  'details',
] as const satisfies readonly (keyof AuditContent)[];

/** @param readKey gives 32 bytes that only orchestrators know, from their start on */
export function createAuditKeys(readKey: () => KeyObject): AuditKeys {
  let key: KeyObject | undefined;
  /** Each part with its length before it, so that no two lists of parts give the same bytes. */
  const mac = (purpose: string, parts: readonly (string | Buffer)[]): Buffer => {
    key ??= readKey();
    const hmac = createHmac('sha256', key);
    for (const part of [`rivet audit ${purpose} 1`, ...parts]) {
      const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      hmac.update(length).update(bytes);
    }
    return hmac.digest();
  };
  return {
    rowMac: (row) =>
      mac(
        'row',
        FIELDS.map((field) => row[field]),
      ),
    link: (before, { id, at_us, mac: rowMac }, position) =>
      mac('link', [before, position, id, at_us, rowMac]),
    origin: () => mac('origin', []),
    headMac: ({ position, link }) => mac('head', [position, link]),
  };
}

/** Whether two hashes are the same, whatever their lengths. */
export function sameMac(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
