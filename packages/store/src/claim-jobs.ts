// The claim: gives the first jobs of the queue to runners that wait, many in one statement, which
// can store what those runners report at the same time.
import type { InputValues, LaunchEvent } from '@rivet/protocol';
import type { Turns } from './fair-share.ts';
import { isClaimable } from './job-queue.ts';
import { likePattern } from './name-filter.ts';
import {
  type PlainReport,
  plainReportParts,
  plainReportValues,
  reportedBounds,
  type StoredReport,
} from './plain-reports.ts';
import { once, type Queryable, type Statement } from './statement.ts';
import { isOfPipeline } from './waiting-pipelines.ts';

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

/** How many jobs of one priority each pipeline is owed. */
export interface QueueTurns {
  readonly priority: number;
  /** Jobs with smaller ids are left to a claim without turns. */
  readonly from: string;
  readonly turns: readonly Turns[];
}

/** All the runners of the slots fulfil the same tags and may run the same pipelines. */
export interface ClaimJobsRequest {
  readonly slots: readonly ClaimSlot[];
  readonly fulfils: readonly string[];
  /** Patterns of names, in which `*` stands for any text. */
  readonly pipelines: readonly string[];
  readonly leaseSeconds: number;
  /**
   * Jobs of one priority, the highest that has any: of those in the marks none before its mark.
   * Absent: the whole queue.
   */
  readonly marks?: readonly QueueMark[] | undefined;
  /** First what has a higher priority, and then as many jobs as these say. Not beside marks. */
  readonly turns?: QueueTurns | undefined;
  /** Plain reports of different jobs that the same statement stores. */
  readonly reports?: BroughtReports | undefined;
}

/** Reports that came with a claim. */
export interface BroughtReports {
  readonly reports: readonly PlainReport[];
  /** Told those that were stored, once the transaction has ended. */
  readonly onStored: (stored: readonly StoredReport[]) => void;
}

const NO_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** Beyond all priorities, which go to 1000. */
const NO_PRIORITY = 1_000_000;

/** Where the jobs are looked for. */
interface Search {
  /**
   * Parts that end with `taken`: jobs that are locked, no more than there are slots, and their
   * places in the queue.
   */
  readonly parts: string;
  /** How many values they have, from $8 on. */
  readonly valueCount: number;
}

const CLAIMABLE = isClaimable('$4::text[]', '$6::text[]');

/** Of runners that may have jobs now. */
const SLOT_COUNT = '(SELECT count(*) FROM slot)';

/** SQL: the first jobs of the queue that fulfil a condition on `q`. */
function firstJobs(condition: string): string {
  // Both rows are locked, and skipped where somebody else has one: a claim never waits.
  return `SELECT q.job_id, q.priority, q.ctid AS place
     FROM job_queue q JOIN jobs j ON j.id = q.job_id AND j.id >= $7
     WHERE ${CLAIMABLE} ${condition}
     ORDER BY -q.priority, q.job_id
     LIMIT ${SLOT_COUNT} FOR UPDATE OF q, j SKIP LOCKED`;
}

const CLAIMED = `job_id, attempt, priority, lease_id, request_id, pipeline_id, pipeline_name,
     version, inputs, launched_by, event, created_at`;

function claimStatement(name: string, search: Search, withReports: boolean): Statement {
  const reportsFrom = 8 + search.valueCount;
  const parts = `slot AS (
     SELECT s.runner_id, s.request_id, s.lease_id, row_number() OVER (ORDER BY s.n)::int AS n
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])
       WITH ORDINALITY AS s(runner_id, request_id, lease_id, n)
     -- One that was revoked or paused while it waited gets nothing any more.
     WHERE (SELECT revoked_at IS NULL AND (paused_until IS NULL OR paused_until <= now())
       FROM runners WHERE id = s.runner_id)
   ), ${search.parts}, dequeued AS (
     -- By their places: with another plan it could read what was deleted since the oldest snapshot.
     -- One that was changed since it was found is elsewhere, and left to the next claim.
     DELETE FROM job_queue q WHERE q.ctid = ANY (ARRAY(SELECT place FROM taken))
     RETURNING q.job_id, q.priority
   ), assigned AS (
     -- From a list: a join would look through all that was taken for each slot.
     SELECT t.job_ids[slot.n] AS job_id, slot.*
     FROM slot, (SELECT array_agg(job_id ORDER BY priority DESC, job_id) AS job_ids FROM dequeued) t
     WHERE slot.n <= cardinality(t.job_ids)
   ), ${withReports ? startedAndEnded(reportsFrom) : STARTED}, attempted AS (
     INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id, lease_until)
     SELECT job_id, attempt, runner_id, request_id, lease_id, now() + make_interval(secs => $5)
     FROM started
   )`;
  if (!withReports) return once(name, `WITH ${parts} SELECT ${CLAIMED} FROM started ORDER BY n`);
  // The row of a stored report has nothing but its job. Neither half can meet a job of the other:
  // the one runs, the other waits.
  return once(
    `${name}_reporting`,
    `WITH ${plainReportParts(reportsFrom, '$5')}, ${parts}
   SELECT ${CLAIMED}, NULL::boolean AS cancel_requested, n FROM started
   UNION ALL SELECT job_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     cancel_requested, 0 FROM held
   ORDER BY n`,
  );
}

