// Which pipelines have jobs that runners could take: those that a fair share is given out to.
import { isClaimable, joinVersions, WEIGHT } from './job-queue.ts';
import { likePattern } from './name-filter.ts';
import { type Queryable, repeatable } from './statement.ts';

/** A pipeline with jobs of one priority that wait. */
export interface WaitingPipeline {
  readonly name: string;
  readonly priority: number;
  /** What its current version says; 1 when that says nothing. */
  readonly weight: number;
  /** Its oldest job that could be taken now. */
  readonly first: string;
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** The index `job_queue_shares`. */
const ORDER = 'q.pipeline_name COLLATE "C", -q.priority, q.job_id';

/**
 * SQL: whether the job `q` is of that priority and pipeline, and has that id or a greater one.
 * Compared as rows: of an equality the planner would think that it leaves next to nothing.
 */
export function isOfPipeline(priority: string, name: string, from: string): string {
  return `(${ORDER}) >= (${name} COLLATE "C", -${priority}, ${from})
       AND (${ORDER}) <= (${name} COLLATE "C", -${priority}, '${LAST_ID}')`;
}

/** Jumps from pipeline to pipeline in the index, however many jobs each of them has. */
const list = repeatable(
  'list_waiting_pipelines',
  `WITH RECURSIVE waiting(priority, name, job_id, n) AS (
     (SELECT q.priority, q.pipeline_name, q.job_id, 1 FROM job_queue q ORDER BY ${ORDER} LIMIT 1)
     UNION ALL
     SELECT next.*, w.n + 1 FROM waiting w, LATERAL (
       SELECT q.priority, q.pipeline_name, q.job_id FROM job_queue q
       WHERE (${ORDER}) > (w.name COLLATE "C", -w.priority, '${LAST_ID}'::uuid)
       ORDER BY ${ORDER} LIMIT 1) next
     WHERE w.n <= $3
   )
   SELECT w.name, w.priority, ${WEIGHT} AS weight, f.first,
     (SELECT count(*) FROM waiting)::int AS walked
   FROM waiting w CROSS JOIN LATERAL (
     SELECT q.job_id AS first FROM job_queue q
     WHERE ${isOfPipeline('w.priority', 'w.name', 'w.job_id')}
       AND ${isClaimable('$1::text[]', '$2::text[]')}
     ORDER BY ${ORDER} LIMIT 1) f
   ${joinVersions('w.name')}
   WHERE w.name LIKE ANY ($2::text[])
   ORDER BY w.priority DESC, w.n`,
);

/** Who asks which pipelines wait. */
export interface WaitingFor {
  /** What the tags of its runners fulfil. */
  readonly fulfils: readonly string[];
  /** Patterns of names, in which `*` stands for any text. */
  readonly pipelines: readonly string[];
  /** With more, those that its runners cannot take counted too, none is given. */
  readonly max: number;
}

/** By falling priority and by name; a pipeline with jobs of two priorities is there twice. */
export async function listWaitingPipelines(
  db: Queryable,
  { fulfils, pipelines, max }: WaitingFor,
): Promise<WaitingPipeline[]> {
  const rows = await db.query<WaitingPipeline & { readonly walked: number }>(list, [
    fulfils,
    pipelines.map(likePattern),
    max,
  ]);
  return rows.some(({ walked }) => walked > max) ? [] : rows;
}
