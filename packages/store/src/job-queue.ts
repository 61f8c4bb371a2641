// The jobs that wait for a runner: a small table of its own, so that a claim never looks at
// history.
import type { InputValues, LaunchEvent, RunnerTag } from '@rivet/protocol';
import { likePattern } from './name-filter.ts';
import { once, type Queryable, repeatable, type Statement } from './statement.ts';

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

/** One job that one runner may be given: a runner with capacity 3 has three. */
export interface ClaimSlot {
  readonly runnerId: string;
  readonly requestId: string;
  /** Of the attempt that fills it. */
  readonly leaseId: string;
}

export interface ClaimedRow {
  readonly job_id: string;
  readonly attempt: number;
  readonly priority: number;
  readonly lease_id: string;
  readonly request_id: string;
  readonly pipeline_id: string;
  readonly pipeline_name: string;
  readonly version: number;
  readonly inputs: InputValues;
  readonly launched_by: string;
  readonly event: LaunchEvent;
  readonly created_at: Date;
}

/** Where a search of the queue begins among the jobs of one priority. */
export interface QueueMark {
  readonly priority: number;
  /** Jobs with smaller ids are left to a claim without marks. */
  readonly from: string;
}

/** @param search gives `first`, and where it begins; both with the alias `q` */
function claimStatement(name: string, search: { first: string; begin: string }): Statement {
  return once(
    name,
    `WITH slot AS (
     SELECT s.runner_id, s.request_id, s.lease_id, row_number() OVER (ORDER BY s.n) AS n
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
       WITH ORDINALITY AS s(runner_id, request_id, lease_id, n)
     -- One that was revoked while it waited gets nothing any more.
     JOIN runners r ON r.id = s.runner_id AND r.revoked_at IS NULL
   )${search.first}, taken AS (
     -- Both rows are locked, and skipped where somebody else has one: a claim never waits.
     SELECT q.job_id, q.priority FROM job_queue q JOIN jobs j ON j.id = q.job_id AND j.id >= $8
     WHERE ${CLAIMABLE} ${search.begin}
     ORDER BY -q.priority, q.job_id
     LIMIT $5 FOR UPDATE OF q, j SKIP LOCKED
   ), assigned AS (
     SELECT t.job_id, t.priority, slot.* FROM (
       SELECT job_id, priority, row_number() OVER (ORDER BY priority DESC, job_id) AS n FROM taken
     ) t JOIN slot ON slot.n = t.n
   ), dequeued AS (
     DELETE FROM job_queue q USING assigned a WHERE q.job_id = a.job_id
   ), started AS (
     UPDATE jobs j SET state = 'running', attempt = j.attempt + 1, runner_id = a.runner_id,
       started_at = COALESCE(j.started_at, now()), message = NULL
     -- The bound says which partitions it is about.
     FROM assigned a WHERE j.id = a.job_id AND j.id >= $8
     RETURNING j.id AS job_id, j.attempt, j.priority, j.pipeline_id, j.pipeline_name, j.version,
       j.inputs, j.launched_by, j.event, j.created_at, a.runner_id, a.request_id, a.lease_id, a.n
   ), attempted AS (
     INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id, lease_until)
     SELECT job_id, attempt, runner_id, request_id, lease_id, now() + make_interval(secs => $6)
     FROM started
   )
   SELECT job_id, attempt, priority, lease_id, request_id, pipeline_id, pipeline_name, version,
     inputs, launched_by, event, created_at
   FROM started ORDER BY n`,
  );
}

/**
 * One CASE, which the planner takes to let half of them through: it thinks that the conditions
 * alone leave next to nothing, and would read and sort the whole queue.
 */
const CLAIMABLE = `CASE WHEN q.run_after <= now() AND q.needs <@ $4::text[]
       AND q.pipeline_name LIKE ANY($7::text[]) THEN true ELSE false END`;

/**
 * The jobs of a priority from an id on, as one piece of the index. Compared as rows: of an equality
 * the planner would think that it leaves next to nothing, and read and sort all of them.
 */
function between(priority: string, mark: string): string {
  return `(-q.priority, q.job_id) >= (-${priority}, ${mark})
       AND (-q.priority, q.job_id) <= (-${priority}, 'ffffffff-ffff-ffff-ffff-ffffffffffff')`;
}

const claim = claimStatement('claim_jobs', { first: '', begin: '' });
const claimFrom = claimStatement('claim_jobs_from', {
  // The highest priority that has something, among those with a mark.
  first: `, first AS (
     SELECT m.priority, m.mark
     FROM unnest($9::int[], $10::uuid[]) WITH ORDINALITY AS m(priority, mark, n),
       LATERAL (SELECT FROM job_queue q
         WHERE ${between('m.priority', 'm.mark')} AND ${CLAIMABLE}
         ORDER BY -q.priority, q.job_id LIMIT 1) AS found
     ORDER BY m.n LIMIT 1
   )`,
  begin: `AND ${between('(SELECT priority FROM first)', '(SELECT mark FROM first)')}`,
});

/** Before all ids. */
const NO_BOUND = '00000000-0000-0000-0000-000000000000';

/**
 * Gives the first jobs of the queue to the slots, in their order, and starts an attempt of each.
 * All the runners of the slots fulfil the same tags and may run the same pipelines.
 */
export function claimJobs(
  db: Queryable,
  request: {
    slots: readonly ClaimSlot[];
    fulfils: readonly string[];
    /** Patterns of names, in which `*` stands for any text. */
    pipelines: readonly string[];
    leaseSeconds: number;
    /**
     * Jobs of one of these priorities, the first that has any, and none before its mark. Absent:
     * the whole queue.
     */
    marks?: readonly QueueMark[] | undefined;
  },
): Promise<ClaimedRow[]> {
  const { slots, marks } = request;
  const from = marks?.map((mark) => mark.from);
  const values = [
    slots.map((slot) => slot.runnerId),
    slots.map((slot) => slot.requestId),
    slots.map((slot) => slot.leaseId),
    request.fulfils,
    slots.length,
    request.leaseSeconds,
    request.pipelines.map(likePattern),
    from?.toSorted()[0] ?? NO_BOUND,
  ];
  if (marks === undefined) return db.query(claim, values);
  return db.query(claimFrom, [...values, marks.map(({ priority }) => priority), from]);
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
