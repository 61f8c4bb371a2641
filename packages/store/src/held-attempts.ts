// Attempts that a runner still has after a start: it gets a new lease of those that are its own.
import type { ClaimedRow } from './claim-jobs.ts';
import { boundsOf } from './reported-attempts.ts';
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
  `WITH held AS (
     SELECT a.job_id, a.attempt, h.next_id
     FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::uuid[])
       AS h(job_id, attempt, lease_id, next_id)
     JOIN running_attempts a ON a.job_id = h.job_id AND a.attempt = h.attempt
       AND a.lease_id = h.lease_id AND a.runner_id = $1
     -- The bounds say which partitions it is about.
     JOIN jobs j ON j.id = h.job_id AND j.id BETWEEN $6 AND $7
     -- In the order of everybody who locks several; a report that is being stored is waited for.
     ORDER BY j.id FOR UPDATE OF j, a
   )
   UPDATE running_attempts a
   SET lease_id = h.next_id, lease_until = now() + make_interval(secs => $8)
   FROM held h JOIN jobs j ON j.id = h.job_id AND j.id BETWEEN $6 AND $7
   WHERE a.job_id = h.job_id AND a.attempt = h.attempt
   RETURNING a.job_id, a.attempt, j.priority, a.lease_id, a.request_id, j.pipeline_id,
     j.pipeline_name, j.version, j.inputs, j.launched_by, j.event, j.created_at,
     a.last_seq, a.log_lines`,
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
