// The only place that changes the state of a job. Each function is one row of the diagram in
// docs/architecture.md; all but the claim take a transaction that has locked the job.
import { backoffMs, formatDuration, RivetError } from '@rivet/base';
import {
  type FailureReason,
  isFinalJobState,
  type JobOutcome,
  type RetryCause,
  retryCauses,
} from '@rivet/protocol';
import {
  type AttemptProgress,
  advanceAttempts,
  type ClaimedRow,
  type ClaimRequest,
  closeOpenStages,
  countReturnedAttempts,
  countSpentAttempts,
  type Database,
  dequeueJob,
  endAttempt,
  enqueueJob,
  finishAttempts,
  insertJobs,
  type JobRow,
  listLostAttempts,
  lockJob,
  type PlainReport,
  type Queryable,
  type QueueSearch,
  readAttempt,
  readJobContent,
  readPassedQueueAge,
  readRetryRule,
  requestJobCancel,
  setJobState,
  storePlainReports,
  wasRenewed,
} from '@rivet/store';

/** The pause before another attempt: with jitter, so that many do not come back together. */
const RETRY_BACKOFF = { baseMs: 2000, maxMs: 60_000 };

/** A job that lost its runner so often is given to no other. */
const LOST_MAX = 3;

/** A job that was given out in vain so often may be what its runners die of. */
const RETURNS_MAX = 5;

/** nothing → queued, for any number of jobs of one pipeline: one statement. */
export const launch = insertJobs;

/**
 * queued → running, for as many jobs as there are slots; and `finishPlain` of the reports that the
 * request brings, in the same statement.
 */
export function start(
  search: QueueSearch,
  database: Database,
  request: ClaimRequest,
): Promise<ClaimedRow[]> {
  return search.claim(database, request);
}

/**
 * queued → canceled at once; a running job is asked through its runner.
 * @param message of a job that has not begun
 */
export async function cancel(
  tx: Queryable,
  job: JobRow,
  message = 'canceled before it began',
): Promise<void> {
  if (job.state === 'running') return requestJobCancel(tx, job.id);
  await dequeueJob(tx, job.id);
  await setJobState(tx, { id: job.id, state: 'canceled', reason: null, message });
}

/** queued → failed, when it has waited for longer than its pipeline lets it. Whether it has. */
export async function expire(tx: Queryable, job: JobRow): Promise<boolean> {
  if (job.state !== 'queued') return false;
  const maxMs = await readPassedQueueAge(tx, job.id);
  if (maxMs === undefined) return false;
  await dequeueJob(tx, job.id);
  const { message } = RivetError.of('RIVET_JOB_EXPIRED', { limit: formatDuration(maxMs) });
  await setJobState(tx, { id: job.id, state: 'failed', reason: 'expired', message });
  return true;
}

/** What ending or requeueing a job needs of it. */
export type RunningJob = Pick<
  JobRow,
  'id' | 'pipeline_id' | 'pipeline_name' | 'version' | 'priority' | 'attempt' | 'cancel_requested'
>;

/** The end of a job, and how far its reports have come. */
export interface JobEnd {
  readonly job: RunningJob;
  readonly outcome: JobOutcome;
  readonly progress: AttemptProgress;
}

/** running → what the runner says, or queued where the pipeline allows another attempt. */
export async function finish(
  tx: Queryable,
  job: RunningJob,
  reported: JobOutcome,
): Promise<'ended' | 'queued'> {
  const outcome = asWanted(job, reported);
  const { reason, message, code } = textsOf(outcome);
  const { id: jobId, attempt } = job;
  await endAttempt(tx, { jobId, attempt, result: outcome.state, reason, message, code });
  await closeOpenStages(tx, job.id, job.attempt, 'the job ended');
  if (reason !== null && (await retryLater(tx, job, reason, outcome.exit_code))) return 'queued';
  await setJobState(tx, { id: job.id, state: outcome.state, reason, message });
  return 'ended';
}

