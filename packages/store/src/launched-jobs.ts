// Jobs at their launch: any number of one pipeline in one statement, in the table and in the queue.
import type { InputValues, LaunchEvent, RunnerTag } from '@rivet/protocol';
import { queueNeeds } from './job-queue.ts';
import { once, type Queryable, repeatable, type Statement } from './statement.ts';

/** A job of its own among those of a launch. */
export interface NewJob {
  readonly id: string;
  readonly inputs: InputValues;
  readonly priority: number;
  /** The group that it waits for before it can be claimed; absent: none. */
  readonly group?: string | undefined;
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
  /** How long they wait for a runner at most, in milliseconds; absent: for ever. */
  readonly queueAgeMsMax?: number | undefined;
  /** Whether the launch is tried again, after a lost connection: the jobs may be there already. */
  readonly again?: boolean | undefined;
}

/**
 * @param special whether groups, patterns of tags or a longest wait are stored too: few launches
 * @param again whether the jobs may be there already; to look for that takes a fifth of a launch
 */
function launchStatement(name: string, special: boolean, again: boolean): Statement {
  const launched = special ? 'n(id, inputs, priority, group_name)' : 'n(id, inputs, priority)';
  const arrays = `$1::uuid[], $2::text[], $3::int[]${special ? ', $13::text[]' : ''}`;
  return once(
    name,
    `WITH pipeline AS (
     -- Until the jobs are there, nobody deletes the pipeline or gives it another version.
     SELECT id FROM pipelines
     WHERE id = $4 AND deleted_at IS NULL AND (NOT $7::boolean OR version = $6)
     FOR SHARE
   ), added AS (
     INSERT INTO jobs (id, pipeline_id, pipeline_name, version, inputs, launched_by, tags, priority,
       retry_of, event${special ? ', concurrency_group' : ''})
     SELECT n.id, $4, $5, $6, n.inputs::json, $9, $8::json, n.priority, $11, $10
       ${special ? ', n.group_name' : ''}
     FROM unnest(${arrays}) AS ${launched}, pipeline
     ${again ? 'ON CONFLICT (id) DO NOTHING' : ''}
     RETURNING id, priority, created_at${special ? ', concurrency_group' : ''}
   ), queued AS (
     INSERT INTO job_queue (job_id, priority, needs, pipeline_name
       ${special ? ', run_after, patterns, expires_at' : ''})
     SELECT id, priority, $12::text[], $5
       ${special ? SPECIAL : ''}
     FROM added
   )
   SELECT count(*)::int AS count, min(created_at) AS created_at FROM added`,
  );
}

/** Those of a group wait until it admits them. */
const SPECIAL = `, CASE WHEN concurrency_group IS NULL THEN now() ELSE 'infinity' END, $14::text[],
       now() + make_interval(secs => $15::float8 / 1000)`;

const insert = launchStatement('launch_jobs', false, false);
const insertAgain = launchStatement('launch_jobs_again', false, true);
const insertSpecial = launchStatement('launch_special_jobs', true, true);

/**
 * Stores launched jobs in the state "queued", claimable at once, but for those of a group: to be
 * followed by `joinGroups` in the same transaction. Undefined when none was stored:
 * the pipeline is deleted or has another version, or the jobs are there already.
 */
export async function insertJobs(tx: Queryable, launch: NewJobs): Promise<Date | undefined> {
  const { jobs, queueAgeMsMax } = launch;
  const { needs, patterns } = queueNeeds(launch.tags);
  const groups = jobs.map(({ group }) => group ?? null);
  const isSpecial =
    patterns !== null || queueAgeMsMax !== undefined || groups.some((group) => group !== null);
  const plain = launch.again === true ? insertAgain : insert;
  const statement = isSpecial ? insertSpecial : plain;
  const rows = await tx.query<{ count: number; created_at: Date }>(statement, [
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
    needs,
    ...(isSpecial ? [groups, patterns, queueAgeMsMax ?? null] : []),
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
