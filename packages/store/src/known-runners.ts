// What an orchestrator keeps in memory of runners, and how it finds out that it has changed.
import type { RunnerTag } from '@rivet/protocol';
import { promoteRunnerToken } from './runner-tokens.ts';
import { PAUSE_MS } from './runners.ts';
import { type Queryable, repeatable } from './statement.ts';

/** A runner as its calls need it. */
export interface KnownRunnerRow {
  readonly id: string;
  readonly name: string;
  readonly session: string;
  readonly tags: RunnerTag[];
  /** Patterns of the names of the pipelines that it may run. */
  readonly pipelines: string[];
  readonly capacity: number;
  readonly draining: boolean;
  /** Why it takes no jobs, in its own words; null: it does. */
  readonly problem: string | null;
  /** Jobs that it ran when this was read. */
  readonly running: number;
  /** How long it is given no jobs, in milliseconds; 0: it is not paused. */
  readonly pause_ms: number;
  readonly drain_asked: boolean;
  /** Milliseconds until it should change its token; 0 when it should now. */
  readonly token_due_ms: number;
  /** Equal marks mean that nothing of the above has changed but `draining` and `running`. */
  readonly mark: string;
}

/** Whatever `connectRunner`, a pause, a revocation, a rotation, a new token or a problem changes. */
const MARK = `hashtextextended(concat_ws(' ', r.session, encode(r.token_hash, 'hex'),
  COALESCE(encode(r.next_token_hash, 'hex'), '-'), r.rotation_asked, r.drain_asked,
  COALESCE(r.problem, '-'), extract(epoch FROM r.paused_until)), 0)::text`;

const find = repeatable(
  'find_known_runner',
  `SELECT r.id, r.name, r.session, r.tags, r.pipelines, r.capacity, r.draining, r.problem,
     (SELECT count(*)::int FROM running_attempts a WHERE a.runner_id = r.id) AS running,
     ${PAUSE_MS} AS pause_ms, r.drain_asked,
     CASE WHEN r.rotation_asked THEN 0 ELSE GREATEST(0,
       1000 * EXTRACT(epoch FROM r.token_since + make_interval(secs => $2) - now()))
     END::float8 AS token_due_ms,
     ${MARK} AS mark, COALESCE(r.next_token_hash = $1, false) AS is_next
   FROM runners r
   -- By the one key or the other, and with a condition that no index has: while there is next to
   -- no runner a scan of all of them looks as good, and would be kept.
   WHERE r.id = (
     SELECT id FROM runners WHERE token_hash = $1
     UNION ALL SELECT id FROM runners WHERE next_token_hash = $1 LIMIT 1
   ) AND num_nulls(r.revoked_at) = 1`,
);

/**
 * The runner that has a token with this hash. The first use of a new token ends the old one:
 * `promoted` says that this was it, and that the mark is of before.
 */
export async function findKnownRunner(
  db: Queryable,
  hash: Buffer,
  tokenSecondsMax: number,
): Promise<{ runner: KnownRunnerRow; promoted: boolean } | undefined> {
  type Row = KnownRunnerRow & { readonly is_next: boolean };
  const [row] = await db.query<Row>(find, [hash, tokenSecondsMax]);
  if (row === undefined) return undefined;
  if (row.is_next) await promoteRunnerToken(db, row.id, hash);
  return { runner: row, promoted: row.is_next };
}

const compare = repeatable(
  'compare_known_runners',
  `SELECT k.id, r.id IS NULL AS gone
   FROM unnest($1::uuid[], $2::text[]) AS k(id, mark)
   LEFT JOIN runners r ON r.id = k.id AND r.revoked_at IS NULL
   WHERE r.id IS NULL OR ${MARK} <> k.mark`,
);

/** Many runners and their marks, as they are sent: for thousands that takes longer than asking. */
export interface RunnerMarks {
  readonly ids: string;
  readonly marks: string;
}

/** The same can be asked again and again; `known` as it was read, so that nothing needs escaping. */
export function runnerMarks(known: readonly Pick<KnownRunnerRow, 'id' | 'mark'>[]): RunnerMarks {
  return {
    ids: `{${known.map(({ id }) => id).join()}}`,
    marks: `{${known.map(({ mark }) => mark).join()}}`,
  };
}

/** Those of the runners whose mark is another one by now; `gone` were revoked. */
export function listChangedRunners(
  db: Queryable,
  { ids, marks }: RunnerMarks,
): Promise<{ id: string; gone: boolean }[]> {
  return db.query(compare, [ids, marks]);
}

const touch = repeatable(
  'touch_runners',
  `UPDATE runners SET last_seen_at = now() WHERE id IN (
     SELECT id FROM runners
     -- A runner that polls several orchestrators is written once.
     WHERE id = ANY ($1::uuid[]) AND last_seen_at < now() - interval '5 seconds'
     -- Two orchestrators would lock them in different orders.
     FOR NO KEY UPDATE SKIP LOCKED)`,
);

/** Notes that runners were heard of. */
export async function touchRunners(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query(touch, [ids]);
}