/** `finish` for many jobs, most of them in one statement. The ids of those that are queued again. */
export async function finishAll(
  tx: Queryable,
  reported: readonly JobEnd[],
  leaseSeconds: number,
): Promise<ReadonlySet<string>> {
  const ends = reported.map((end) => ({ ...end, outcome: asWanted(end.job, end.outcome) }));
  const retried = ends.filter(({ job, outcome }) => mayBeRetried(job, textsOf(outcome).reason));
  const final = ends.filter((end) => !retried.includes(end));
  const changes = final.map(({ outcome, progress }) => ({
    ...progress,
    state: outcome.state,
    ...textsOf(outcome),
  }));
  await finishAttempts(tx, changes);
  const queued = new Set<string>();
  await advanceAttempts(
    tx,
    retried.map(({ progress }) => progress),
    leaseSeconds,
  );
  for (const { job, outcome } of retried) {
    if ((await finish(tx, job, outcome)) === 'queued') queued.add(job.id);
  }
  return queued;
}

/** A report that says nothing but that its attempt goes on, or how it ended for good. */
export interface PlainEnd extends Omit<PlainReport, 'end'> {
  readonly outcome: JobOutcome | undefined;
}

/** Whether no pipeline has another attempt after such an end. */
export function isForGood(outcome: JobOutcome): boolean {
  const { reason } = textsOf(outcome);
  return reason === null || !isRetryCause(reason);
}

/**
 * `finish` for many jobs, and the lease of those that go on, in one statement. Those that are not in
 * the result were left as they are.
 */
export function finishPlain(
  db: Queryable,
  reports: readonly PlainEnd[],
  leaseSeconds: number,
): ReturnType<typeof storePlainReports> {
  return storePlainReports(db, reports.map(toPlainReport), leaseSeconds);
}

/** What `finishPlain` and `start` store of it. */
export function toPlainReport({ outcome, ...report }: PlainEnd): PlainReport {
  return { ...report, end: outcome && { state: outcome.state, ...textsOf(outcome) } };
}

/** Nobody's commands are at fault: the job would have been given another attempt. */
const LOSSES: ReadonlySet<FailureReason> = new Set([
  'runner_lost',
  'infrastructure',
  'interrupted',
]);

/** A job that was lost after somebody had wanted its end has ended as that one wanted. */
function asWanted(job: RunningJob, outcome: JobOutcome): JobOutcome {
  const { reason } = outcome;
  if (!job.cancel_requested || reason === undefined || !LOSSES.has(reason)) return outcome;
  return { state: 'canceled', ...(outcome.message !== undefined && { message: outcome.message }) };
}

function textsOf({ state, reason, message, code }: JobOutcome): {
  readonly reason: FailureReason | null;
  readonly message: string | null;
  readonly code: string | null;
} {
  const why = state === 'failed' ? (reason ?? 'infrastructure') : null;
  return { reason: why, message: message ?? null, code: code ?? null };
}

/** What became of a runner. */
export interface Loss {
  /** For people, after its name. */
  readonly how: string;
  /** Whether it has nothing to do with what the runner ran. */
  readonly blameless: boolean;
}

const EXPIRED: Loss = { how: 'was not heard of until its lease ran out', blameless: false };

/**
 * running → failed, canceled or queued, because the lease ran out or the runner was revoked.
 * @param silent whether the attempt has never reported: then its runner may not even know of it,
 *   and has run nothing of it
 */
export async function lose(
  tx: Queryable,
  job: JobRow,
  silent: boolean,
  { how, blameless }: Loss = EXPIRED,
): Promise<'failed' | 'canceled' | 'queued'> {
  const runner = job.runner_name ?? 'that had it';
  if (silent && (await countReturnedAttempts(tx, job.id)) < RETURNS_MAX) {
    return giveBack(tx, job, `the runner ${runner} never said that it had got the job`);
  }
  const message = `the runner ${runner} ${how}`;
  await endAttempt(tx, {
    jobId: job.id,
    attempt: job.attempt,
    result: 'lost',
    reason: 'runner_lost',
    message,
    code: blameless ? 'RIVET_RUNNER_REVOKED' : null,
  });
  await closeOpenStages(tx, job.id, job.attempt, 'the runner was lost');
  const poison = job.cancel_requested || blameless ? undefined : await findPoison(tx, job.id);
  if (poison === undefined && (await retryLater(tx, job, 'runner_lost'))) return 'queued';
  const state = job.cancel_requested ? 'canceled' : 'failed';
  const reason = job.cancel_requested ? null : 'runner_lost';
  await setJobState(tx, { id: job.id, state, reason, message: poison?.message ?? message });
  return state;
}

