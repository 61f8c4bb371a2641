// Jobs: what was launched, which never changes, and the state it is in.
import type { FailureReason, InputValues, JobState, LaunchEvent, RunnerTag } from '@rivet/protocol';
import { idRange } from './id-range.ts';
import { filterValues, type NameFilter, nameFits } from './name-filter.ts';
import { once, type Queryable, repeatable, replanned, type Statement } from './statement.ts';

export interface JobRow {
  readonly id: string;
  readonly pipeline_id: string;
  readonly pipeline_name: string;
  readonly version: number;
  readonly launched_by: string;
  readonly event: LaunchEvent;
  readonly priority: number;
  readonly created_at: Date;
  readonly state: JobState;
  readonly reason: FailureReason | null;
  readonly message: string | null;
  readonly attempt: number;
  readonly runner_id: string | null;
  readonly runner_name: string | null;
  readonly cancel_requested: boolean;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

/** The parts that can be large, read for one job at a time. */
export interface JobContentRow {
  readonly inputs: InputValues;
  readonly tags: RunnerTag[];
}

const COLUMNS = `j.id, j.pipeline_id, j.pipeline_name, j.version, j.launched_by, j.event, j.priority,
  j.created_at, j.state, j.reason, j.message, j.attempt, j.runner_id, r.name AS runner_name,
  j.cancel_requested, j.started_at, j.finished_at`;
const FROM = 'FROM jobs j LEFT JOIN runners r ON r.id = j.runner_id';

const byIdRange = replanned(
  `SELECT ${COLUMNS} ${FROM}
   WHERE j.id BETWEEN $1 AND $2 AND ${nameFits('j.pipeline_name', 3)} ORDER BY j.id LIMIT 4`,
);

/** Up to four jobs, of the pipelines of `filter`, whose id begins with `prefix`. */
export async function findJobs(
  db: Queryable,
  prefix: string,
  filter: NameFilter | undefined,
): Promise<JobRow[]> {
  const range = idRange(prefix);
  if (range === undefined) return [];
  return db.query<JobRow>(byIdRange, [range.from, range.to, ...filterValues(filter)]);
}

const byId = repeatable('job_by_id', `SELECT ${COLUMNS} ${FROM} WHERE j.id = $1`);

/** The job of a whole id that something of ours refers to. */
export async function readJob(db: Queryable, id: string): Promise<JobRow | undefined> {
  return (await db.query<JobRow>(byId, [id]))[0];
}

const readContent = repeatable('read_job_content', `SELECT inputs, tags FROM jobs WHERE id = $1`);

export async function readJobContent(
  db: Queryable,
  id: string,
): Promise<JobContentRow | undefined> {
  return (await db.query<JobContentRow>(readContent, [id]))[0];
}

function listing(state: string, from = FROM): Statement {
  return replanned(
    `SELECT ${COLUMNS} ${from}
     WHERE j.id < $1 AND ${state}
       AND ($3::text IS NULL OR j.pipeline_name = $3) AND ${nameFits('j.pipeline_name', 5)}
     ORDER BY j.id DESC LIMIT $4`,
  );
}

/** Unfinished jobs are found through the small tables of those, and the rest by how it ended. */
function listingOf(table: string): Statement {
  const from = `FROM ${table} u JOIN jobs j ON j.id = u.job_id LEFT JOIN runners r ON r.id = j.runner_id`;
  return listing('u.job_id < $1 AND j.state = $2', from);
}

const listAll = listing('$2::text IS NULL');
const listEnded = listing('j.ended_as = $2');
const listUnfinished: Readonly<Partial<Record<JobState, Statement>>> = {
  queued: listingOf('job_queue'),
  running: listingOf('running_attempts'),
};

/** Jobs of the pipelines of `filter` with an id below `before`, newest first. */
export function listJobs(
  db: Queryable,
  options: {
    before: string;
    state: JobState | undefined;
    pipeline: string | undefined;
    limit: number;
    filter: NameFilter | undefined;
  },
): Promise<JobRow[]> {
  const { before, state = null, pipeline = null, limit, filter } = options;
  const statement = state === null ? listAll : (listUnfinished[state] ?? listEnded);
  return db.query(statement, [before, state, pipeline, limit, ...filterValues(filter)]);
}

const lock = repeatable('lock_job', `SELECT ${COLUMNS} ${FROM} WHERE j.id = $1 FOR UPDATE OF j`);

/**
 * Keeps others from changing the job until the transaction ends. Locked before its queue entry and
 * attempts.
 */
export async function lockJob(tx: Queryable, id: string): Promise<JobRow | undefined> {
  return (await tx.query<JobRow>(lock, [id]))[0];
}

const lockReported = repeatable(
  'lock_reported_job',
  `SELECT ${COLUMNS} ${FROM}
   WHERE j.id = $1 AND (
     EXISTS (SELECT FROM running_attempts a
       WHERE a.job_id = $1 AND a.attempt = $2 AND a.runner_id = $3)
     OR EXISTS (SELECT FROM job_attempts a
       WHERE a.job_id = $1 AND a.attempt = $2 AND a.runner_id = $3))
   FOR UPDATE OF j`,
);

/** Locks a job that this runner has, or had, that attempt of; others' jobs are not even waited for. */
export async function lockReportedJob(
  tx: Queryable,
  reported: { jobId: string; attempt: number; runnerId: string },
): Promise<JobRow | undefined> {
  const { jobId, attempt, runnerId } = reported;
  return (await tx.query<JobRow>(lockReported, [jobId, attempt, runnerId]))[0];
}

const setState = once(
  'set_job_state',
  `UPDATE jobs SET state = $2, reason = $3, message = $4,
     runner_id = CASE WHEN $2 = 'queued' THEN NULL ELSE runner_id END,
     finished_at = CASE WHEN $2 = 'queued' THEN NULL ELSE now() END
   WHERE id = $1`,
);

/**
 * Ends a job, or puts it back to "queued"; the caller has locked it. Starting is part of the claim.
 */
export async function setJobState(
  tx: Queryable,
  change: {
    id: string;
    state: Exclude<JobState, 'running'>;
    reason: FailureReason | null;
    message: string | null;
  },
): Promise<void> {
  await tx.query(setState, [change.id, change.state, change.reason, change.message]);
}

const requestCancel = repeatable(
  'request_cancel',
  `UPDATE jobs SET cancel_requested = true WHERE id = $1`,
);

/** Asks the runner of a running job to cancel it. */
export async function requestJobCancel(tx: Queryable, id: string): Promise<void> {
  await tx.query(requestCancel, [id]);
}

const countUnfinished = repeatable(
  'count_unfinished_jobs',
  `SELECT count(*)::int AS count
   FROM (SELECT job_id FROM job_queue UNION ALL SELECT job_id FROM running_attempts) unfinished
   JOIN jobs j ON j.id = unfinished.job_id
   WHERE j.pipeline_id = $1 AND j.state IN ('queued', 'running')`,
);

export async function countUnfinishedJobs(db: Queryable, pipelineId: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(countUnfinished, [pipelineId]);
  return row?.count ?? 0;
}

/** What changes when anything happens to a job: its state, or a report of its attempt. */
export interface JobMark {
  readonly id: string;
  readonly mark: string;
}

const readMarks = repeatable(
  'read_job_marks',
  `SELECT j.id, concat_ws(' ', j.state, j.attempt, j.cancel_requested, a.last_seq) AS mark
   FROM jobs j LEFT JOIN running_attempts a ON a.job_id = j.id AND a.attempt = j.attempt
   WHERE j.id = ANY ($1::uuid[])`,
);

/** Marks of several jobs: equal marks mean that nothing happened in between. */
export function readJobMarks(db: Queryable, ids: readonly string[]): Promise<JobMark[]> {
  return db.query(readMarks, [ids]);
}
