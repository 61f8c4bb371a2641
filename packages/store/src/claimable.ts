// Asks for many runners at once whether any of them could be given a job.
import { isForRunners } from './job-queue.ts';
import { likePattern } from './name-filter.ts';
import { type Queryable, repeatable } from './statement.ts';

/** Runners that may be given the same jobs. */
export interface ClaimantGroup {
  /** What their tags fulfil. */
  readonly fulfils: readonly string[];
  /** Patterns of names, in which `*` stands for any text. */
  readonly pipelines: readonly string[];
}

const list = repeatable(
  'list_claimable',
  `SELECT g.n FROM jsonb_to_recordset($1) AS g(n int, fulfils text[], pipelines text[])
   WHERE EXISTS (
     SELECT FROM job_queue q
     WHERE ${isForRunners('g.fulfils')} AND q.pipeline_name LIKE ANY (g.pipelines))`,
);

/** The places, in `groups`, of those for which there is a job now. Takes none. */
export async function listClaimable(
  db: Queryable,
  groups: readonly ClaimantGroup[],
): Promise<number[]> {
  const asked = groups.map(({ fulfils, pipelines }, n) => ({
    n,
    fulfils,
    pipelines: pipelines.map(likePattern),
  }));
  const rows = await db.query<{ n: number }>(list, [JSON.stringify(asked)]);
  return rows.map(({ n }) => n);
}
