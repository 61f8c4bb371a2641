// The jobs that wait for a runner: a small table of its own, so that a claim never looks at
// history.
import type { RunnerTag } from '@rivet/protocol';
import type { ClaimedRow } from './claim-jobs.ts';
import { likePattern } from './name-filter.ts';
import { once, type Queryable, repeatable } from './statement.ts';

/** The text of a tag in the queue; JSON, because keys and values may hold any character. */
export function tagText(tag: RunnerTag): string {
  return JSON.stringify([tag.key, tag.value]);
}

/** What a runner with `tags` fulfils: each tag, for each key any value, `*`, and patterns. */
export function fulfilledTags(tags: readonly RunnerTag[]): string[] {
  const texts = tags.flatMap((tag) => [tagText(tag), tagText({ key: tag.key, value: '*' })]);
  return [...new Set([...texts, HAS_PATTERNS])].sort();
}

/** What a job asks of its runner, as the queue has it. */
export interface QueueNeeds {
  /** Texts of `fulfilledTags`, all of which the runner must have. */
  readonly needs: string[];
  /** Patterns of LIKE, each of which must fit one of these texts; null: none. */
  readonly patterns: string[] | null;
}

/** Programs that know nothing of patterns fulfil this for no runner, and leave such jobs alone. */
const HAS_PATTERNS = 'patterns';

export function queueNeeds(tags: readonly RunnerTag[]): QueueNeeds {
  const isPattern = ({ value }: RunnerTag): boolean => value !== '*' && value.includes('*');
  const exact = tags.filter((tag) => !isPattern(tag)).map(tagText);
  const patterns = tags.filter(isPattern).map((tag) => likePattern(tagText(tag)));
  if (patterns.length === 0) return { needs: exact, patterns: null };
  return { needs: [...exact, HAS_PATTERNS], patterns };
}

/** SQL: whether runners that fulfil the texts of `fulfils` may have what lies in the queue as `q`. */
export function isForRunners(fulfils: string): string {
  return `q.run_after <= now() AND q.needs <@ ${fulfils}
       AND (q.patterns IS NULL OR fit_tags(q.patterns, ${fulfils}))
       AND (q.expires_at IS NULL OR q.expires_at > now())`;
}

/**
 * SQL: whether such runners may claim `q`, which fits one of the patterns of LIKE in `names`. One
 * CASE, which the planner takes to let half of them through: it thinks that the conditions alone
 * leave next to nothing, and would read and sort the whole queue.
 */
export function isClaimable(fulfils: string, names: string): string {
  return `CASE WHEN ${isForRunners(fulfils)}
       AND q.pipeline_name LIKE ANY(${names}) THEN true ELSE false END`;
}

/** SQL: joins the current version of the pipeline of that name, where there is one, as `v`. */
export function joinVersions(name: string): string {
  return `LEFT JOIN pipelines p ON p.name = ${name} AND p.deleted_at IS NULL
     LEFT JOIN pipeline_versions v ON v.pipeline_id = p.id AND v.version = p.version`;
}

/** SQL: how many turns the pipeline of the version `v` gets where one of weight 1 gets one. */
export const WEIGHT = `COALESCE((v.definition->>'weight')::int, 1)`;

const insert = once(
  'enqueue_job',
  `INSERT INTO job_queue (job_id, priority, run_after, needs, pipeline_name, patterns, expires_at)
   SELECT j.id, $2, t.run_after, $4, $5, $6,
     t.run_after + make_interval(secs => (v.definition->>'max_queue_age_ms')::float8 / 1000)
   FROM jobs j JOIN pipeline_versions v ON v.pipeline_id = j.pipeline_id AND v.version = j.version,
     (SELECT now() + make_interval(secs => $3::float8 / 1000) AS run_after) t
   WHERE j.id = $1`,
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
  const { needs, patterns } = queueNeeds(entry.tags);
  await tx.query(insert, [jobId, priority, delayMs, needs, pipelineName, patterns]);
}

const listExpired = repeatable(
  'list_expired_in_queue',
  `SELECT job_id FROM job_queue WHERE expires_at < now() ORDER BY expires_at LIMIT $1`,
);

/** Jobs that have waited for longer than their pipelines let them, longest ago first. */
export async function listExpiredInQueue(db: Queryable, limit: number): Promise<string[]> {
  const rows = await db.query<{ job_id: string }>(listExpired, [limit]);
  return rows.map(({ job_id }) => job_id);
}

const hasExpired = repeatable(
  'has_expired_in_queue',
  `SELECT (v.definition->>'max_queue_age_ms')::float8 AS max_ms
   FROM job_queue q JOIN jobs j ON j.id = q.job_id
   JOIN pipeline_versions v ON v.pipeline_id = j.pipeline_id AND v.version = j.version
   WHERE q.job_id = $1 AND q.expires_at < now()`,
);

/** The longest wait of a job, in milliseconds, that has waited for longer; else undefined. */
export async function readPassedQueueAge(
  tx: Queryable,
  jobId: string,
): Promise<number | undefined> {
  return (await tx.query<{ max_ms: number }>(hasExpired, [jobId]))[0]?.max_ms;
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
  /** Milliseconds until `run_after`, by the clock of the database; 0 when it waits for a group. */
  readonly wait_ms: number;
  /** Milliseconds until it ends because nobody took it; null: it waits for ever. */
  readonly expires_ms: number | null;
  readonly pipeline_name: string;
  /** Jobs that any runner could take: of a higher priority, and older ones of its pipeline. */
  readonly ahead: number;
  /** The weight of its pipeline. */
  readonly weight: number;
  /** The weights of all pipelines with jobs of its priority that wait. */
  readonly weights: number;
}

const readPosition = repeatable(
  'read_queue_position',
  `SELECT q.pipeline_name,
     CASE WHEN q.run_after = 'infinity' THEN 0
       ELSE greatest(0, extract(epoch FROM q.run_after - now()) * 1000)::int END AS wait_ms,
     (extract(epoch FROM q.expires_at - now()) * 1000)::float8 AS expires_ms,
     (SELECT count(*)::int FROM job_queue o
      WHERE o.run_after <= now() AND (o.priority > q.priority OR (o.priority = q.priority
        AND o.pipeline_name = q.pipeline_name AND o.job_id < q.job_id))) AS ahead,
     s.weight, s.weights
   FROM job_queue q, LATERAL (
     SELECT sum(w.weight)::int AS weights,
       (sum(w.weight) FILTER (WHERE w.name = q.pipeline_name))::int AS weight
     FROM (
       SELECT n.name, ${WEIGHT} AS weight FROM (
         SELECT DISTINCT o.pipeline_name AS name FROM job_queue o
         WHERE o.priority = q.priority AND (o.run_after <= now() OR o.job_id = q.job_id)) n
       ${joinVersions('n.name')}) w
   ) s
   WHERE q.job_id = $1`,
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

const tend = repeatable(
  'needs_tending',
  `SELECT EXISTS (SELECT FROM job_queue WHERE expires_at < now())
     OR EXISTS (SELECT FROM concurrency_groups) AS is`,
);

/** Whether a job has waited too long, or there are groups of jobs. */
export async function needsTending(db: Queryable): Promise<boolean> {
  const [row] = await db.query<{ is: boolean }>(tend);
  return row?.is === true;
}
