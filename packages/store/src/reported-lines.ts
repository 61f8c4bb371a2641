// Reports that have nothing but lines of a log, which running jobs send most: many of them in one
// statement.
import type { LogChunk } from './job-logs.ts';
import type { StoredReport } from './plain-reports.ts';
import { boundsOf, isOneOf, type ReportedAttempt, sameAs } from './reported-attempts.ts';
import { type Queryable, repeatable } from './statement.ts';

/** A report that says nothing but what a job has printed. */
export interface LinesReport extends ReportedAttempt {
  readonly leaseId: string;
  readonly seq: number;
  readonly chunk: LogChunk;
  /** What the lines count for against the limit of the log. */
  readonly logBytes: number;
  /** The latest time that one of the lines has, in milliseconds since 1970. */
  readonly latestMs: number;
}

/** What the server lets through, whoever reports. */
export interface LinesLimits {
  readonly leaseSeconds: number;
  /** Bytes that the log of an attempt may have. */
  readonly logBytesMax: number;
  /** How far a line may be ahead of the clock of the database, in milliseconds. */
  readonly aheadMsMax: number;
}

const FENCE = sameAs(
  'a.runner_id, a.lease_id::text, a.last_seq, a.log_lines',
  'r.runner_id, r.lease_id, r.seq - 1, r.first_line - 1',
);

// Twice is once: the fence lets the second time through nothing.
const store = repeatable(
  'store_lines',
  `WITH r AS (
     SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::int[], $6::int[],
       $7::int[], $8::int[], $9::int[], $10::bigint[], $11::float8[])
       AS r(job_id, attempt, runner_id, lease_id, seq, first_line,
         line_count, at, length, log_bytes, latest_ms)
   ), held AS (
     -- As lockReportedAttempts does; what the fence does not let through is left to that.
     SELECT r.*, found.cancel_requested
     FROM r, LATERAL (
       SELECT j.cancel_requested, a.attempt
       FROM running_attempts a JOIN jobs j ON j.id = a.job_id AND j.id BETWEEN $13 AND $14
       WHERE a.job_id = r.job_id AND ${FENCE} AND a.log_bytes + r.log_bytes <= $16
       LIMIT 1 FOR UPDATE OF j, a SKIP LOCKED
     ) found
     -- Out here: the planner takes this to leave few, and looks up by their keys what follows.
     WHERE found.attempt = r.attempt
       AND r.latest_ms <= 1000 * extract(epoch FROM now())::float8 + $17
   ), appended AS (
     -- The bytes come in one piece: an array of them would be written and read as text.
     INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
     SELECT job_id, attempt, first_line, line_count, substring($12::bytea FROM at FOR length)
     FROM held
   ), advanced AS (
     -- The fence let through what comes next.
     UPDATE running_attempts a SET last_seq = a.last_seq + 1, (log_lines, log_bytes) = (
         SELECT a.log_lines + ($7::int[])[place], a.log_bytes + ($10::bigint[])[place]
         FROM array_position($1, a.job_id) AS place
       ), lease_until = clock_timestamp() + make_interval(secs => $15)
     WHERE ${isOneOf('a.job_id', 'held')}
   )
   SELECT job_id, cancel_requested FROM held`,
);

/**
 * Stores the lines of reports of different jobs in one statement, which is a transaction of its
 * own. Those that are not in the result were left alone: they are repeats, refused, too long or
 * from the future, or their jobs are locked.
 */
export function storeReportedLines(
  db: Queryable,
  reports: readonly LinesReport[],
  { leaseSeconds, logBytesMax, aheadMsMax }: LinesLimits,
): Promise<StoredReport[]> {
  let end = 1;
  const places = reports.map(({ chunk: { bytes } }) => {
    end += bytes.length;
    return end - bytes.length;
  });
  const ids = reports.map(({ jobId }) => jobId);
  return db.query(store, [
    ids,
    reports.map(({ attempt }) => attempt),
    reports.map(({ runnerId }) => runnerId),
    reports.map(({ leaseId }) => leaseId),
    reports.map(({ seq }) => seq),
    reports.map(({ chunk }) => chunk.firstLine),
    reports.map(({ chunk }) => chunk.lineCount),
    places,
    reports.map(({ chunk }) => chunk.bytes.length),
    reports.map(({ logBytes }) => logBytes),
    reports.map(({ latestMs }) => latestMs),
    Buffer.concat(reports.map(({ chunk }) => chunk.bytes)),
    ...boundsOf(ids),
    ...[leaseSeconds, logBytesMax, aheadMsMax],
  ]);
}
