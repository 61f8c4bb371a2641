// Attempts that go on although the timeout of their pipeline or of one of its stages has passed.
import { type Queryable, repeatable } from './statement.ts';

export interface OverdueAttempt {
  readonly job_id: string;
  readonly attempt: number;
  /** Null: the timeout of the whole job. */
  readonly stage: string | null;
  /** The timeout that has passed, in milliseconds. */
  readonly timeout_ms: number;
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
   SELECT r.job_id, r.attempt, NULL AS stage, l.timeout_ms
   FROM running r JOIN limits l USING (pipeline_id, version)
   WHERE r.started_at + make_interval(secs => (l.timeout_ms + $1) / 1000) < now()
   UNION ALL
   SELECT r.job_id, r.attempt, s.name, s.timeout_ms
   FROM running r JOIN stage_limits s USING (pipeline_id, version)
   JOIN job_stages g ON g.job_id = r.job_id AND g.attempt = r.attempt AND g.name = s.name
   WHERE g.state = 'running'
     AND g.noted_at + make_interval(secs => (s.all_ms + $1) / 1000) < now()
   LIMIT $2`,
);

/**
 * Current attempts that should have ended by now; one may be there twice.
 * @param graceMs what they may take beyond their timeouts
 */
export function listOverdueAttempts(
  db: Queryable,
  graceMs: number,
  limit: number,
): Promise<OverdueAttempt[]> {
  return db.query(list, [graceMs, limit]);
}
