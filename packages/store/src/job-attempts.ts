// Attempts: who runs a job under which lease, how far its reports have come, and how it ended. A
// current one is a row of the small table running_attempts; its end moves it to job_attempts.
import { once, type Queryable, repeatable } from './statement.ts';

export type AttemptResult = 'succeeded' | 'failed' | 'canceled' | 'lost' | 'returned';

export interface AttemptRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly runner_id: string;
  readonly lease_id: string;
  /** Whether the lease has run out, by the clock of the database. */
  readonly expired: boolean;
  readonly last_seq: number;
  readonly log_lines: number;
  /** What its log takes, before it is compressed. */
  readonly log_bytes: number;
  readonly started_at: Date;
  /** The time at which it was read, by the clock of the database. */
  readonly read_at: Date;
  readonly result: AttemptResult | null;
  readonly message: string | null;
}

const COLUMNS = `job_id, attempt, runner_id, lease_id, last_seq, log_lines, log_bytes::float8,
  started_at, now() AS read_at`;

const read = repeatable(
  'read_attempt',
  // One snapshot: an attempt is always in one of the two.
  `SELECT ${COLUMNS}, lease_until < now() AS expired, NULL AS result, NULL AS message
   FROM running_attempts WHERE job_id = $1 AND attempt = $2
   UNION ALL
   SELECT ${COLUMNS}, true, result, message FROM job_attempts WHERE job_id = $1 AND attempt = $2`,
);

export async function readAttempt(
  db: Queryable,
  jobId: string,
  attempt: number,
): Promise<AttemptRow | undefined> {
  return (await db.query<AttemptRow>(read, [jobId, attempt]))[0];
}

const setSummary = once(
  'set_attempt_summary',
  'UPDATE running_attempts SET summary = $3 WHERE job_id = $1 AND attempt = $2',
);

/** Stores what a job tells about itself, in place of what it told before. */
export async function setAttemptSummary(
  tx: Queryable,
  jobId: string,
  attempt: number,
  markdown: string,
): Promise<void> {
  await tx.query(setSummary, [jobId, attempt, markdown]);
}

const end = once(
  'end_attempt',
  `WITH ended AS (
     DELETE FROM running_attempts WHERE job_id = $1 AND attempt = $2 RETURNING *
   )
   INSERT INTO job_attempts (job_id, attempt, runner_id, lease_id, last_seq, log_lines, log_bytes,
     started_at, summary, ended_at, result, reason, message, code)
   SELECT job_id, attempt, runner_id, lease_id, last_seq, log_lines, log_bytes, started_at, summary,
     now(), $3, $4, $5, $6
   FROM ended`,
);

/** Ends an attempt; nothing it sends is taken from then on. */
export async function endAttempt(
  tx: Queryable,
  change: {
    jobId: string;
    attempt: number;
    result: AttemptResult;
    reason: string | null;
    message: string | null;
    code: string | null;
  },
): Promise<void> {
  const { jobId, attempt, result, reason, message, code } = change;
  await tx.query(end, [jobId, attempt, result, reason, message, code]);
}

const renewed = repeatable(
  'was_attempt_renewed',
  `SELECT lease_until > started_at + make_interval(secs => $2) AS renewed
   FROM running_attempts WHERE job_id = $1`,
);

/** Whether the lease of the current attempt was renewed since its claim gave it `leaseSeconds`. */
export async function wasRenewed(
  tx: Queryable,
  jobId: string,
  leaseSeconds: number,
): Promise<boolean> {
  const [row] = await tx.query<{ renewed: boolean }>(renewed, [jobId, leaseSeconds]);
  return row?.renewed ?? false;
}

const countSpent = repeatable(
  'count_spent_attempts',
  `SELECT count(*)::int AS count FROM job_attempts
   WHERE job_id = $1 AND result IN ('failed', 'lost')`,
);

/** Attempts that count against the retry rule: undone claims do not. */
export async function countSpentAttempts(tx: Queryable, jobId: string): Promise<number> {
  return (await tx.query<{ count: number }>(countSpent, [jobId]))[0]?.count ?? 0;
}

const countReturned = repeatable(
  'count_returned_attempts',
  `SELECT count(*)::int AS count FROM job_attempts WHERE job_id = $1 AND result = 'returned'`,
);

/** Attempts that ended before their runner knew of them. */
export async function countReturnedAttempts(tx: Queryable, jobId: string): Promise<number> {
  return (await tx.query<{ count: number }>(countReturned, [jobId]))[0]?.count ?? 0;
}

const listLost = repeatable(
  'list_lost_attempts',
  `SELECT a.attempt, COALESCE(r.name, 'a runner that is gone') AS runner
   FROM job_attempts a LEFT JOIN runners r ON r.id = a.runner_id
   WHERE a.job_id = $1 AND a.result = 'lost' AND a.code IS DISTINCT FROM 'RIVET_RUNNER_REVOKED'
   ORDER BY a.attempt`,
);

/** Attempts whose runner was lost while it ran the job, without those of revoked runners. */
export function listLostAttempts(
  tx: Queryable,
  jobId: string,
): Promise<{ attempt: number; runner: string }[]> {
  return tx.query(listLost, [jobId]);
}

const listExpired = repeatable(
  'list_expired_attempts',
  `SELECT job_id, attempt FROM running_attempts WHERE lease_until < now()
   ORDER BY lease_until LIMIT $1`,
);

/** Current attempts whose lease has run out, longest ago first. */
export function listExpiredAttempts(
  db: Queryable,
  limit: number,
): Promise<{ job_id: string; attempt: number }[]> {
  return db.query(listExpired, [limit]);
}

/** How an attempt ended. */
export interface EndedAttempt {
  readonly attempt: number;
  readonly result: AttemptResult;
  readonly message: string | null;
  /** Name of its runner. */
  readonly runner: string;
}

const listEnded = repeatable(
  'list_ended_attempts',
  `SELECT * FROM (
     SELECT a.attempt, a.result, a.message, COALESCE(r.name, 'a runner that is gone') AS runner
     FROM job_attempts a LEFT JOIN runners r ON r.id = a.runner_id
     WHERE a.job_id = $1 ORDER BY a.attempt DESC LIMIT $2
   ) e ORDER BY attempt`,
);

/** The last attempts of a job that have ended, oldest first. */
export function listEndedAttempts(
  db: Queryable,
  jobId: string,
  limit: number,
): Promise<EndedAttempt[]> {
  return db.query(listEnded, [jobId, limit]);
}
