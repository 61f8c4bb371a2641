// Attempts that a runner still has after a start: it gets a new lease of those that are its own.
import type { ClaimedRow } from './claim-jobs.ts';
import { boundsOf, isOneOf, sameAs } from './reported-attempts.ts';
import { type Queryable, repeatable } from './statement.ts';

/** An attempt that a runner says it still has. */
export interface HeldAttempt {
  readonly jobId: string;
  readonly attempt: number;
  /** Leases under which it may be known here; the last one is the one that it gets. */
  readonly leaseIds: readonly string[];
}

/** An attempt that is held anew: what a claim gives, and how far its reports have come. */
export interface HeldRow extends ClaimedRow {
  readonly last_seq: number;
  readonly log_lines: number;
}

// Twice is once: the lease that it is given is one of those that it may have.
const hold = repeatable(
  'hold_attempts',
  `WITH asked AS (
     -- In the order of everybody who locks several.
     SELECT * FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::uuid[])
       AS h(job_id, attempt, lease_id, next_id)
     ORDER BY job_id
   ), held AS (
     SELECT asked.next_id, found.*
     FROM asked, LATERAL (
       -- One by one, by their keys: while this is planned there may be next to none of them.
       SELECT a.job_id, a.attempt, a.request_id, a.last_seq, a.log_lines, j.priority, j.pipeline_id,
         j.pipeline_name, j.version, j.inputs, j.launched_by, j.event, j.created_at
       -- The bounds say which partitions it is about.
       FROM running_attempts a JOIN jobs j ON j.id = a.job_id AND j.id BETWEEN $6 AND $7
       WHERE a.job_id = asked.job_id
         AND ${sameAs('a.attempt, a.runner_id, a.lease_id', 'asked.attempt, $1, asked.lease_id')}
       -- A report that is being stored is waited for.
       LIMIT 1 FOR UPDATE OF j, a
     ) found
     -- Out here: the planner takes this to leave few, and looks up by their keys what follows.
     WHERE found.attempt = asked.attempt
   ), renewed AS (
     UPDATE running_attempts a SET lease_until = now() + make_interval(secs => $8),
       lease_id = (SELECT next_id FROM held WHERE held.job_id = a.job_id LIMIT 1)
     WHERE ${isOneOf('a.job_id', 'held')}
   )
   SELECT DISTINCT ON (job_id) job_id, attempt, priority, next_id AS lease_id, request_id,
     pipeline_id, pipeline_name, version, inputs, launched_by, event, created_at, last_seq,
     log_lines
   FROM held`,
);

/**
 * Gives the runner a new lease of those of the attempts that are its own and go on: whatever was
 * sent under the lease before it is refused from then on. Those that are over are left out.
 */
export async function holdAttempts(
  tx: Queryable,
  runnerId: string,
  attempts: readonly HeldAttempt[],
  leaseSeconds: number,
): Promise<HeldRow[]> {
  const asked = attempts.flatMap(({ jobId, attempt, leaseIds }) =>
    leaseIds.map((leaseId) => ({ jobId, attempt, leaseId, nextId: leaseIds.at(-1) })),
  );
  if (asked.length === 0) return [];
  return tx.query(hold, [
    runnerId,
    asked.map(({ jobId }) => jobId),
    asked.map(({ attempt }) => attempt),
    asked.map(({ leaseId }) => leaseId),
    asked.map(({ nextId }) => nextId),
    ...boundsOf(attempts.map(({ jobId }) => jobId)),
    leaseSeconds,
  ]);
}
