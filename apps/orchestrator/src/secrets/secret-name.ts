// How a secret is called where it stands for itself: in grants, in messages, in the audit log.
import type { SecretRow } from '@rivet/store';

/** `NAME`, and `pipeline/NAME` for one of a single pipeline: patterns of grants fit this. */
export function fullSecretName({ scope, name }: Pick<SecretRow, 'scope' | 'name'>): string {
  return scope === '' ? name : `${scope}/${name}`;
}