/** Why the job is given to no other runner, when its runners may die of it. */
async function findPoison(tx: Queryable, jobId: string): Promise<RivetError | undefined> {
  const lost = await listLostAttempts(tx, jobId);
  if (lost.length < LOST_MAX) return undefined;
  const runners = [...new Set(lost.map(({ runner }) => runner))].join(', ');
  return RivetError.of('RIVET_JOB_POISONED', { count: lost.length, runners });
}

/**
 * running → queued, for the attempts of a claim whose answer its runner never got. One that has
 * reported is left alone: its runner did get the answer. So is one whose lease is longer than that
 * of the claim: its runner has asked again, and may have got that answer. Returns how many went
 * back.
 */
export async function undoClaim(
  database: Database,
  attempts: readonly { readonly job_id: string; readonly attempt: number }[],
  leaseSeconds: number,
): Promise<number> {
  let undone = 0;
  for (const { job_id, attempt } of attempts) {
    const done = await database.transaction(
      (tx) => undoAttempt(tx, job_id, attempt, leaseSeconds),
      {
        repeatable: true,
      },
    );
    undone += done ? 1 : 0;
  }
  return undone;
}

async function undoAttempt(
  tx: Queryable,
  jobId: string,
  attempt: number,
  leaseSeconds: number,
): Promise<boolean> {
  const job = await lockJob(tx, jobId);
  const current = await readAttempt(tx, jobId, attempt);
  const silent = current?.result === null && current.last_seq === 0;
  if (job?.state !== 'running' || job.attempt !== attempt || !silent) return false;
  if (await wasRenewed(tx, jobId, leaseSeconds)) return false;
  await giveBack(tx, job, 'the runner went away before it got the job');
  return true;
}

/** Ends an attempt in which nothing has run: it counts against no rule. */
async function giveBack(
  tx: Queryable,
  job: JobRow,
  message: string,
): Promise<'canceled' | 'queued'> {
  const { id, attempt } = job;
  const text = { reason: null, message, code: null };
  await endAttempt(tx, { jobId: id, attempt, result: 'returned', ...text });
  if (job.cancel_requested) {
    await setJobState(tx, { id, state: 'canceled', reason: null, message });
    return 'canceled';
  }
  await requeue(tx, job, 0);
  return 'queued';
}

/** Whether some pipelines have another attempt of such a job. */
function mayBeRetried(job: RunningJob, reason: FailureReason | null): boolean {
  return reason !== null && !job.cancel_requested && isRetryCause(reason);
}

/**
 * Puts the job back into the queue when its pipeline allows another attempt for this reason.
 * @param exitCode of the command whose failure was the reason, when it was one
 */
async function retryLater(
  tx: Queryable,
  job: RunningJob,
  reason: FailureReason,
  exitCode?: number,
): Promise<boolean> {
  if (!mayBeRetried(job, reason) || !isRetryCause(reason)) return false;
  const retry = await readRetryRule(tx, job.pipeline_id, job.version);
  const isListed = (cause: RetryCause | number): boolean =>
    cause === reason || (cause === exitCode && reason === 'stage_failed');
  if (retry === null || !retry.on.some(isListed)) return false;
  const spent = await countSpentAttempts(tx, job.id);
  if (spent > retry.max) return false;
  await requeue(tx, job, backoffMs(spent, RETRY_BACKOFF));
  return true;
}

async function requeue(tx: Queryable, job: RunningJob, delayMs: number): Promise<void> {
  await setJobState(tx, { id: job.id, state: 'queued', reason: null, message: null });
  const content = await readJobContent(tx, job.id);
  const { id: jobId, pipeline_name: pipelineName, priority } = job;
  await enqueueJob(tx, { jobId, pipelineName, priority, delayMs, tags: content?.tags ?? [] });
}

function isRetryCause(reason: FailureReason): reason is FailureReason & RetryCause {
  return (retryCauses as readonly string[]).includes(reason);
}

/** Whether nothing can change the job any more. */
export function hasEnded(job: JobRow): boolean {
  return isFinalJobState(job.state);
}
