// Jobs at their launch: any number of one pipeline in one statement, in the table and in the queue.
import type { InputValues, LaunchEvent, RunnerTag } from '@rivet/protocol';
import { tagText } from './job-queue.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** A job of its own among those of a launch. */
export interface NewJob {
  readonly id: string;
  readonly inputs: InputValues;
  readonly priority: number;
}

/** What jobs that are launched together have in common. */
export interface NewJobs {
  readonly jobs: readonly NewJob[];
  readonly pipelineId: string;
  readonly pipelineName: string;
  readonly version: number;
  /** Whether nothing may be launched once the pipeline has another version. */
  readonly current: boolean;
  readonly tags: readonly RunnerTag[];
  readonly launchedBy: string;
  readonly event: LaunchEvent;
  readonly retryOf: string | null;
}

const insert = once(
  'launch_jobs',
  `WITH pipeline AS (
     -- Until the jobs are there, nobody deletes the pipeline or gives it another version.
     SELECT id FROM pipelines
     WHERE id = $4 AND deleted_at IS NULL AND (NOT $7::boolean OR version = $6)
     FOR SHARE
   ), added AS (
     INSERT INTO jobs (id, pipeline_id, pipeline_name, version, inputs, launched_by, tags, priority,
       retry_of, event)
     SELECT n.id, $4, $5, $6, n.inputs::json, $9, $8::json, n.priority, $11, $10
     FROM unnest($1::uuid[], $2::text[], $3::int[]) AS n(id, inputs, priority), pipeline
     -- The launch is tried again after a lost connection: they may be there already.
     ON CONFLICT (id) DO NOTHING RETURNING id, priority, created_at
   ), queued AS (
     INSERT INTO job_queue (job_id, priority, needs, pipeline_name)
     SELECT id, priority, $12::text[], $5 FROM added
   )
   SELECT count(*)::int AS count, min(created_at) AS created_at FROM added`,
);

/**
 * Stores launched jobs in the state "queued", claimable at once. Undefined when none was stored:
 * the pipeline is deleted or has another version, or the jobs are there already.
 */
export async function insertJobs(tx: Queryable, launch: NewJobs): Promise<Date | undefined> {
  const { jobs } = launch;
  const rows = await tx.query<{ count: number; created_at: Date }>(insert, [
    jobs.map(({ id }) => id),
    jobs.map(({ inputs }) => JSON.stringify(inputs)),
    jobs.map(({ priority }) => priority),
    launch.pipelineId,
    launch.pipelineName,
    launch.version,
    launch.current,
    JSON.stringify(launch.tags),
    launch.launchedBy,
    launch.event,
    launch.retryOf,
    launch.tags.map(tagText),
  ]);
  const [row] = rows;
  return row === undefined || row.count === 0 ? undefined : row.created_at;
}

const listBetween = repeatable(
  'list_launched_jobs',
  `SELECT id, pipeline_name, version FROM jobs WHERE id BETWEEN $1 AND $2 ORDER BY id`,
);

/** Jobs with ids from `first` to `last`, in their order. */
export function listLaunchedJobs(
  db: Queryable,
  first: string,
  last: string,
): Promise<{ id: string; pipeline_name: string; version: number }[]> {
  return db.query(listBetween, [first, last]);
}
