// Follows a job on the server to its end: log lines and stage changes into a progress.
import {
  type Client,
  type Job,
  type JobDetail,
  jobStates,
  type StageChange,
} from '@rivet/protocol';
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
  try {
    await Promise.all([followStages({ ...options, signal }), followLines({ ...options, signal })]);
  } finally {
    stop.abort();
  }
  const job = await options.client.getJob({ id: options.id, signal: options.signal });
  options.progress.end({
    state: finalState(job),
    ...(job.reason === null ? {} : { reason: job.reason }),
    ...(job.message === null ? {} : { message: job.message }),
    ...codeOf(job),
    durationMs: durationMs(job),
    outputs: job.outputs,
  });
  return job;
}

async function followLines({ client, id, progress, signal }: FollowOptions): Promise<void> {
  for await (const event of client.streamJobLogs({ id, signal })) {
    if (event.event === 'line') progress.line(event.data);
  }
}

async function followStages({ client, id, progress, signal }: FollowOptions): Promise<void> {
  const tracker = createStageTracker(progress);
  for await (const event of client.streamJobEvents({ id, signal })) {
    if (event.event === 'job') tracker(event.data);
  }
}

/** Turns snapshots of a job into the changes between them. */
export function createStageTracker(progress: Progress): (job: JobDetail) => void {
  let attempt: number | undefined;
  let seen = new Map<string, string>();
  return (job) => {
    if (attempt !== undefined && job.attempt !== attempt) {
      progress.remark(`attempt ${job.attempt} begins`);
      seen = new Map();
    }
    if (attempt === undefined && job.state === jobStates[0]) {
      progress.remark(`job ${job.id} is queued`);
    }
    attempt = job.attempt;
    for (const stage of job.stages) {
      const key = `${stage.state} ${stage.run}`;
      if (seen.get(stage.name) === key || stage.state === 'pending') continue;
      // A stage that ended between two snapshots was running too: its start gives it a duration.
      const skippedStart = !seen.get(stage.name)?.endsWith(` ${stage.run}`);
      seen.set(stage.name, key);
      if (skippedStart && stage.state !== 'running' && stage.started_at !== null) {
        progress.stage({ ...changeOf(stage), state: 'running', t: stage.started_at });
      }
      progress.stage({
        ...changeOf(stage),
        ...(stage.state === 'running' || stage.reason === null ? {} : { reason: stage.reason }),
        ...(stage.code === null ? {} : { code: stage.code }),
      });
    }
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
