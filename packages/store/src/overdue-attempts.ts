// Attempts that go on although the timeout of their pipeline or of one of its stages has passed.
import { type Queryable, repeatable } from './statement.ts';

export interface OverdueAttempt {
  readonly job_id: string;
  readonly attempt: number;
  /** Null: the timeout of the whole job. */
  readonly stage: string | null;
  /** The timeout that has passed, in milliseconds. */
  readonly timeout_ms: number;
  /** Whether the pipeline sets none, and that is the one of all such pipelines. */
  readonly by_default: boolean;
}

const list = repeatable(
  'list_overdue_attempts',
  `WITH running AS (
     SELECT a.job_id, a.attempt, a.started_at, j.pipeline_id, j.version
     FROM running_attempts a JOIN jobs j ON j.id = a.job_id
   ), limits AS MATERIALIZED (
     -- Each definition is read once, however many jobs run of it.
     SELECT v.pipeline_id, v.version, d.timeout_ms, d.stages
     FROM (SELECT DISTINCT pipeline_id, version FROM running) r
     JOIN pipeline_versions v USING (pipeline_id, version),
       LATERAL json_to_record(v.definition) AS d(timeout_ms float8, stages json)
   ), stage_limits AS MATERIALIZED (
     -- Of all its runs: only the first of them was noted.
     SELECT l.pipeline_id, l.version, s.name, s.timeout_ms,
       s.timeout_ms * (s.retry_max + 1) + COALESCE(s.retry_delay_ms, 0) * s.retry_max AS all_ms
     FROM limits l, LATERAL json_to_recordset(l.stages)
       AS s(name text, timeout_ms float8, retry_max int, retry_delay_ms float8)
     WHERE s.timeout_ms IS NOT NULL
   )
   SELECT r.job_id, r.attempt, NULL AS stage, COALESCE(l.timeout_ms, $3) AS timeout_ms,
     l.timeout_ms IS NULL AS by_default
   FROM running r JOIN limits l USING (pipeline_id, version)
   WHERE r.started_at + make_interval(secs => (COALESCE(l.timeout_ms, $3) + $1) / 1000) < now()
   UNION ALL
   SELECT r.job_id, r.attempt, s.name, s.timeout_ms, false
   FROM running r JOIN stage_limits s USING (pipeline_id, version)
   JOIN job_stages g ON g.job_id = r.job_id AND g.attempt = r.attempt AND g.name = s.name
   WHERE g.state = 'running'
     AND g.noted_at + make_interval(secs => (s.all_ms + $1) / 1000) < now()
   LIMIT $2`,
);

/** When the server ends attempts that nobody else ends. */
export interface TimeLimits {
  /** The timeout where a pipeline sets none, in milliseconds. */
  readonly defaultMs: number;
  /** What an attempt may take beyond a timeout, in milliseconds. */
  readonly graceMs: number;
}

/** Current attempts that should have ended by now; one may be there twice. */
export function listOverdueAttempts(
  db: Queryable,
  { defaultMs, graceMs }: TimeLimits,
  limit: number,
): Promise<OverdueAttempt[]> {
  return db.query(list, [graceMs, limit, defaultMs]);
}

export interface TimeLeft {
  /** Of the pipeline; null: it sets none. */
  readonly timeout_ms: number | null;
  /** Until the server ends the attempt, in milliseconds; below 0 when it is about to. */
  readonly left_ms: number;
}

const left = repeatable(
  'read_time_left',
  `SELECT d.timeout_ms, (extract(epoch FROM a.started_at - now()) * 1000)::float8
     + COALESCE(d.timeout_ms, $2) + $3 AS left_ms
   FROM running_attempts a JOIN jobs j ON j.id = a.job_id
   JOIN pipeline_versions v ON v.pipeline_id = j.pipeline_id AND v.version = j.version,
     LATERAL json_to_record(v.definition) AS d(timeout_ms float8)
   WHERE a.job_id = $1`,
);

/** How long the current attempt of a job may go on; undefined when it has none. */
export async function readTimeLeft(
  db: Queryable,
  jobId: string,
  { defaultMs, graceMs }: TimeLimits,
): Promise<TimeLeft | undefined> {
  return (await db.query<TimeLeft>(left, [jobId, defaultMs, graceMs]))[0];
}
