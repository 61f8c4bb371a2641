// What the page of a job shows of an attempt, in one statement: it is read at each change of a job
// that somebody follows.

import type { StageRow } from './job-stages.ts';
import type { JobContentRow } from './jobs.ts';
import { type Queryable, repeatable } from './statement.ts';

export interface AttemptDetail extends JobContentRow {
  /** The stages that were reported, in no particular order. */
  readonly stages: readonly StageRow[];
  /** By name. */
  readonly outputs: Record<string, unknown>;
  /** Null when the attempt told nothing about itself. */
  readonly summary: string | null;
  readonly log_lines: number;
}

interface Row extends Omit<AttemptDetail, 'stages'> {
  readonly stages: readonly ShownStage[];
}

/** A stage as PostgreSQL writes it in JSON. */
interface ShownStage extends Omit<StageRow, 'started_at' | 'finished_at'> {
  readonly started_at: string | null;
  readonly finished_at: string | null;
}

const read = repeatable(
  'read_attempt_detail',
  // One snapshot: an attempt that has begun is in one of the two tables.
  `SELECT j.inputs, j.tags, a.summary, COALESCE(a.log_lines, 0) AS log_lines,
     COALESCE((
       SELECT json_agg(s) FROM (
         SELECT name, state, reason, code, run, unchecked_exits, started_at, finished_at
         FROM job_stages WHERE job_id = $1 AND attempt = $2
       ) s
     ), '[]') AS stages,
     COALESCE((
       SELECT json_object_agg(name, value ORDER BY name)
       FROM job_outputs WHERE job_id = $1 AND attempt = $2
     ), '{}') AS outputs
   FROM jobs j
   LEFT JOIN (
     SELECT summary, log_lines FROM running_attempts WHERE job_id = $1 AND attempt = $2
     UNION ALL
     SELECT summary, log_lines FROM job_attempts WHERE job_id = $1 AND attempt = $2
   ) a ON true
   WHERE j.id = $1`,
);

/** Undefined when there is no such job; without stages and outputs when there is no such attempt. */
export async function readAttemptDetail(
  db: Queryable,
  jobId: string,
  attempt: number,
): Promise<AttemptDetail | undefined> {
  const [row] = await db.query<Row>(read, [jobId, attempt]);
  if (row === undefined) return undefined;
  const stages = row.stages.map((stage) => ({
    ...stage,
    started_at: dateOf(stage.started_at),
    finished_at: dateOf(stage.finished_at),
  }));
  return { ...row, stages };
}

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
