// Says why a job is in the state it is in, as sentences.
import { formatDuration } from '@rivet/base';
import type { ExplanationCause, ExplanationCode, JobExplanation } from '@rivet/protocol';
import {
  type GroupPlace,
  type JobRow,
  listEndedAttempts,
  listFailedAndSkippedStages,
  listRunners,
  type Queryable,
  type QueuePosition,
  readAttempt,
  readGroupPlace,
  readJobContent,
  readQueuePosition,
  readTimeLeft,
  type TimeLimits,
} from '@rivet/store';
import { presentRunner } from '../present.ts';
import { missingSecrets } from '../secrets/job-secrets.ts';
import { whyNoRunner } from './why-no-runner.ts';

const RUNNERS_MAX = 1000;
const ATTEMPTS_MAX = 20;
const STAGES_MAX = 50;

/**
 * @param maySee whether whoever asks may see jobs of the pipeline of that name
 * @param limits when the server ends attempts
 */
export async function explainJob(
  db: Queryable,
  job: JobRow,
  maySee: (pipeline: string) => boolean,
  limits: TimeLimits,
): Promise<JobExplanation> {
  const now =
    job.state === 'queued' ? await whyQueued(db, job, maySee) : await whyNow(db, job, limits);
  // One that succeeded has done without them.
  const missing = job.state === 'succeeded' ? [] : await missingSecrets(db, job);
  const secrets = missing.map((text) => cause('secret_missing', text));
  const causes = [...now, ...secrets, ...(await earlierAttempts(db, job))];
  return { state: job.state, reasons: causes.map(({ text }) => text), causes };
}

async function whyQueued(
  db: Queryable,
  job: JobRow,
  maySee: (pipeline: string) => boolean,
): Promise<ExplanationCause[]> {
  const position = await readQueuePosition(db, job.id);
  if (position === undefined) return [cause('about_to_start', 'A runner is about to take it.')];
  const { wait_ms: waitMs, expires_ms: expiresMs } = position;
  const expiry =
    expiresMs === null
      ? []
      : [cause('expires', `If nobody takes it, it ends in ${formatDuration(max0(expiresMs))}.`)];
  const group = await readGroupPlace(db, job.id);
  if (group !== undefined) return [whyNotAdmitted(group, maySee), ...expiry];
  if (waitMs > 0) {
    const text = `The next attempt begins in ${formatDuration(waitMs)}.`;
    return [cause('backoff', text), ...expiry];
  }
  const content = await readJobContent(db, job.id);
  const runners = await listRunners(db, { after: '', limit: RUNNERS_MAX });
  const wanted = { pipeline: job.pipeline_name, tags: content?.tags ?? [] };
  return [...whyNoRunner(wanted, runners.map(presentRunner)), placeOf(position), ...expiry];
}

function whyNotAdmitted(
  place: GroupPlace,
  maySee: (pipeline: string) => boolean,
): ExplanationCause {
  const { group_name: group, members_max: limit, holders, holder_count: count } = place;
  const known = holders.filter(({ pipeline }) => maySee(pipeline)).map(({ id }) => id);
  const others = count - known.length;
  const rest = others === 0 ? [] : [known.length === 0 ? `${count} jobs` : `${others} more`];
  const who = [...known, ...rest].join(', ');
  const text = `It waits for the concurrency group ${group}, of which ${limit} may run at a time: now ${who}.`;
  return cause('group_full', `${text}${placeInGroup(place)}`);
}

function placeInGroup({ ahead, weight, weights }: GroupPlace): string {
  if (weight === null) return ahead === 0 ? '' : ` ${jobs(ahead)} of the group before it.`;
  const share = ` Its pipeline has the weight ${weight} of ${weights} that wait`;
  return ahead === 0 ? `${share}.` : `${share}, and ${jobs(ahead)} of that pipeline before it.`;
}

