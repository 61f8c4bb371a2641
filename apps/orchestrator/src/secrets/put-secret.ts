// Gives secrets their values: a new version in the database, or the word of which provider has it.
import { RivetError, SecretText, uuidv7 } from '@rivet/base';
import { checkSecretSize } from '@rivet/engine';
import { launchEvents, type PutSecretRequest } from '@rivet/protocol';
import {
  insertSecret,
  insertSecretVersion,
  lockSecret,
  newestSecretVersion,
  putSecretGrant,
  type Queryable,
  readSecretVersion,
  type SecretRow,
  updateSecret,
} from '@rivet/store';
import { guard } from '../access/guard.ts';
import type { Person } from '../auth/principal.ts';
import type { Sealer } from '../sealing/sealer.ts';
import { lockSecretFor, requireWrite, type SecretKey } from './find-secret.ts';
import type { SecretSources } from './providers/secret-source.ts';
import { openSecret, sealSecret } from './secret-box.ts';
import { fullSecretName } from './secret-name.ts';

/** Versions of a secret that are kept, the current one among them. */
const VERSIONS_KEPT = 10;

/** What a request asks for, checked. */
type Content =
  | { readonly provider: 'database'; readonly value: SecretText }
  | { readonly provider: 'environment' | 'file' | 'vault'; readonly reference: string };

/**
 * Holds a request against the rules before anything is stored.
 * @throws RIVET_REQUEST_INVALID, RIVET_SECRET_TOO_SHORT, RIVET_SECRET_TOO_LARGE,
 *   RIVET_SECRET_PROVIDER_OFF, RIVET_SECRET_REFERENCE_INVALID, RIVET_ACCESS_DENIED
 */
export function readContent(
  person: Person,
  key: SecretKey,
  { value, provider = 'database', reference }: PutSecretRequest,
  sources: SecretSources,
): Content {
  if (provider === 'database') {
    if (value === undefined) throw invalid('body.value is missing; expected the new value');
    if (reference !== undefined) throw invalid('body.reference is for other providers only');
    checkSecretSize(value, `the value of ${fullSecretName(key)}`);
    return { provider, value: new SecretText(value) };
  }
  if (value !== undefined) throw invalid(`body.value is not for the provider ${provider}`);
  if (reference === undefined) throw invalid('body.reference is missing; it names the value');
  // What it refers to is read with the rights of the orchestrator: whose it is, only an
  // administrator can say.
  guard('secrets.manage', person);
  sources.find(provider).checkReference(reference);
  return { provider, reference };
}

/** Stores what was asked; the person may do that. Once in one transaction. */
export async function putSecret(
  tx: Queryable,
  sealer: Sealer,
  person: Person,
  key: SecretKey,
  content: Content,
): Promise<{ readonly row: SecretRow; readonly made: boolean }> {
  requireWrite(person, key);
  const by = person.name;
  const { provider } = content;
  const reference = content.provider === 'database' ? null : content.reference;
  const first = content.provider === 'database' ? 1 : 0;
  const before = await lockSecret(tx, key.scope, key.name);
  const given = { id: uuidv7(), ...key, provider, reference, version: first, by };
  const row = before ?? (await insertSecret(tx, given));
  const made = row.id === given.id;
  // Its own pipeline is what it is for; a grant can still be narrowed or taken back.
  if (made && key.scope !== '') {
    await putSecretGrant(tx, { secretId: row.id, pipelines: key.scope, events: launchEvents, by });
  }
  let version = 0;
  if (content.provider === 'database') {
    version = (await newestSecretVersion(tx, row.id)) + 1;
    await addVersion(tx, sealer, row, { version, value: content.value, restoredFrom: null, by });
  }
  await updateSecret(tx, { id: row.id, provider, reference, version, by });
  return { row: await lockSecretFor(tx, person, key), made };
}

/**
 * Makes the value of an earlier version that of a new one.
 * @throws RIVET_SECRET_NOT_FOUND, RIVET_SECRET_VERSION_NOT_FOUND, RIVET_ACCESS_DENIED
 */
export async function rollbackSecret(
  tx: Queryable,
  sealer: Sealer,
  person: Person,
  key: SecretKey,
  from: number,
): Promise<SecretRow> {
  const row = await lockSecretFor(tx, person, key);
  requireWrite(person, row);
  const newest = await newestSecretVersion(tx, row.id);
  const sealed = await readSecretVersion(tx, row.id, from);
  if (sealed === undefined) {
    const oldest = Math.max(1, newest - VERSIONS_KEPT + 1);
    throw RivetError.of('RIVET_SECRET_VERSION_NOT_FOUND', {
      secret: fullSecretName(row),
      version: from,
      kept: newest === 0 ? 'none' : `${oldest} to ${newest}`,
    });
  }
  const by = person.name;
  const version = newest + 1;
  const value = openSecret(sealer, row, from, sealed);
  await addVersion(tx, sealer, row, { version, value, restoredFrom: from, by });
  await updateSecret(tx, { id: row.id, provider: 'database', reference: null, version, by });
  return lockSecretFor(tx, person, key);
}

async function addVersion(
  tx: Queryable,
  sealer: Sealer,
  row: SecretRow,
  added: { version: number; value: SecretText; restoredFrom: number | null; by: string },
): Promise<void> {
  const { version, value, restoredFrom, by } = added;
  await insertSecretVersion(tx, row.id, {
    version,
    sealed: sealSecret(sealer, row, version, value),
    restoredFrom,
    by,
    keep: VERSIONS_KEPT,
  });
}

function invalid(summary: string): RivetError {
  return RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
