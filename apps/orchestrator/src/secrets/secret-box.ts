// Seals and opens the values of secrets, bound to the secret and version that they belong to.
import { SecretText } from '@rivet/base';
import type { SealedColumns, SecretRow } from '@rivet/store';
import type { Sealer } from '../sealing/sealer.ts';
import { columnsOf, sealedOf } from '../sealing/sealing.ts';

type Identity = Pick<SecretRow, 'id' | 'scope' | 'name'>;

export function sealSecret(
  sealer: Sealer,
  secret: Identity,
  version: number,
  value: SecretText,
): SealedColumns {
  return columnsOf(sealer.seal(Buffer.from(value.reveal()), contextOf(secret, version)));
}

/** @throws RIVET_SECRET_SEAL_BROKEN, RIVET_MASTER_KEY_UNKNOWN */
export function openSecret(
  sealer: Sealer,
  secret: Identity,
  version: number,
  sealed: SealedColumns,
): SecretText {
  return new SecretText(sealer.open(sealedOf(sealed), contextOf(secret, version)).toString('utf8'));
}

/** The id too: one that was deleted does not come back under the same name. */
function contextOf({ id, scope, name }: Identity, version: number): string[] {
  return ['secret', id, scope, name, String(version)];
}
