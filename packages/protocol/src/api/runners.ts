// The resource "runners", and what a runner itself calls: register, claim, report.
import { type Static, Type } from 'typebox';
import { count, SUMMARY_LENGTH_MAX } from '../bounds.ts';
import { InputValues, PipelineBundle, PipelineDefinition, RunnerTag } from '../definition.ts';
import { JobOutcome, LogLine, OutputValue, StageChange } from '../job-events.ts';
import { runnerStates } from '../states.ts';
import { NullableTimestamp, Page, Timestamp } from './page.ts';

export const RunnerRef = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) });

export const Runner = Type.Object({
  id: Type.String(),
  name: Type.String(),
  state: Type.Enum(runnerStates),
  tags: Type.Array(RunnerTag),
  capacity: Type.Integer(),
  running: Type.Integer(),
  version: Type.String(),
  created_at: Timestamp,
  last_seen_at: NullableTimestamp,
});
export type Runner = Static<typeof Runner>;
export const RunnerList = Page(Runner);
export type RunnerList = Static<typeof RunnerList>;

/** Registering a name again gives the same runner its new tags and capacity. */
export const RegisterRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' }),
  tags: Type.Array(RunnerTag, { maxItems: 100 }),
  capacity: Type.Integer({ minimum: 1, maximum: 1000 }),
  version: Type.String({ maxLength: 100 }),
});
export type RegisterRequest = Static<typeof RegisterRequest>;

export const RegisterResponse = Type.Object({
  runner_id: Type.String(),
  /** Identifies the registration in claim and report; a new registration replaces it. */
  session: Type.String(),
});
export type RegisterResponse = Static<typeof RegisterResponse>;

/** A long poll: answered when there are jobs, or with none after `wait_ms`. */
export const ClaimRequest = Type.Object({
  runner_id: Type.String({ maxLength: 100 }),
  session: Type.String({ maxLength: 100 }),
  /** A repeated id gets the same jobs again. */
  request_id: Type.String({ format: 'uuid' }),
  /** Jobs that the runner can take now. */
  capacity: Type.Integer({ minimum: 1, maximum: 1000 }),
  wait_ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
  draining: Type.Optional(Type.Boolean()),
});
export type ClaimRequest = Static<typeof ClaimRequest>;

export const ClaimedJob = Type.Object({
  id: Type.String(),
  attempt: Type.Integer(),
  lease_id: Type.String(),
  /** From the moment the answer was made; the runner counts on its monotonic clock. */
  lease_seconds: Type.Integer(),
  pipeline: Type.String(),
  version: Type.Integer(),
  bundle: PipelineBundle,
  definition: PipelineDefinition,
  inputs: InputValues,
  launched_by: Type.String(),
  created_at: Timestamp,
});
export type ClaimedJob = Static<typeof ClaimedJob>;

export const ClaimResponse = Type.Object({ jobs: Type.Array(ClaimedJob) });
export type ClaimResponse = Static<typeof ClaimResponse>;

/** The whole id of a job: a runner knows it. */
export const ReportRef = Type.Object({ id: Type.String({ format: 'uuid' }) });

/**
 * Log lines, stage changes, outputs, heartbeat and outcome in one call. `(job, attempt, seq)` is
 * unique:
 * a repeat is answered like the first time. `seq` counts from 1 in an attempt, without gaps.
 */
export const ReportRequest = Type.Object({
  attempt: count(1),
  lease_id: Type.String({ maxLength: 100 }),
  seq: count(1),
  logs: Type.Array(LogLine, { maxItems: 10_000 }),
  stages: Type.Array(StageChange, { maxItems: 10_000 }),
  /** Outputs set since the last report; null clears. */
  outputs: Type.Record(Type.String(), OutputValue),
  /** The whole summary of the job in Markdown, when it has changed since the last report. */
  summary: Type.Optional(Type.String({ maxLength: SUMMARY_LENGTH_MAX })),
  outcome: Type.Optional(JobOutcome),
});
export type ReportRequest = Static<typeof ReportRequest>;

export const ReportResponse = Type.Object({
  /** Seconds that the lease now lasts, from the moment the answer was made. */
  lease_seconds: Type.Integer(),
  /** Whether somebody asked to cancel the job. */
  cancel: Type.Boolean(),
});
export type ReportResponse = Static<typeof ReportResponse>;
