// What reports change of the attempts that run: for many jobs in one statement.
import type { JobState } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

/** Which attempt somebody reports of. */
export interface ReportedAttempt {
  readonly jobId: string;
  readonly attempt: number;
  readonly runnerId: string;
}

/** An attempt that runs, and of its job what a report needs. Both are locked. */
export interface ReportedRow {
  readonly id: string;
  readonly pipeline_id: string;
  readonly pipeline_name: string;
  readonly version: number;
  readonly priority: number;
  readonly state: JobState;
  readonly attempt: number;
  readonly cancel_requested: boolean;
  readonly lease_id: string;
  readonly last_seq: number;
  readonly log_lines: number;
  readonly log_bytes: number;
  /** The time of the transaction, by the clock of the database. */
  readonly read_at: Date;
}

/**
 * SQL: whether two lists of columns and values have the same, none of which is null. Of single
 * equalities the planner could take one for its index, with all that one runner has left behind.
 */
export function sameAs(columns: string, values: string): string {
  return `ROW(${columns}) IS NOT DISTINCT FROM ROW(${values})`;
}

/**
 * SQL: whether the column `job_id` has one of the jobs of a part of the statement. Not as a join:
 * where a table had nothing when it was last analyzed, the planner reads all of its index for that,
 * with each job that was there since the oldest snapshot.
 */
export function isOneOf(column: string, part: string): string {
  return `${column} = ANY (ARRAY(SELECT job_id FROM ${part}))`;
}

const lock = repeatable(
  'lock_reported_attempts',
  `SELECT found.*
   FROM unnest($1::uuid[], $2::int[], $3::uuid[]) AS r(job_id, attempt, runner_id), LATERAL (
     -- One by one, by their keys: while this is planned there may be next to none of them.
     SELECT j.id, j.pipeline_id, j.pipeline_name, j.version, j.priority, j.state, a.attempt,
       j.cancel_requested, a.lease_id, a.last_seq, a.log_lines, a.log_bytes::float8,
       now() AS read_at
     -- The bounds say which partitions it is about.
     FROM running_attempts a JOIN jobs j ON j.id = a.job_id AND j.id BETWEEN $4 AND $5
     WHERE a.job_id = r.job_id AND ${sameAs('a.attempt, a.runner_id', 'r.attempt, r.runner_id')}
     -- One that somebody else has is left out, not waited for: nobody's report waits for it.
     LIMIT 1 FOR UPDATE OF j, a SKIP LOCKED
   ) found`,
);

/**
 * Locks those of the attempts that these runners run now. Left out are those that are over, that
 * another runner has, or that somebody else has locked.
 */
export function lockReportedAttempts(
  tx: Queryable,
  reported: readonly ReportedAttempt[],
): Promise<ReportedRow[]> {
  const ids = reported.map(({ jobId }) => jobId);
  return tx.query(lock, [
    ids,
    reported.map(({ attempt }) => attempt),
    reported.map(({ runnerId }) => runnerId),
    ...boundsOf(ids),
  ]);
}

/** How far the reports of an attempt have come. */
export interface AttemptProgress {
  readonly jobId: string;
  readonly attempt: number;
  readonly seq: number;
  readonly logLines: number;
  /** Of all lines, before they are compressed. */
  readonly logBytes: number;
}

const advance = once(
  'advance_attempts',
  `UPDATE running_attempts a SET (last_seq, log_lines, log_bytes) = (
       SELECT ($3::int[])[place], ($4::int[])[place], ($5::bigint[])[place]
       FROM array_position($1, a.job_id) AS place
     ),
     -- Not of the beginning of the transaction: it may have been renewed since.
     lease_until = clock_timestamp() + make_interval(secs => $6)
   -- Not as a join, see isOneOf.
   WHERE a.job_id = ANY ($1::uuid[]) AND a.attempt = ($2::int[])[array_position($1, a.job_id)]`,
);

/** Notes that reports were stored, and renews their leases. */
export async function advanceAttempts(
  tx: Queryable,
  progress: readonly AttemptProgress[],
  leaseSeconds: number,
): Promise<void> {
  if (progress.length === 0) return;
  await tx.query(advance, [...progressValues(progress), leaseSeconds]);
}

