// The keys with which clients make launches repeatable: the same key with the same request gives
// the same jobs.
import { createHmac } from 'node:crypto';
import { RivetError } from '@rivet/base';
import { findIdempotencyKey, type IdempotencyKeyRow, type Queryable } from '@rivet/store';
import type { Person } from '../auth/principal.ts';
import type { Sealer } from '../sealing/sealer.ts';

/** A key of a client, and what it is used for. */
export interface LaunchKey {
  /** Each person's keys are apart: nobody is given the job of somebody else's key. */
  readonly text: string;
  readonly digest: string;
}

/** Undefined without a key. */
export function launchKey(
  sealer: Sealer,
  person: Person,
  key: string | undefined,
  request: unknown,
): LaunchKey | undefined {
  if (key === undefined) return undefined;
  return { text: `${person.userId} ${key}`, digest: digestOf(sealer, request) };
}

/**
 * The first job of the launch that the key was used for; undefined when it is new.
 * @throws RIVET_IDEMPOTENCY_KEY_REUSED when it was used for something else
 */
export async function earlierLaunch(
  db: Queryable,
  key: LaunchKey | undefined,
): Promise<string | undefined> {
  const used = key && (await findIdempotencyKey(db, key.text));
  return key && used && firstJobOf(key, used);
}

/** @throws RIVET_IDEMPOTENCY_KEY_REUSED when it was used for something else */
export function firstJobOf({ text, digest }: LaunchKey, used: IdempotencyKeyRow): string {
  if (used.digest === digest) return used.job_id;
  const key = JSON.stringify(text.slice(text.indexOf(' ') + 1));
  throw RivetError.of('RIVET_IDEMPOTENCY_KEY_REUSED', { key });
}

/**
 * A digest of a value, whatever the order of its keys. Keyed: a short secret input must not be
 * found by trying all of them.
 */
function digestOf(sealer: Sealer, value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHmac('sha256', sealer.mac('idempotency keys')).update(text).digest('hex');
}