function placeOf({ ahead, weight, weights }: QueuePosition): ExplanationCause {
  if (weight === weights) {
    const text =
      ahead === 0 ? 'It is the next in the queue.' : `${jobs(ahead)} before it in the queue.`;
    return cause('queue_place', text);
  }
  const share = `Its pipeline has the weight ${weight} of ${weights} that wait at its priority`;
  if (ahead === 0) return cause('queue_place', `${share}, and it is the next of that pipeline.`);
  const text = `${share}; ${jobs(ahead)} before it, of that pipeline or of a higher priority.`;
  return cause('queue_place', text);
}

function jobs(count: number): string {
  return `${count} ${count === 1 ? 'job stands' : 'jobs stand'}`;
}

async function whyNow(db: Queryable, job: JobRow, limits: TimeLimits): Promise<ExplanationCause[]> {
  const runner = job.runner_name ?? 'a runner that is gone';
  if (job.state === 'running') {
    const attempt = await readAttempt(db, job.id, job.attempt);
    return [
      cause('job_running', `Attempt ${job.attempt} runs on ${runner}.`),
      ...(job.cancel_requested ? [cause('cancel_asked', 'Somebody asked to cancel it.')] : []),
      ...(attempt?.expired === true
        ? [cause('runner_silent', 'Its runner has not been heard of in time.')]
        : []),
      ...(await whenEnded(db, job, limits)),
    ];
  }
  const stages = await stagesOf(db, job);
  if (job.state === 'succeeded') {
    const text = `Attempt ${job.attempt} succeeded on ${runner}.`;
    return [cause('job_succeeded', text), ...stages];
  }
  if (job.state === 'canceled') {
    return [cause('job_canceled', job.message ?? 'Somebody canceled it.'), ...stages];
  }
  return [
    cause('job_failed', `It failed: ${job.reason}.`),
    ...(job.message === null ? [] : [cause('job_failed', job.message)]),
    ...stages,
  ];
}

/** When the server ends what runs, should nobody else. */
async function whenEnded(
  db: Queryable,
  job: JobRow,
  limits: TimeLimits,
): Promise<ExplanationCause[]> {
  const time = await readTimeLeft(db, job.id, limits);
  if (time === undefined) return [];
  const { timeout_ms: timeoutMs, left_ms: leftMs } = time;
  const whose =
    timeoutMs === null
      ? 'Its pipeline sets no timeout'
      : `Its timeout is ${formatDuration(timeoutMs)}`;
  const when = `unless its runner ends it before, the server does in ${formatDuration(max0(leftMs))}`;
  return [cause('time_left', `${whose}: ${when}.`)];
}

/** Why stages of the last attempt failed or were skipped. */
async function stagesOf(db: Queryable, job: JobRow): Promise<ExplanationCause[]> {
  const rows = await listFailedAndSkippedStages(db, job.id, job.attempt, STAGES_MAX);
  return rows.map(({ name, state, reason }) => {
    const why = reason === null ? '' : `: ${reason}`;
    if (state === 'failed') return cause('stage_failed', `The stage ${name} failed${why}.`);
    return cause('stage_skipped', `The stage ${name} was skipped${why}.`);
  });
}

/** How the attempts before the current one ended, and of one that waits for another, the last. */
async function earlierAttempts(db: Queryable, job: JobRow): Promise<ExplanationCause[]> {
  if (job.attempt === 0 || (job.attempt === 1 && job.state !== 'queued')) return [];
  const ended = await listEndedAttempts(db, job.id, ATTEMPTS_MAX);
  const earlier = ended.filter(({ attempt }) => job.state === 'queued' || attempt < job.attempt);
  return earlier.map(({ attempt, result, message, runner }) => {
    const why = message ?? 'it ended early';
    return result === 'lost'
      ? cause('attempt_lost', `Attempt ${attempt} was lost on ${runner}: ${why}.`)
      : cause('attempt_ended', `Attempt ${attempt} on ${runner} is over, ${result}: ${why}.`);
  });
}

function max0(value: number): number {
  return Math.max(0, value);
}

function cause(code: ExplanationCode, text: string): ExplanationCause {
  return { code, text };
}
