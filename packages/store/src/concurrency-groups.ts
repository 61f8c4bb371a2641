// Groups of jobs of which only some run at a time: the others wait in the queue until one ends.
import type { ConcurrencyRule } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

/** A job that was launched into a group. */
export interface GroupMember {
  readonly jobId: string;
  readonly group: string;
  /** What its pipeline says of the group: it counts from now on. */
  readonly membersMax: number;
  readonly supersedes: ConcurrencyRule['cancel_superseded'];
  readonly pipelineId: string;
  /** Its share among the pipelines of the group; undefined: the order of launches counts. */
  readonly weight: number | undefined;
}

const join = once(
  'join_concurrency_groups',
  `WITH groups AS (
     INSERT INTO concurrency_groups AS g (name, members_max, supersedes, fair)
     SELECT DISTINCT ON (m.group_name) m.group_name, m.members_max, m.supersedes,
       m.weight IS NOT NULL
     FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::int[])
       AS m(job_id, group_name, members_max, supersedes, weight)
     -- In one order, in which everybody locks them; the newest job is right.
     ORDER BY m.group_name, m.job_id DESC
     ON CONFLICT (name) DO UPDATE SET members_max = EXCLUDED.members_max,
       supersedes = EXCLUDED.supersedes, fair = EXCLUDED.fair, launched_at = now()
     RETURNING name
   ), shares AS (
     INSERT INTO concurrency_shares (group_name, pipeline_id)
     SELECT DISTINCT m.group_name, m.pipeline_id
     FROM unnest($2::text[], $6::uuid[]) AS m(group_name, pipeline_id)
     ON CONFLICT DO NOTHING
   )
   INSERT INTO concurrency_members (job_id, group_name, pipeline_id, weight)
   SELECT m.job_id, g.name, m.pipeline_id, COALESCE(m.weight, 1)
   FROM unnest($1::uuid[], $2::text[], $5::int[], $6::uuid[])
     AS m(job_id, group_name, weight, pipeline_id)
   JOIN groups g ON g.name = m.group_name`,
);
const admit = once(
  'admit_members',
  'SELECT admit_members(name) FROM unnest($1::text[]) AS n(name) ORDER BY name',
);

/** Makes jobs members of their groups, and admits those for which there is room. */
export async function joinGroups(tx: Queryable, members: readonly GroupMember[]): Promise<void> {
  if (members.length === 0) return;
  await tx.query(join, [
    members.map(({ jobId }) => jobId),
    members.map(({ group }) => group),
    members.map(({ membersMax }) => membersMax),
    members.map(({ supersedes }) => supersedes),
    members.map(({ weight }) => weight ?? null),
    members.map(({ pipelineId }) => pipelineId),
  ]);
  await tx.query(admit, [[...new Set(members.map(({ group }) => group))].sort()]);
}

const admitAll = repeatable(
  'admit_all_members',
  // Only groups with room are locked: whoever ends a job of another must find it free.
  `SELECT COALESCE(sum(admit_members(name)), 0)::int AS count FROM (
     SELECT g.name FROM concurrency_groups g
     WHERE EXISTS (
         SELECT FROM concurrency_members m WHERE m.group_name = g.name AND NOT m.admitted)
       AND g.members_max > (
         SELECT count(*) FROM concurrency_members m WHERE m.group_name = g.name AND m.admitted)
     ORDER BY g.name) w`,
);

/**
 * Admits who waits although there is room: whoever made it could not, as somebody else held the
 * group. Returns how many.
 */
export async function admitWaiting(db: Queryable): Promise<number> {
  return (await db.query<{ count: number }>(admitAll))[0]?.count ?? 0;
}

const listSurplus = repeatable(
  'list_superseded_jobs',
  `SELECT s.job_id, s.group_name FROM (
     SELECT m.job_id, m.group_name, m.admitted, g.supersedes, g.members_max,
       row_number() OVER (PARTITION BY m.group_name ORDER BY m.job_id DESC) AS newer
     FROM concurrency_members m JOIN concurrency_groups g ON g.name = m.group_name
     WHERE g.supersedes <> 'none'
   ) s JOIN jobs j ON j.id = s.job_id
   WHERE s.newer > s.members_max AND (s.supersedes = 'all' OR NOT s.admitted)
     AND NOT j.cancel_requested
   ORDER BY s.job_id LIMIT $1`,
);

/** Jobs that newer ones of their groups leave no room for, where these are to end them. */
export function listSuperseded(
  db: Queryable,
  limit: number,
): Promise<{ job_id: string; group_name: string }[]> {
  return db.query(listSurplus, [limit]);
}

const forget = repeatable(
  'forget_concurrency_groups',
  // A launch changes the row that it needs: then this finds that it is not old any more.
  `DELETE FROM concurrency_groups g WHERE g.launched_at < now() - interval '1 day'
     AND NOT EXISTS (SELECT FROM concurrency_members m WHERE m.group_name = g.name)`,
);

/** Forgets groups without jobs. */
export async function forgetGroups(db: Queryable): Promise<void> {
  await db.query(forget);
}

/** A job that waits for its group. */
export interface GroupPlace {
  readonly group_name: string;
  readonly members_max: number;
  /** Jobs that have been admitted, oldest first; the first few. */
  readonly holders: readonly { readonly id: string; readonly pipeline: string }[];
  readonly holder_count: number;
  /** Jobs that wait before it: of the group, and where that goes by weights, of its pipeline. */
  readonly ahead: number;
  /** The weight of its pipeline, where the group goes by weights. */
  readonly weight: number | null;
  /** The weights of all pipelines with jobs that wait for the group. */
  readonly weights: number;
}

const readPlace = repeatable(
  'read_group_place',
  `SELECT m.group_name, g.members_max,
     (SELECT COALESCE(json_agg(h), '[]') FROM (
       SELECT j.id, j.pipeline_name AS pipeline
       FROM concurrency_members o JOIN jobs j ON j.id = o.job_id
       WHERE o.group_name = m.group_name AND o.admitted ORDER BY j.id LIMIT 5) h) AS holders,
     (SELECT count(*)::int FROM concurrency_members h
       WHERE h.group_name = m.group_name AND h.admitted) AS holder_count,
     (SELECT count(*)::int FROM concurrency_members h
       WHERE h.group_name = m.group_name AND NOT h.admitted AND h.job_id < m.job_id
         AND (NOT g.fair OR h.pipeline_id = m.pipeline_id)) AS ahead,
     CASE WHEN g.fair THEN m.weight END AS weight,
     (SELECT COALESCE(sum(w.weight), 0)::int FROM (
       SELECT DISTINCT ON (h.pipeline_id) h.weight FROM concurrency_members h
       WHERE h.group_name = m.group_name AND NOT h.admitted
       ORDER BY h.pipeline_id, h.job_id) w) AS weights
   FROM concurrency_members m JOIN concurrency_groups g ON g.name = m.group_name
   WHERE m.job_id = $1 AND NOT m.admitted`,
);

/** What a job waits for in its group; undefined when it has none, or has been admitted. */
export async function readGroupPlace(
  db: Queryable,
  jobId: string,
): Promise<GroupPlace | undefined> {
  return (await db.query<GroupPlace>(readPlace, [jobId]))[0];
}
