// Finds the secret that a request means, and decides what its sender may do to it.
import { didYouMean, RivetError } from '@rivet/base';
import {
  findSecret,
  listSecrets,
  lockSecret,
  type NameFilter,
  type Queryable,
  type SecretRow,
} from '@rivet/store';
import { requireOn } from '../access/guard.ts';
import type { Person } from '../auth/principal.ts';
import { fullSecretName } from './secret-name.ts';

/** What a request says: the name, and of which pipeline it is; empty: the installation's. */
export type SecretKey = Pick<SecretRow, 'scope' | 'name'>;

/** One of both is enough to see that a secret is there. */
export function visibleSecrets({
  access,
}: Person): readonly [NameFilter | undefined, NameFilter | undefined] {
  return [access.filterOf('secrets.use'), access.filterOf('secrets.write')];
}

/**
 * The secret, if the person may see it. One that they may not see is as if it were not there.
 * @throws RIVET_SECRET_NOT_FOUND
 */
export async function findSecretFor(
  db: Queryable,
  person: Person,
  key: SecretKey,
): Promise<SecretRow> {
  return seen(db, person, key, await findSecret(db, key.scope, key.name));
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockSecretFor(
  tx: Queryable,
  person: Person,
  key: SecretKey,
): Promise<SecretRow> {
  return seen(tx, person, key, await lockSecret(tx, key.scope, key.name));
}

async function seen(
  db: Queryable,
  person: Person,
  key: SecretKey,
  row: SecretRow | undefined,
): Promise<SecretRow> {
  const full = fullSecretName(key);
  const { access } = person;
  if (access.mayOn('secrets.use', full) || access.mayOn('secrets.write', full)) {
    if (row !== undefined) return row;
  }
  const others = await listSecrets(db, {
    after: ['', ''],
    scope: undefined,
    search: '',
    filters: visibleSecrets(person),
    limit: 1000,
  });
  const suggestion = didYouMean(full, others.map(fullSecretName));
  throw RivetError.of('RIVET_SECRET_NOT_FOUND', { secret: full, suggestion });
}

/**
 * Passes when the person may change the secret: one of a single pipeline also needs the right to
 * edit that.
 * @throws RIVET_ACCESS_DENIED
 */
export function requireWrite(person: Person, key: SecretKey): void {
  requireOn(person, 'secrets.write', { kind: 'secret', name: fullSecretName(key) });
  if (key.scope === '') return;
  requireOn(person, 'pipelines.edit', { kind: 'pipeline', name: key.scope });
}

/**
 * Passes when the person may say which pipelines get the secret: who may change it, and who may use
 * it for pipelines that they may edit. A pattern is one of names that they may edit when it fits
 * theirs as a text: what fits it then fits theirs too.
 * @throws RIVET_ACCESS_DENIED
 */
export function requireGrant(person: Person, key: SecretKey, pipelines: string): void {
  const { access } = person;
  const full = fullSecretName(key);
  if (access.mayOn('secrets.write', full)) {
    if (key.scope === '' || access.mayOn('pipelines.edit', key.scope)) return;
  }
  requireOn(person, 'secrets.use', { kind: 'secret', name: full });
  requireOn(person, 'pipelines.edit', { kind: 'pipeline', name: pipelines });
}
