// The resource "jobs": list, show, cancel, retry, logs, events.
import { type Static, Type } from 'typebox';
import { count } from '../bounds.ts';
import { InputValues, RunnerTag } from '../definition.ts';
import { LogLine, logLevels, OutputValue } from '../job-events.ts';
import { LaunchEvent } from '../launch-event.ts';
import { failureReasons, jobStates, stageStates } from '../states.ts';
import { NullableTimestamp, Page, PageQuery, Timestamp } from './page.ts';
import { LaunchRequest } from './pipelines.ts';

const JobStateSchema = Type.Enum(jobStates);

export const JobRef = Type.Object({
  /** Id, or a unique prefix of it. */
  id: Type.String({ minLength: 4, maxLength: 36, pattern: '^[0-9a-fA-F-]+$' }),
});

export const Job = Type.Object({
  id: Type.String(),
  pipeline: Type.String(),
  version: Type.Integer(),
  state: JobStateSchema,
  reason: Type.Union([Type.Enum(failureReasons), Type.Null()]),
  message: Type.Union([Type.String(), Type.Null()]),
  attempt: Type.Integer(),
  runner: Type.Union([Type.String(), Type.Null()]),
  launched_by: Type.String(),
  /** What launched it; a retry has that of the job before. */
  event: LaunchEvent,
  priority: Type.Integer(),
  cancel_requested: Type.Boolean(),
  created_at: Timestamp,
  started_at: NullableTimestamp,
  finished_at: NullableTimestamp,
});
export type Job = Static<typeof Job>;

export const JobStage = Type.Object({
  name: Type.String(),
  position: Type.Integer(),
  state: Type.Enum(stageStates),
  reason: Type.Union([Type.String(), Type.Null()]),
  code: Type.Union([Type.String(), Type.Null()]),
  run: Type.Integer(),
  unchecked_exits: Type.Integer(),
  started_at: NullableTimestamp,
  finished_at: NullableTimestamp,
});
export type JobStage = Static<typeof JobStage>;

export const JobDetail = Type.Object({
  ...Job.properties,
  /** Values of secret inputs are shown as `***`. */
  inputs: InputValues,
  tags: Type.Array(RunnerTag),
  /** Stages of the current attempt. */
  stages: Type.Array(JobStage),
  outputs: Type.Record(Type.String(), OutputValue),
  /** What the job tells about itself in Markdown; null when it tells nothing. */
  summary: Type.Union([Type.String(), Type.Null()]),
  log_lines: Type.Integer(),
});
export type JobDetail = Static<typeof JobDetail>;

/** Launches of any pipelines. Either all become jobs, or none: then the answer says what is wrong. */
export const LaunchJobsRequest = Type.Object({
  launches: Type.Array(
    Type.Object({
      /** Name, id or the beginning of the id of a pipeline. */
      pipeline: Type.String({ minLength: 1, maxLength: 200 }),
      ...LaunchRequest.properties,
    }),
    { minItems: 1, maxItems: 1000 },
  ),
});
export type LaunchJobsRequest = Static<typeof LaunchJobsRequest>;

export const LaunchedJob = Type.Object({
  id: Type.String(),
  pipeline: Type.String(),
  version: Type.Integer(),
});
export type LaunchedJob = Static<typeof LaunchedJob>;

/** In the order of the launches, which is that of their ids and of the queue. */
export const LaunchJobsResponse = Type.Object({ jobs: Type.Array(LaunchedJob) });
export type LaunchJobsResponse = Static<typeof LaunchJobsResponse>;

export const JobListQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(JobStateSchema),
  pipeline: Type.Optional(Type.String({ maxLength: 200 })),
});
export const JobList = Page(Job);
export type JobList = Static<typeof JobList>;

export const LogQuery = Type.Object({
  /** Only lines after this number; 0 for all. */
  after: Type.Optional(count(0)),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1000 })),
  /** The current attempt when absent. */
  attempt: Type.Optional(count(1)),
  stage: Type.Optional(Type.String({ maxLength: 200 })),
  /** This level and above. */
  level: Type.Optional(Type.Enum(logLevels)),
});
export type LogQuery = Static<typeof LogQuery>;

export const LogPage = Type.Object({
  attempt: Type.Integer(),
  lines: Type.Array(LogLine),
  /** Pass as `after` for the next page. */
  last: Type.Integer(),
  /** Whether the attempt has ended and `last` is its last line. */
  complete: Type.Boolean(),
});
export type LogPage = Static<typeof LogPage>;

/**
 * Server-sent events of `GET /jobs/:id/logs/stream`: each line (event id `<attempt>:<n>`, resumed
 * by
 * `Last-Event-ID`), and when the job has ended and every line was sent, one `end`.
 */
export const logStreamEvents = { line: LogLine, end: Job };

/**
 * Server-sent events of `GET /jobs/:id/events`: the job at once and after each change, `end` at its
 * end.
 */
export const jobStreamEvents = { job: JobDetail, end: Job };

/** What a sentence of an explanation is about, for programs. */
export const explanationCodes = [
  'about_to_start',
  'attempt_ended',
  'attempt_lost',
  'backoff',
  'cancel_asked',
  'expires',
  'group_full',
  'job_canceled',
  'job_failed',
  'job_running',
  'job_succeeded',
  'no_runner',
  'no_runner_for_pipeline',
  'no_runner_with_tags',
  'queue_place',
  'runner_draining',
  'runner_free',
  'runner_offline',
  'runner_paused',
  'runner_silent',
  'runner_unfit',
  'runners_busy',
  'secret_missing',
  'stage_failed',
  'stage_skipped',
  'time_left',
] as const;
export type ExplanationCode = (typeof explanationCodes)[number];

export const ExplanationCause = Type.Object({
  code: Type.Enum(explanationCodes),
  text: Type.String(),
});
export type ExplanationCause = Static<typeof ExplanationCause>;

/** Why a job is in the state it is in. */
export const JobExplanation = Type.Object({
  state: JobStateSchema,
  /** Sentences, the most telling first. */
  reasons: Type.Array(Type.String()),
  /** The same with what each is about; absent from servers that do not say it yet. */
  causes: Type.Optional(Type.Array(ExplanationCause)),
});
export type JobExplanation = Static<typeof JobExplanation>;
