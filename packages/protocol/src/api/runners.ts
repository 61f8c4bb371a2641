// The resource "runners", and what a runner itself calls: register, claim, report.
import { type Static, Type } from 'typebox';
import type { BlockBytes } from '../block-bytes.ts';
import { count, SUMMARY_LENGTH_MAX } from '../bounds.ts';
import { InputValues, PipelineBundle, PipelineDefinition, RunnerTag } from '../definition.ts';
import { JobOutcome, LogLine, OutputValue, StageChange } from '../job-events.ts';
import { LaunchEvent } from '../launch-event.ts';
import { runnerStates } from '../states.ts';
import { NullableTimestamp, Page, Timestamp } from './page.ts';
import { Problem } from './problem.ts';

/** Name, id or the beginning of the id of a runner. */
export const RunnerRef = Type.Object({ ref: Type.String({ minLength: 1, maxLength: 100 }) });

const RunnerName = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
});
const Tags = Type.Array(
  Type.Object({
    key: Type.String({ minLength: 1, maxLength: 100, pattern: '^[^=,\\s]+$' }),
    value: Type.String({ minLength: 1, maxLength: 200, pattern: '^[^=,]+$' }),
  }),
  { maxItems: 100 },
);
const Capacity = Type.Integer({ minimum: 1, maximum: 1000 });
const Version = Type.String({ maxLength: 100 });
/** Of a token that the server must be able to recognise and need not know: lower-case hex. */
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** Of what a runner says about why it takes no jobs, in characters. */
export const PROBLEM_LENGTH_MAX = 500;

/** Why a runner takes no jobs at present, although it could. */
export const RunnerPause = Type.Object({
  /** Null: until somebody resumes it. */
  until: NullableTimestamp,
  note: Type.Union([Type.String(), Type.Null()]),
  /** Name of who paused it. */
  by: Type.String(),
  /** Whether its process ends when it runs nothing any more. */
  drain: Type.Boolean(),
});
export type RunnerPause = Static<typeof RunnerPause>;

export const Runner = Type.Object({
  id: Type.String(),
  name: Type.String(),
  state: Type.Enum(runnerStates),
  tags: Type.Array(RunnerTag),
  /** Patterns of the names of the pipelines that it may run. */
  pipelines: Type.Array(Type.String()),
  capacity: Type.Integer(),
  running: Type.Integer(),
  /** Null: it is given jobs while it is online. */
  pause: Type.Union([RunnerPause, Type.Null()]),
  /** Why it takes no jobs itself, as it says: its disk is full, its Podman is broken; null: it does. */
  problem: Type.Union([Type.String(), Type.Null()]),
  version: Type.String(),
  /** When it got the token that it uses now. */
  token_since: Timestamp,
  created_at: Timestamp,
  last_seen_at: NullableTimestamp,
});
export type Runner = Static<typeof Runner>;
export const RunnerList = Page(Runner);
export type RunnerList = Static<typeof RunnerList>;

const PauseNote = Type.String({ minLength: 1, maxLength: 500 });
/** The longest pause with an end, in seconds: a year. */
const PAUSE_SECONDS_MAX = 365 * 24 * 3600;

export const PauseRunnerRequest = Type.Object({
  /** How long it is given no jobs; absent: until somebody resumes it. */
  for_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: PAUSE_SECONDS_MAX })),
  /** Why, for people. */
  note: Type.Optional(PauseNote),
});
export type PauseRunnerRequest = Static<typeof PauseRunnerRequest>;

export const DrainRunnerRequest = Type.Object({ note: Type.Optional(PauseNote) });
export type DrainRunnerRequest = Static<typeof DrainRunnerRequest>;

export const RevokeRunnerQuery = Type.Object({
  /** `yes`: refused when the runner has jobs, instead of losing them. */
  if_idle: Type.Optional(Type.Literal('yes')),
});

export const RegistrationTokenRef = Type.Object({ id: Type.String({ format: 'uuid' }) });

/** The longest life of a registration token, in seconds: a week. */
const REGISTRATION_SECONDS_MAX = 7 * 24 * 3600;

