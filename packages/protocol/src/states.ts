// The states of a job, a stage and a runner, and which may follow which. The diagram is in
// docs/architecture.md, the CHECK constraints are in migrations/; a test holds the three equal.

export const jobStates = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type JobState = (typeof jobStates)[number];

/** A job goes back to `queued` only for another attempt. Finished is final. */
export const jobTransitions: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['running', 'failed', 'canceled'],
  running: ['succeeded', 'failed', 'canceled', 'queued'],
  succeeded: [],
  failed: [],
  canceled: [],
};

export const finalJobStates = ['succeeded', 'failed', 'canceled'] as const;
export type FinalJobState = (typeof finalJobStates)[number];

export function isFinalJobState(state: JobState): state is FinalJobState {
  return jobTransitions[state].length === 0;
}

/** Why a job failed. */
export const failureReasons = [
  'stage_failed',
  'timeout',
  'lua_error',
  'lua_limit',
  'definition_changed',
  'runner_lost',
  'infrastructure',
  'policy',
  'log_limit',
  /** A command was under way when the runner went on after its own death: how it ended is unknown. */
  'interrupted',
  /** No runner took it within the `max_queue_age` of its pipeline. */
  'expired',
] as const;
export type FailureReason = (typeof failureReasons)[number];

export const stageStates = [
  'pending',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'canceled',
] as const;
export type StageState = (typeof stageStates)[number];

export const stageTransitions: Readonly<Record<StageState, readonly StageState[]>> = {
  pending: ['running', 'skipped', 'canceled'],
  running: ['succeeded', 'failed', 'canceled'],
  succeeded: [],
  failed: [],
  skipped: [],
  canceled: [],
};

/** `unfit`: it is there, and takes no jobs until it has what it lacks, such as room on its disk. */
export const runnerStates = ['online', 'draining', 'offline', 'paused', 'unfit'] as const;
export type RunnerState = (typeof runnerStates)[number];

/** What an account is: a ceiling over everything that grants give it. */
export const roles = ['admin', 'user', 'viewer'] as const;
export type Role = (typeof roles)[number];
