// Reports that only renew a lease or end an attempt: many of them in one statement, which can also
// be part of the statement of a claim.
import {
  type AttemptEnd,
  type AttemptProgress,
  boundsOf,
  endParts,
  finishedPart,
  isOneOf,
  type ReportedAttempt,
  sameAs,
} from './reported-attempts.ts';
import { type Queryable, repeatable } from './statement.ts';

/** A report that says nothing but that an attempt goes on, or how it ended. */
export interface PlainReport extends ReportedAttempt {
  readonly leaseId: string;
  readonly seq: number;
  /** Absent: it goes on. */
  readonly end?: Omit<AttemptEnd, keyof AttemptProgress> | undefined;
}

/** A plain report that was stored. */
export interface StoredReport {
  readonly job_id: string;
  readonly cancel_requested: boolean;
}

const FENCE = sameAs(
  'a.runner_id, a.lease_id::text, a.last_seq',
  'r.runner_id, r.lease_id, r.seq - 1',
);

/** Values of `plainReportParts`, of which the last two are the bounds of the ids. */
const VALUE_COUNT = 11;

/** The values with the smallest and the greatest id of reported jobs. */
export function reportedBounds(from: number): readonly [first: string, last: string] {
  return [`$${from + VALUE_COUNT - 2}`, `$${from + VALUE_COUNT - 1}`];
}

/**
 * What stores plain reports, as parts of a WITH; `held` has the jobs of those that were stored, and
 * `ended` those whose rows in `jobs` are left to be ended.
 * @param from number of the first of the values that `plainReportValues` gives
 * @param leaseSeconds the value with the length of a lease
 */
export function plainReportParts(from: number, leaseSeconds: string): string {
  const value = (index: number): string => `$${from + index}`;
  const [first, last] = reportedBounds(from);
  return `r AS (
     SELECT * FROM unnest(${value(0)}::uuid[], ${value(1)}::int[], ${value(2)}::uuid[],
       ${value(3)}::text[], ${value(4)}::int[], ${value(5)}::text[], ${value(6)}::text[],
       ${value(7)}::text[], ${value(8)}::text[])
       AS r(job_id, attempt, runner_id, lease_id, seq, state, reason, message, code)
   ), held AS (
     -- As lockReportedAttempts does; what the fence does not let through is left to that.
     SELECT r.*, found.cancel_requested, found.log_lines, found.log_bytes, found.started_at,
       found.summary
     FROM r, LATERAL (
       SELECT j.cancel_requested, a.attempt, a.log_lines, a.log_bytes, a.started_at, a.summary
       FROM running_attempts a JOIN jobs j ON j.id = a.job_id AND j.id BETWEEN ${first} AND ${last}
       WHERE a.job_id = r.job_id
         AND ${FENCE}
       LIMIT 1 FOR UPDATE OF j, a SKIP LOCKED
     ) found
     -- Out here: the planner takes this to leave few, and looks up by their keys what follows.
     WHERE found.attempt = r.attempt
   ), advanced AS (
     -- The fence let through what comes next.
     UPDATE running_attempts a SET last_seq = a.last_seq + 1,
       lease_until = clock_timestamp() + make_interval(secs => ${leaseSeconds})
     WHERE ${isOneOf('a.job_id', 'held WHERE state IS NULL')}
   ), ended AS (
     SELECT * FROM held WHERE state IS NOT NULL
   ), ${endParts([first, last])}`;
}

/** The values of `plainReportParts`, in their order. */
export function plainReportValues(reports: readonly PlainReport[]): unknown[] {
  const ids = reports.map(({ jobId }) => jobId);
  return [
    ids,
    reports.map(({ attempt }) => attempt),
    reports.map(({ runnerId }) => runnerId),
    reports.map(({ leaseId }) => leaseId),
    reports.map(({ seq }) => seq),
    reports.map(({ end }) => end?.state ?? null),
    reports.map(({ end }) => end?.reason ?? null),
    reports.map(({ end }) => end?.message ?? null),
    reports.map(({ end }) => end?.code ?? null),
    ...boundsOf(ids),
  ];
}

// Twice is once: the fence lets the second time through nothing.
const storePlain = repeatable(
  'store_plain_reports',
  `WITH ${plainReportParts(1, '$12')}, ${finishedPart(reportedBounds(1))}
   SELECT job_id, cancel_requested FROM held`,
);

/**
 * Stores plain reports of different jobs in one statement, which is a transaction of its own. Those
 * that are not in the result were left alone: they are repeats, refused, or their jobs are locked.
 */
export function storePlainReports(
  db: Queryable,
  reports: readonly PlainReport[],
  leaseSeconds: number,
): Promise<StoredReport[]> {
  return db.query(storePlain, [...plainReportValues(reports), leaseSeconds]);
}