export const RegistrationTokenRequest = Type.Object({
  /** What it is for, for people. */
  description: Type.Optional(Type.String({ maxLength: 200 })),
  /** How many runners may register with it; 1 when absent. */
  uses_max: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
  /** How long it is valid; an hour when absent. */
  expires_in_seconds: Type.Optional(
    Type.Integer({ minimum: 1, maximum: REGISTRATION_SECONDS_MAX }),
  ),
  /** Tags that every runner registered with it has, whatever it says about itself. */
  tags: Type.Optional(Tags),
  /**
   * Keys of the tags that such a runner may say about itself, `*` for any; `os` and `arch` when
   * absent.
   */
  tag_keys: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 100, pattern: '^[^=,\\s]+$' }), {
      maxItems: 100,
    }),
  ),
  /** Patterns of the names of the pipelines that such a runner may run; all when absent. */
  pipelines: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 100 }),
  ),
});
export type RegistrationTokenRequest = Static<typeof RegistrationTokenRequest>;

const registrationToken = {
  id: Type.String(),
  /** The first characters of the token. */
  prefix: Type.String(),
  description: Type.String(),
  uses_max: Type.Integer(),
  uses: Type.Integer(),
  tags: Type.Array(RunnerTag),
  tag_keys: Type.Array(Type.String()),
  pipelines: Type.Array(Type.String()),
  created_by: Type.String(),
  created_at: Timestamp,
  expires_at: Timestamp,
};

export const RegistrationToken = Type.Object(registrationToken);
export type RegistrationToken = Static<typeof RegistrationToken>;
export const RegistrationTokenList = Page(RegistrationToken);
/** With the token itself, which is not kept: nobody is shown it again. */
export const NewRegistrationToken = Type.Object({ ...registrationToken, token: Type.String() });
export type NewRegistrationToken = Static<typeof NewRegistrationToken>;

/**
 * The runner makes its token itself and keeps it before it asks, so that a lost answer loses
 * nothing: the same hash with the same name is answered like the first time and uses up nothing.
 */
export const RegisterRequest = Type.Object({
  name: RunnerName,
  token_sha256: Sha256,
  tags: Tags,
  capacity: Capacity,
  version: Version,
});
export type RegisterRequest = Static<typeof RegisterRequest>;

export const RegisterResponse = Type.Object({ runner_id: Type.String() });
export type RegisterResponse = Static<typeof RegisterResponse>;

/** An attempt that a runner still has when it connects. */
const HeldAttempt = Type.Object({
  job_id: Type.String({ format: 'uuid' }),
  attempt: count(1),
  /**
   * Leases under which the server may know it. The runner makes the last one itself and keeps it
   * before it asks, so that a lost answer loses nothing: it holds the attempt from then on.
   */
  lease_ids: Type.Array(Type.String({ format: 'uuid' }), { minItems: 1, maxItems: 16 }),
});

export const ConnectRequest = Type.Object({
  tags: Tags,
  capacity: Capacity,
  version: Version,
  /**
   * All attempts that the runner has. Others of its own are lost at once, and reports under earlier
   * leases are refused. Absent: it does not say, and nothing changes.
   */
  held: Type.Optional(Type.Array(HeldAttempt, { maxItems: 1000 })),
  /**
   * Greater than in every request before, also those of earlier processes of the runner: one that
   * was long under way is refused, and changes nothing. Absent: it does not count them.
   */
  number: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
});
export type ConnectRequest = Static<typeof ConnectRequest>;

export const ChangeTokenRequest = Type.Object({ token_sha256: Sha256 });
export type ChangeTokenRequest = Static<typeof ChangeTokenRequest>;

const block = {
  /** Number of the first line. */
  first_line: count(1),
  line_count: count(1),
  /** Bytes of the text of the lines with their line feeds. */
  bytes: count(1),
};

/**
 * Lines of a log, packed by `encodeLogBlock`: what `logs` of a report says, in a fraction of the
 * bytes.
 */