/** SQL: what a claim tells of a job `j` that it has started, and of the slot that got it. */
function startedJob(slot: string): string {
  const ofSlot = ['runner_id', 'request_id', 'lease_id', 'n'].map((name) => `${slot}.${name}`);
  return `j.id AS job_id, j.attempt, j.priority, j.pipeline_id, j.pipeline_name, j.version,
       j.inputs, j.launched_by, j.event, j.created_at, ${ofSlot.join(', ')}`;
}

const STARTED = `started AS (
     UPDATE jobs j SET state = 'running', attempt = j.attempt + 1, runner_id = a.runner_id,
       started_at = COALESCE(j.started_at, now()), message = NULL
     -- The bound says which partitions it is about.
     FROM assigned a WHERE j.id = a.job_id AND j.id >= $7
     RETURNING ${startedJob('a')}
   )`;

/**
 * What starts the jobs that were assigned, and ends those whose end was reported, in one change of
 * the table: for each, PostgreSQL reads its constraints and triggers anew, which takes as long as
 * three jobs do.
 */
function startedAndEnded(reportsFrom: number): string {
  const [first] = reportedBounds(reportsFrom);
  return `changed AS (
     UPDATE jobs j SET state = c.state, reason = c.reason, message = c.message,
       attempt = j.attempt + c.starts, runner_id = COALESCE(c.runner_id, j.runner_id),
       started_at = COALESCE(j.started_at, now()),
       finished_at = CASE c.starts WHEN 0 THEN now() END
     FROM (
       SELECT job_id, 'running' AS state, NULL AS reason, NULL AS message, 1 AS starts, runner_id,
         request_id, lease_id, n
       FROM assigned
       UNION ALL
       SELECT job_id, state, reason, message, 0, NULL, NULL, NULL, NULL FROM ended
     ) c
     WHERE j.id = c.job_id AND j.id >= LEAST($7, ${first})
     RETURNING ${startedJob('c')}, c.starts
   ), started AS (
     SELECT * FROM changed WHERE starts = 1
   )`;
}

/**
 * The jobs of a priority from an id on, as one piece of the index. Compared as rows: of an equality
 * the planner would think that it leaves next to nothing, and read and sort all of them.
 */
function between(priority: string, mark: string): string {
  return `(-q.priority, q.job_id) >= (-${priority}, ${mark})
       AND (-q.priority, q.job_id) <= (-${priority}, '${LAST_ID}')`;
}

const WHOLE: Search = { parts: `taken AS (${firstJobs('')})`, valueCount: 0 };
/**
 * From the first job of the highest priority that has something: what lies before it was looked at
 * to find it. Of priorities without a mark nothing was given out yet, so there is nothing to walk
 * over between two that have one.
 */
