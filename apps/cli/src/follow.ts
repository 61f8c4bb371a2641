// Follows a job on the server to its end: log lines and stage changes into a progress.
import type { Client, Job, JobDetail, StageChange } from '@rivet/protocol';
import { type CourseMerger, createCourseMerger } from './course-merger.ts';
import type { Progress } from './progress/progress.ts';

export interface FollowOptions {
  readonly client: Client;
  readonly id: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Shows a job until it has ended and every line was shown; then its summary.
 * @returns the job at its end
 * @throws RIVET_JOB_NOT_FOUND, RIVET_SERVER_UNREACHABLE, or the reason of `signal`
 */
export async function followJob(options: FollowOptions): Promise<JobDetail> {
  // One of the two streams failing ends the other.
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const merger = createCourseMerger(options.progress);
  try {
    await Promise.all([
      followStages({ ...options, signal }, merger),
      followLines({ ...options, signal }, merger),
    ]);
  } finally {
    stop.abort();
    merger.flush();
  }
  const job = await options.client.getJob({ id: options.id, signal: options.signal });
  options.progress.end({
    state: finalState(job),
    ...(job.reason === null ? {} : { reason: job.reason }),
    ...(job.message === null ? {} : { message: job.message }),
    ...codeOf(job),
    durationMs: durationMs(job),
    outputs: job.outputs,
    summary: job.summary,
  });
  return job;
}

async function followLines(
  { client, id, signal }: FollowOptions,
  merger: CourseMerger,
): Promise<void> {
  for await (const event of client.streamJobLogs({ id, signal })) {
    if (event.event === 'line') merger.line(event.data);
  }
}

async function followStages(
  { client, id, progress, signal }: FollowOptions,
  merger: CourseMerger,
): Promise<void> {
  const changesOf = createStageTracker();
  let attempt: number | undefined;
  for await (const event of client.streamJobEvents({ id, signal })) {
    if (event.event !== 'job') continue;
    const job = event.data;
    if (attempt === undefined && job.state === 'queued') {
      progress.remark(`job ${job.id} is queued`);
    }
    if (attempt !== undefined && job.attempt !== attempt && job.attempt > 1) {
      merger.reset();
      progress.remark(`attempt ${job.attempt} begins`);
    }
    attempt = job.attempt;
    merger.changes(job, changesOf(job));
  }
}

/** Turns snapshots of a job into the changes between them. */
export function createStageTracker(): (job: JobDetail) => StageChange[] {
  let attempt: number | undefined;
  let seen = new Map<string, string>();
  return (job) => {
    if (job.attempt !== attempt) seen = new Map();
    attempt = job.attempt;
    return job.stages.flatMap((stage) => {
      const before = seen.get(stage.name);
      const key = `${stage.state} ${stage.run}`;
      if (before === key || stage.state === 'pending') return [];
      seen.set(stage.name, key);
      const change: StageChange = {
        ...changeOf(stage),
        ...(stage.state === 'running' || stage.reason === null ? {} : { reason: stage.reason }),
        ...(stage.code === null ? {} : { code: stage.code }),
      };
      // A stage that ended between two snapshots was running too: its start gives it a duration.
      const startWasSeen = before?.endsWith(` ${stage.run}`) === true;
      return startWasSeen || stage.state === 'running' || stage.started_at === null
        ? [change]
        : [{ ...changeOf(stage), state: 'running', t: stage.started_at }, change];
    });
  };
}

function changeOf(stage: JobDetail['stages'][number]): StageChange {
  return {
    stage: stage.name,
    state: stage.state,
    t: stage.finished_at ?? stage.started_at ?? new Date().toISOString(),
    run: Math.max(1, stage.run),
    unchecked_exits: stage.unchecked_exits,
  };
}

function finalState(job: Job): 'succeeded' | 'failed' | 'canceled' {
  return job.state === 'succeeded' || job.state === 'canceled' ? job.state : 'failed';
}

function codeOf(job: JobDetail): { code?: string } {
  const failed = job.stages.find((stage) => stage.state === 'failed' && stage.code !== null);
  return failed?.code == null ? {} : { code: failed.code };
}

function durationMs(job: Job): number {
  const start = Date.parse(job.started_at ?? job.created_at);
  const end = job.finished_at === null ? start : Date.parse(job.finished_at);
  return Math.max(0, end - start);
}