export const LogBlock = Type.Object({
  ...block,
  /** Base64; of a packed report, and where it was made, the bytes themselves. */
  data: Type.Unsafe<string | BlockBytes>(Type.String({ minLength: 1 })),
});
export type LogBlock = Static<typeof LogBlock>;

/** The whole id of a job: a runner knows it. */
export const ReportRef = Type.Object({ id: Type.String({ format: 'uuid' }) });

const BLOCKS_MAX = 1000;

/**
 * Log lines, stage changes, outputs, heartbeat and outcome in one call. `(job, attempt, seq)` is
 * unique:
 * a repeat is answered like the first time. `seq` counts from 1 in an attempt, without gaps.
 */
const report = {
  attempt: count(1),
  lease_id: Type.String({ maxLength: 100 }),
  seq: count(1),
  logs: Type.Array(LogLine, { maxItems: 10_000 }),
  /** More lines, behind those of `logs`, in blocks that follow each other without gaps. */
  log_blocks: Type.Optional(Type.Array(LogBlock, { maxItems: BLOCKS_MAX })),
  stages: Type.Array(StageChange, { maxItems: 10_000 }),
  /** Outputs set since the last report; null clears. */
  outputs: Type.Record(Type.String(), OutputValue),
  /** The whole summary of the job in Markdown, when it has changed since the last report. */
  summary: Type.Optional(Type.String({ maxLength: SUMMARY_LENGTH_MAX })),
  outcome: Type.Optional(JobOutcome),
};
export const ReportRequest = Type.Object(report);
export type ReportRequest = Static<typeof ReportRequest>;

/** The JSON of a report whose blocks follow it as bytes (`packed-report.ts`). */
export const PackedReport = Type.Object({
  ...report,
  /** Each with the length of what follows of it, in bytes. */
  log_blocks: Type.Array(Type.Object({ ...block, length: count(1) }), {
    minItems: 1,
    maxItems: BLOCKS_MAX,
  }),
});
export type PackedReport = Static<typeof PackedReport>;

const reportResponse = {
  /** Seconds that the lease now lasts, from the moment the answer was made. */
  lease_seconds: Type.Integer(),
  /** Whether somebody asked to cancel the job. */
  cancel: Type.Boolean(),
};
export const ReportResponse = Type.Object(reportResponse);
export type ReportResponse = Static<typeof ReportResponse>;

/** A report beside others, of any jobs of the runner. */
export const JobReport = Type.Object({ job_id: Type.String({ format: 'uuid' }), ...report });
export type JobReport = Static<typeof JobReport>;

/**
 * What became of a report, or of a lease, beside others: it was stored or renewed, or why not. None
 * keeps another from it.
 */
export const JobReportResult = Type.Union([
  Type.Object({ job_id: Type.String(), ...reportResponse }),
  Type.Object({ job_id: Type.String(), problem: Problem }),
]);
export type JobReportResult = Static<typeof JobReportResult>;

/** At most one report of each job: the next one follows its answer. */
const JobReports = Type.Array(JobReport, { maxItems: 1000 });
export const ReportsRequest = Type.Object({ reports: JobReports });
export type ReportsRequest = Static<typeof ReportsRequest>;
export const ReportsResponse = Type.Object({ results: Type.Array(JobReportResult) });
export type ReportsResponse = Static<typeof ReportsResponse>;

/** The lease under which a runner works on an attempt. */
export const AttemptLease = Type.Object({
  job_id: Type.String({ format: 'uuid' }),
  attempt: count(1),
  lease_id: Type.String({ format: 'uuid' }),
});
export type AttemptLease = Static<typeof AttemptLease>;

/** So many leases are renewed in one call. */
export const LEASES_MAX = 1000;

export const RenewLeasesRequest = Type.Object({
  leases: Type.Array(AttemptLease, { maxItems: LEASES_MAX }),
});
export type RenewLeasesRequest = Static<typeof RenewLeasesRequest>;
export const RenewLeasesResponse = Type.Object({ results: Type.Array(JobReportResult) });
export type RenewLeasesResponse = Static<typeof RenewLeasesResponse>;

