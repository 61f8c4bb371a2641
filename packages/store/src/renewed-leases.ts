// Renews the leases of attempts, and nothing else of them: for runners whose reports take long.
import { boundsOf, isOneOf, sameAs } from './reported-attempts.ts';
import { type Queryable, repeatable } from './statement.ts';

/** The lease under which a runner works on an attempt. */
export interface LeaseInUse {
  readonly jobId: string;
  readonly attempt: number;
  readonly runnerId: string;
  readonly leaseId: string;
}

/** A lease that holds. */
export interface RenewedLease {
  /** Which of those that were asked for, from 1 on. */
  readonly place: number;
  /** False: somebody has the attempt locked, who renews its lease or ends it. */
  readonly renewed: boolean;
  readonly cancel_requested: boolean;
}

const FENCE = sameAs('a.attempt, a.runner_id, a.lease_id', 'r.attempt, r.runner_id, r.lease_id');

const renew = repeatable(
  'renew_leases',
  `WITH r AS (
     SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[]) WITH ORDINALITY
       AS r(job_id, attempt, runner_id, lease_id, place)
   ), held AS (
     SELECT r.place, r.job_id
     FROM r, LATERAL (
       -- Without its job: a report that has the attempt locked is not waited for.
       SELECT a.attempt FROM running_attempts a WHERE a.job_id = r.job_id AND ${FENCE}
       LIMIT 1 FOR UPDATE SKIP LOCKED
     ) found
     -- Out here: the planner takes this to leave few, and looks up by their keys what follows.
     WHERE found.attempt = r.attempt
   ), renewed AS (
     UPDATE running_attempts a SET lease_until = clock_timestamp() + make_interval(secs => $7)
     WHERE ${isOneOf('a.job_id', 'held')}
   )
   -- Not as a join: the planner expects few, and would compare each with each.
   SELECT r.place::int, r.place IN (SELECT place FROM held) AS renewed, found.cancel_requested
   FROM r, LATERAL (
     SELECT a.attempt, j.cancel_requested
     -- The bounds say which partitions it is about.
     FROM running_attempts a JOIN jobs j ON j.id = a.job_id AND j.id BETWEEN $5 AND $6
     WHERE a.job_id = r.job_id AND ${FENCE}
     LIMIT 1
   ) found
   WHERE found.attempt = r.attempt`,
);

/** Renews leases in one statement. Those that are not in the result hold no more, or never did. */
export function renewLeases(
  db: Queryable,
  leases: readonly LeaseInUse[],
  leaseSeconds: number,
): Promise<RenewedLease[]> {
  const ids = leases.map(({ jobId }) => jobId);
  return db.query(renew, [
    ids,
    leases.map(({ attempt }) => attempt),
    leases.map(({ runnerId }) => runnerId),
    leases.map(({ leaseId }) => leaseId),
    ...boundsOf(ids),
    leaseSeconds,
  ]);
}
