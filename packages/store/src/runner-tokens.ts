// Tokens of runners: a runner registers with the hash of its own, and changes it now and then.
import type { RunnerTag } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

export interface RunnerIdentity {
  readonly id: string;
  readonly name: string;
}

const find = repeatable(
  'find_runner_by_token',
  `SELECT id, name, COALESCE(next_token_hash = $1, false) AS is_next FROM runners
   WHERE (token_hash = $1 OR next_token_hash = $1) AND revoked_at IS NULL`,
);
const promote = repeatable(
  'promote_runner_token',
  `UPDATE runners SET token_hash = $2, next_token_hash = NULL, token_since = now(),
     rotation_asked = false
   WHERE id = $1 AND next_token_hash = $2`,
);

/**
 * The runner that has a token with this hash. The first use of a new token ends the old one.
 */
export async function findRunnerByToken(
  db: Queryable,
  hash: Buffer,
): Promise<RunnerIdentity | undefined> {
  const [row] = await db.query<RunnerIdentity & { is_next: boolean }>(find, [hash]);
  if (row === undefined) return undefined;
  if (row.is_next) await promoteRunnerToken(db, row.id, hash);
  return { id: row.id, name: row.name };
}

/** Ends the old token of a runner: from here on it has the one with this hash. */
export async function promoteRunnerToken(db: Queryable, id: string, hash: Buffer): Promise<void> {
  await db.query(promote, [id, hash]);
}

const findRegistered = repeatable(
  'find_registered_runner',
  `SELECT id, name, revoked_at IS NOT NULL AS revoked FROM runners
   WHERE token_hash = $1 OR next_token_hash = $1`,
);

/** The runner that registered with this hash, also one that was revoked since. */
export async function findRegisteredRunner(
  db: Queryable,
  hash: Buffer,
): Promise<(RunnerIdentity & { readonly revoked: boolean }) | undefined> {
  return (await db.query<RunnerIdentity & { revoked: boolean }>(findRegistered, [hash]))[0];
}

const insert = once(
  'insert_runner',
  `INSERT INTO runners (id, name, session, token_hash, registered_with, fixed_tags, tag_keys,
     pipelines, tags, capacity, version)
   VALUES ($1, $2, gen_random_uuid(), $3, $4, $5, $6, $7, $8, $9, $10)
   ON CONFLICT DO NOTHING RETURNING id`,
);

export interface NewRunner {
  readonly id: string;
  readonly name: string;
  readonly tokenHash: Buffer;
  /** Id of the registration token, and what that one gives. */
  readonly registeredWith: string;
  readonly fixedTags: readonly RunnerTag[];
  readonly tagKeys: readonly string[];
  readonly pipelines: readonly string[];
  /** All that it has, those of its own too. */
  readonly tags: readonly RunnerTag[];
  readonly capacity: number;
  readonly version: string;
}

/** Stores a new runner; false when its name, or its token, is another's. */
export async function insertRunner(tx: Queryable, runner: NewRunner): Promise<boolean> {
  const rows = await tx.query(insert, [
    runner.id,
    runner.name,
    runner.tokenHash,
    runner.registeredWith,
    JSON.stringify(runner.fixedTags),
    runner.tagKeys,
    runner.pipelines,
    JSON.stringify(runner.tags),
    runner.capacity,
    runner.version,
  ]);
  return rows.length > 0;
}

/** What the registration of a runner lets it be. */
export interface RunnerTerms {
  readonly fixed_tags: RunnerTag[];
  readonly tag_keys: string[];
  readonly pipelines: string[];
}

const readTerms = repeatable(
  'read_runner_terms',
  `SELECT fixed_tags, tag_keys, pipelines FROM runners WHERE id = $1`,
);

export async function readRunnerTerms(db: Queryable, id: string): Promise<RunnerTerms | undefined> {
  return (await db.query<RunnerTerms>(readTerms, [id]))[0];
}

const offer = repeatable(
  'offer_runner_token',
  `UPDATE runners SET next_token_hash = $2
   WHERE id = $1 AND revoked_at IS NULL
     -- Repeated, also after the new token was used already: nothing is left to do.
     AND token_hash <> $2 AND next_token_hash IS DISTINCT FROM $2
   RETURNING id`,
);

/** The old token stays valid until the one with this hash is used. Whether it is a new one. */
export async function offerRunnerToken(db: Queryable, id: string, hash: Buffer): Promise<boolean> {
  return (await db.query(offer, [id, hash])).length > 0;
}

const ask = repeatable(
  'ask_for_rotation',
  `UPDATE runners SET rotation_asked = true WHERE id = $1 AND revoked_at IS NULL`,
);

/** The runner is told with its next claim. */
export async function askForRotation(tx: Queryable, id: string): Promise<void> {
  await tx.query(ask, [id]);
}