/** A long poll: answered when there are jobs, or with none after `wait_ms`. */
export const ClaimRequest = Type.Object({
  session: Type.String({ maxLength: 100 }),
  /** A repeated id gets the same jobs again. */
  request_id: Type.String({ format: 'uuid' }),
  /** False: no request with this id was sent before, which saves looking for its jobs. */
  repeat: Type.Optional(Type.Boolean()),
  /** Jobs that the runner can take now. */
  capacity: Type.Integer({ minimum: 1, maximum: 1000 }),
  wait_ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
  draining: Type.Optional(Type.Boolean()),
  /** It has no room: it is given nothing, and told before the time when one of its jobs is canceled. */
  full: Type.Optional(Type.Boolean()),
  /** Why it takes no jobs now, for people; absent: it does. It is given nothing, as when it is full. */
  problem: Type.Optional(Type.String({ minLength: 1, maxLength: PROBLEM_LENGTH_MAX })),
  /** Stored before anything is claimed; a claim that brings some does not wait. */
  reports: Type.Optional(JobReports),
  /** SHA-256 in hex of bundles that need not be sent with jobs: the runner has them. */
  known_bundles: Type.Optional(
    Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { maxItems: 64 }),
  ),
});
export type ClaimRequest = Static<typeof ClaimRequest>;

/** Whoever asks must hold this lease of the job. */
export const JobBundleQuery = Type.Object({
  attempt: count(1),
  lease_id: Type.String({ maxLength: 100 }),
});
export type JobBundleQuery = Static<typeof JobBundleQuery>;

export const ClaimedJob = Type.Object({
  id: Type.String(),
  attempt: Type.Integer(),
  lease_id: Type.String(),
  /** From the moment the answer was made; the runner counts on its monotonic clock. */
  lease_seconds: Type.Integer(),
  pipeline: Type.String(),
  version: Type.Integer(),
  /** Absent when the runner said that it has it. */
  bundle: Type.Optional(PipelineBundle),
  /** SHA-256 in hex, as in `known_bundles`. */
  bundle_digest: Type.Optional(Type.String()),
  definition: PipelineDefinition,
  inputs: InputValues,
  launched_by: Type.String(),
  event: LaunchEvent,
  created_at: Timestamp,
  /** Base64 of 32 bytes, the same at each connection: seals what the runner keeps of the attempt. */
  journal_key: Type.Optional(Type.String()),
});
export type ClaimedJob = Static<typeof ClaimedJob>;

/** An attempt that goes on with the runner that has connected. */
export const HeldJob = Type.Object({
  job: ClaimedJob,
  /** Number of the last report that was stored: the next one is 1 more. */
  last_seq: Type.Integer(),
  /** Number of the last log line that was stored. */
  log_lines: Type.Integer(),
});
export type HeldJob = Static<typeof HeldJob>;

export const ConnectResponse = Type.Object({
  runner_id: Type.String(),
  name: Type.String(),
  /** Those that it has: of its own, and of its registration. */
  tags: Type.Array(RunnerTag),
  pipelines: Type.Array(Type.String()),
  /** Identifies this process of the runner in its claims; the next to connect replaces it. */
  session: Type.String(),
  /** The newest version of the protocol that the server speaks; absent: 1. */
  protocol: Type.Optional(Type.Integer()),
  /** Those of `held` in the request that go on; the others are not the runner's any more. */
  held: Type.Optional(Type.Array(HeldJob)),
});
export type ConnectResponse = Static<typeof ConnectResponse>;

export const ClaimResponse = Type.Object({
  jobs: Type.Array(ClaimedJob),
  /** The runner should change its token: it is old, or an administrator asks for it. */
  change_token: Type.Optional(Type.Boolean()),
  /** The runner shall end when it runs nothing any more; it is given no jobs. */
  drain: Type.Optional(Type.Boolean()),
  /** What became of the reports of the request, in their order. */
  reports: Type.Optional(Type.Array(JobReportResult)),
});
export type ClaimResponse = Static<typeof ClaimResponse>;