const FROM_MARKS: Search = {
  parts: `first AS (
     SELECT found.priority, found.job_id
     FROM unnest($8::int[], $9::uuid[], $10::int[])
         WITH ORDINALITY AS m(priority, mark, higher, n),
       LATERAL (
         (SELECT q.priority, q.job_id FROM job_queue q
          WHERE (-q.priority, q.job_id) > (-m.higher, '${LAST_ID}')
            AND (-q.priority, q.job_id) < (-m.priority, '${NO_ID}') AND ${CLAIMABLE}
          ORDER BY -q.priority, q.job_id LIMIT 1)
         UNION ALL
         (SELECT q.priority, q.job_id FROM job_queue q
          WHERE ${between('m.priority', 'm.mark')} AND ${CLAIMABLE}
          ORDER BY -q.priority, q.job_id LIMIT 1)
         ORDER BY priority DESC LIMIT 1
       ) AS found
     ORDER BY m.n LIMIT 1
   ), taken AS (
     ${firstJobs(`AND ${between('(SELECT priority FROM first)', '(SELECT job_id FROM first)')}
       -- One before all marks goes first, and is left to a claim without marks.
       AND (SELECT job_id FROM first) >= $7`)}
   )`,
  valueCount: 3,
};
/** Of one priority so many of each pipeline; what has a higher one goes before. */
const BY_PIPELINE: Search = {
  parts: `urgent AS (
     ${firstJobs('AND -q.priority < -$8::int')}
   ), owed AS (
     SELECT w.*
     FROM unnest($9::text[], $10::uuid[], $11::int[]) AS s(name, first, jobs_max), LATERAL (
       SELECT q.job_id, q.priority, q.ctid AS place
       FROM job_queue q JOIN jobs j ON j.id = q.job_id AND j.id >= $7
       WHERE ${CLAIMABLE} AND ${isOfPipeline('$8::int', 's.name', 's.first')}
       ORDER BY q.pipeline_name COLLATE "C", -q.priority, q.job_id
       LIMIT s.jobs_max FOR UPDATE OF q, j SKIP LOCKED
     ) w
   ), taken AS (
     SELECT * FROM urgent UNION ALL SELECT * FROM owed
     ORDER BY priority DESC, job_id LIMIT ${SLOT_COUNT}
   )`,
  valueCount: 4,
};

const IN_ORDER = claimStatements('claim_jobs', WHOLE);
const IN_ORDER_FROM_MARKS = claimStatements('claim_jobs_from', FROM_MARKS);
const IN_TURNS = claimStatements('claim_jobs_in_turns', BY_PIPELINE);

/**
 * Gives the first jobs of the queue to the slots, in their order, and starts an attempt of each.
 * Stores the reports beside that: all of it or nothing.
 */
export async function claimJobs(db: Queryable, request: ClaimJobsRequest): Promise<ClaimedRow[]> {
  const { slots, reports } = request;
  const { statements, from, searched } = searchOf(request);
  const values = [
    slots.map((slot) => slot.runnerId),
    slots.map((slot) => slot.requestId),
    slots.map((slot) => slot.leaseId),
    request.fulfils,
    request.leaseSeconds,
    request.pipelines.map(likePattern),
    from,
    ...searched,
  ];
  if (reports === undefined || reports.reports.length === 0) {
    return db.query(statements.plain, values);
  }
  const rows = await db.query<ClaimedRow & { readonly cancel_requested: boolean | null }>(
    statements.reporting,
    [...values, ...plainReportValues(reports.reports)],
  );
  const stored: StoredReport[] = [];
  const claimed: ClaimedRow[] = [];
  for (const row of rows) {
    const { job_id, cancel_requested } = row;
    if (cancel_requested === null) claimed.push(row);
    else stored.push({ job_id, cancel_requested });
  }
  reports.onStored(stored);
  return claimed;
}

interface ClaimStatements {
  readonly plain: Statement;
  /** Stores reports too. */
  readonly reporting: Statement;
}

function claimStatements(name: string, search: Search): ClaimStatements {
  return {
    plain: claimStatement(name, search, false),
    reporting: claimStatement(name, search, true),
  };
}

/** The statements of a request, the smallest id that they look at, and the values of the search. */
function searchOf({ marks, turns }: ClaimJobsRequest): {
  readonly statements: ClaimStatements;
  readonly from: string;
  readonly searched: readonly unknown[];
} {
  if (turns !== undefined) {
    const searched = [
      turns.priority,
      turns.turns.map(({ name }) => name),
      turns.turns.map(({ first }) => first),
      turns.turns.map(({ count }) => count),
    ];
    return { statements: IN_TURNS, from: turns.from, searched };
  }
  if (marks === undefined) return { statements: IN_ORDER, from: NO_ID, searched: [] };
  const from = marks.map((mark) => mark.from).toSorted()[0] ?? NO_ID;
  return { statements: IN_ORDER_FROM_MARKS, from, searched: markValues(marks) };
}

/** Marks by falling priority, each with the one above it; at the end what is below all of them. */
function markValues(marks: readonly QueueMark[]): unknown[] {
  const all = [...marks, { priority: -NO_PRIORITY, from: LAST_ID }];
  return [
    all.map(({ priority }) => priority),
    all.map(({ from }) => from),
    all.map((_, index) => all[index - 1]?.priority ?? NO_PRIORITY),
  ];
}
