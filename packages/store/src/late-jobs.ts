// Whether jobs came to lie before the marks from which on claims look at the queue.
import type { QueueMark } from './claim-jobs.ts';
import { isClaimable } from './job-queue.ts';
import { likePattern } from './name-filter.ts';
import { type Queryable, repeatable } from './statement.ts';

/** Whose claims, and where they begin. */
export interface LateJobsRequest {
  /** What the tags of the runners fulfil. */
  readonly fulfils: readonly string[];
  /** Patterns of names, in which `*` stands for any text. */
  readonly pipelines: readonly string[];
  readonly marks: readonly QueueMark[];
}

// All in one CASE, which no index can answer: the table is read as it lies. What was taken since an
// old snapshot costs a fifth there of what it costs in the order of an index.
const find = repeatable(
  'find_late_jobs',
  `SELECT EXISTS (
     SELECT FROM job_queue q
     WHERE CASE WHEN q.job_id < ($4::uuid[])[array_position($3::int[], q.priority)]
       THEN ${isClaimable('$1::text[]', '$2::text[]')} ELSE false END) AS is`,
);

/** Whether a job that could be taken now lies before the mark of its priority. */
export async function hasLateJobs(
  db: Queryable,
  { fulfils, pipelines, marks }: LateJobsRequest,
): Promise<boolean> {
  const [row] = await db.query<{ is: boolean }>(find, [
    fulfils,
    pipelines.map(likePattern),
    marks.map(({ priority }) => priority),
    marks.map(({ from }) => from),
  ]);
  return row?.is === true;
}
