// The jobs that wait for a runner: a small table of its own, so that a claim never looks at
// history.
import type { RunnerTag } from '@rivet/protocol';
import type { ClaimedRow } from './claim-jobs.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** The text of a tag in the queue; JSON, because keys and values may hold any character. */
export function tagText(tag: RunnerTag): string {
  return JSON.stringify([tag.key, tag.value]);
}

/** What a runner with `tags` fulfils: each tag, and for each key any value, `*`. */
export function fulfilledTags(tags: readonly RunnerTag[]): string[] {
  const texts = tags.flatMap((tag) => [tagText(tag), tagText({ key: tag.key, value: '*' })]);
  return [...new Set(texts)].sort();
}

const insert = once(
  'enqueue_job',
  `INSERT INTO job_queue (job_id, priority, run_after, needs, pipeline_name)
   VALUES ($1, $2, now() + make_interval(secs => $3::float8 / 1000), $4, $5)`,
);

/** Makes a job that is in the state "queued" claimable, in `delayMs`. */
export async function enqueueJob(
  tx: Queryable,
  entry: {
    jobId: string;
    pipelineName: string;
    priority: number;
    delayMs: number;
    tags: readonly RunnerTag[];
  },
): Promise<void> {
  const { jobId, priority, delayMs, pipelineName } = entry;
  const needs = entry.tags.map(tagText);
  await tx.query(insert, [jobId, priority, delayMs, needs, pipelineName]);
}

const remove = once('dequeue_job', `DELETE FROM job_queue WHERE job_id = $1`);

/** Takes a job out of the queue without starting it. */
export async function dequeueJob(tx: Queryable, jobId: string): Promise<void> {
  await tx.query(remove, [jobId]);
}

const readClaimed = once(
  'read_claimed_jobs',
  `WITH renewed AS (
     UPDATE running_attempts SET lease_until = now() + make_interval(secs => $3)
     WHERE request_id = $1 AND runner_id = $2
     RETURNING job_id, attempt, lease_id, request_id
   )
   SELECT a.job_id, a.attempt, j.priority, a.lease_id, a.request_id, j.pipeline_id,
     j.pipeline_name, j.version, j.inputs, j.launched_by, j.event, j.created_at
   FROM renewed a JOIN jobs j ON j.id = a.job_id
   ORDER BY a.job_id`,
);

/**
 * What an earlier claim with the same request id was given and still has; its leases begin anew.
 */
export function readClaimedJobs(
  db: Queryable,
  request: { requestId: string; runnerId: string; leaseSeconds: number },
): Promise<ClaimedRow[]> {
  return db.query(readClaimed, [request.requestId, request.runnerId, request.leaseSeconds]);
}

export interface QueuePosition {
  readonly run_after: Date;
  /** Milliseconds until `run_after`, by the clock of the database. */
  readonly wait_ms: number;
  readonly needs: string[];
  readonly pipeline_name: string;
  /** Jobs before it that any runner could take. */
  readonly ahead: number;
}

const readPosition = repeatable(
  'read_queue_position',
  `SELECT q.run_after, q.needs, q.pipeline_name,
     greatest(0, extract(epoch FROM q.run_after - now()) * 1000)::int AS wait_ms,
     (SELECT count(*)::int FROM job_queue o
      WHERE o.run_after <= now()
        AND (o.priority > q.priority OR (o.priority = q.priority AND o.job_id < q.job_id))) AS ahead
   FROM job_queue q WHERE q.job_id = $1`,
);

/** Where a job stands in the queue; undefined when it is not in it. */
export async function readQueuePosition(
  db: Queryable,
  jobId: string,
): Promise<QueuePosition | undefined> {
  return (await db.query<QueuePosition>(readPosition, [jobId]))[0];
}

const countQueued = repeatable('count_queued_jobs', `SELECT count(*)::int AS count FROM job_queue`);

export async function countQueuedJobs(db: Queryable): Promise<number> {
  return (await db.query<{ count: number }>(countQueued))[0]?.count ?? 0;
}
