// The key that seals what a runner keeps on disk of an attempt: the runner is given it with the
// attempt, each time anew, and writes it nowhere.
import { createHmac } from 'node:crypto';
import type { Sealer } from '../sealing/sealer.ts';

/**
 * Base64 of 32 bytes. It is derived and not stored: whoever has the database alone cannot make it,
 * and it stays the same when the master key is changed meanwhile.
 */
export function journalKey(
  sealer: Pick<Sealer, 'mac'>,
  { id, attempt }: { readonly id: string; readonly attempt: number },
): string {
  return createHmac('sha256', sealer.mac('journals'))
    .update(`${id.toLowerCase()}.${attempt}`)
    .digest('base64');
}
