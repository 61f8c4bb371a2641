// Makes runners known, each with a registration token once.
import { RivetError, uuidv7 } from '@rivet/base';
import type { RegisterRequest } from '@rivet/protocol';
import {
  findRegisteredRunner,
  insertRunner,
  type Queryable,
  takeRegistrationTokenUse,
} from '@rivet/store';
import { grantTags } from './runner-tags.ts';

/** A runner that is known now, and whether it was not before. */
export interface Registered {
  readonly runnerId: string;
  readonly isNew: boolean;
}

/**
 * Makes a runner known by the hash of its token. Asked again with the same hash and name it answers
 * the same and takes no use, also when the registration token has none left: an answer may be lost.
 * @param tokenId of the registration token, which may be used up or expired
 * @throws RIVET_AUTH_INVALID, RIVET_RUNNER_NAME_TAKEN, RIVET_RUNNER_REVOKED,
 *   RIVET_RUNNER_TAG_DENIED, RIVET_RUNNER_TAG_RESERVED
 */
export async function registerRunner(
  tx: Queryable,
  tokenId: string,
  request: RegisterRequest,
): Promise<Registered> {
  const tokenHash = Buffer.from(request.token_sha256, 'hex');
  const known = await findKnown(tx, tokenHash, request.name);
  if (known !== undefined) return { runnerId: known, isNew: false };
  const terms = await takeRegistrationTokenUse(tx, tokenId);
  // A second request of the same runner may have waited for the first one's use of the token.
  const meanwhile = await findKnown(tx, tokenHash, request.name);
  if (terms === undefined && meanwhile !== undefined) return { runnerId: meanwhile, isNew: false };
  if (terms === undefined) throw RivetError.of('RIVET_AUTH_INVALID', {});
  const id = uuidv7();
  const inserted = await insertRunner(tx, {
    id,
    name: request.name,
    tokenHash,
    registeredWith: tokenId,
    fixedTags: terms.tags,
    tagKeys: terms.tag_keys,
    pipelines: terms.pipelines,
    tags: grantTags(request.tags, terms.tags, terms.tag_keys),
    capacity: request.capacity,
    version: request.version,
  });
  // The use is given back with the rest of the transaction.
  if (!inserted) throw RivetError.of('RIVET_RUNNER_NAME_TAKEN', { name: request.name });
  return { runnerId: id, isNew: true };
}

async function findKnown(
  tx: Queryable,
  tokenHash: Buffer,
  name: string,
): Promise<string | undefined> {
  const known = await findRegisteredRunner(tx, tokenHash);
  if (known === undefined) return undefined;
  if (known.revoked) throw RivetError.of('RIVET_RUNNER_REVOKED', { name: known.name });
  if (known.name !== name) throw RivetError.of('RIVET_RUNNER_NAME_TAKEN', { name });
  return known.id;
}