/** How an attempt ended, and its job with it. */
export interface AttemptEnd extends AttemptProgress {
  readonly state: 'succeeded' | 'failed' | 'canceled';
  readonly reason: string | null;
  readonly message: string | null;
  readonly code: string | null;
}

/** Of values: the smallest and the greatest id, which say which partitions it is about. */
type Bounds = readonly [from: string, to: string];

/**
 * What keeps attempts and ends their open stages, as parts of a WITH, for the rows of its part
 * `ended`: what is locked in `running_attempts`, and how it ended.
 */
export function endParts([from, to]: Bounds): string {
  return `removed AS (
     DELETE FROM running_attempts a WHERE ${isOneOf('a.job_id', 'ended')}
   ), kept AS (
     INSERT INTO job_attempts (job_id, attempt, runner_id, lease_id, last_seq, log_lines, log_bytes,
       started_at, summary, ended_at, result, reason, message, code)
     SELECT job_id, attempt, runner_id, lease_id::uuid, seq, log_lines, log_bytes, started_at,
       summary, now(), state, reason, message, code
     FROM ended
   ), closed AS (
     UPDATE job_stages s SET finished_at = now(), reason = 'the job ended',
       state = CASE s.state WHEN 'pending' THEN 'skipped' ELSE 'canceled' END
     FROM ended e WHERE s.job_id = e.job_id AND s.attempt = e.attempt
       AND s.job_id BETWEEN ${from} AND ${to} AND s.state IN ('pending', 'running')
   )`;
}

/** The part that ends the jobs of `ended`. */
export function finishedPart([from, to]: Bounds): string {
  return `finished AS (
     UPDATE jobs j SET state = e.state, reason = e.reason, message = e.message, finished_at = now()
     FROM ended e WHERE j.id = e.job_id AND j.id BETWEEN ${from} AND ${to}
   )`;
}

const finish = once(
  'finish_attempts',
  `WITH e AS (
     SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bigint[], $6::text[],
       $7::text[], $8::text[], $9::text[])
       AS e(job_id, attempt, seq, log_lines, log_bytes, state, reason, message, code)
   ), ended AS (
     SELECT found.runner_id, found.lease_id, found.started_at, found.summary, e.*
     FROM e, LATERAL (
       SELECT a.attempt, a.runner_id, a.lease_id, a.started_at, a.summary
       FROM running_attempts a WHERE a.job_id = e.job_id LIMIT 1
     ) found
     -- Out here: the planner takes this to leave few, and looks up by their keys what follows.
     WHERE found.attempt = e.attempt
   ), ${endParts(['$10', '$11'])}, ${finishedPart(['$10', '$11'])}
   SELECT FROM ended`,
);

/**
 * Ends attempts and their jobs, and closes the stages that they left open; the caller has locked
 * the attempts and the jobs.
 */
export async function finishAttempts(tx: Queryable, ends: readonly AttemptEnd[]): Promise<void> {
  if (ends.length === 0) return;
  await tx.query(finish, [
    ...progressValues(ends),
    ends.map(({ state }) => state),
    ends.map(({ reason }) => reason),
    ends.map(({ message }) => message),
    ends.map(({ code }) => code),
    ...boundsOf(ends.map(({ jobId }) => jobId)),
  ]);
}

function progressValues(progress: readonly AttemptProgress[]): unknown[] {
  return [
    progress.map(({ jobId }) => jobId),
    progress.map(({ attempt }) => attempt),
    progress.map(({ seq }) => seq),
    progress.map(({ logLines }) => logLines),
    progress.map(({ logBytes }) => logBytes),
  ];
}

/** The smallest and the greatest id: ids of the same length are ordered as their texts are. */
export function boundsOf(
  ids: readonly string[],
): [from: string | undefined, to: string | undefined] {
  const sorted = ids.map((id) => id.toLowerCase()).sort();
  return [sorted[0], sorted.at(-1)];
}
