// What a running job tells: log lines, stage changes, outputs and its end.
import { type Static, Type } from 'typebox';
import { count, UtcTime } from './bounds.ts';
import { failureReasons, stageStates } from './states.ts';

export const logLevels = ['debug', 'info', 'warning', 'error'] as const;
export type LogLineLevel = (typeof logLevels)[number];

/** Where a line came from: Rivet itself, the script's `log`, or a command's output. */
export const logStreams = ['system', 'log', 'stdout', 'stderr'] as const;
export type LogStream = (typeof logStreams)[number];

/** One line of a job's log; `n` counts from 1 without gaps in an attempt. */
export const LogLine = Type.Object({
  n: count(1),
  /** ISO 8601, UTC, milliseconds. */
  t: UtcTime,
  /** Name of the stage; empty for lines about the job. */
  stage: Type.String(),
  level: Type.Enum(logLevels),
  stream: Type.Enum(logStreams),
  /** Path of the collapsible sections it stands in, outermost first, joined by " / ". */
  group: Type.Optional(Type.String()),
  /** Without the line feed. */
  text: Type.String(),
});
export type LogLine = Static<typeof LogLine>;

/** A stage has a new state. */
export const StageChange = Type.Object({
  stage: Type.String(),
  state: Type.Enum(stageStates),
  t: UtcTime,
  /** Why it was skipped, failed or canceled, for people. */
  reason: Type.Optional(Type.String()),
  /** Error code of a failure. */
  code: Type.Optional(Type.String()),
  /** Counts the runs of the stage in this attempt, from 1. */
  run: count(1),
  /** Commands whose non-zero exit code nobody looked at. */
  unchecked_exits: Type.Optional(count(0)),
});
export type StageChange = Static<typeof StageChange>;

/** A typed value that a job gives: JSON. */
export const OutputValue = Type.Unknown();

/** How an attempt ended. */
export const JobOutcome = Type.Object({
  state: Type.Union([Type.Literal('succeeded'), Type.Literal('failed'), Type.Literal('canceled')]),
  reason: Type.Optional(Type.Enum(failureReasons)),
  /** For people: what failed, with file and line where there is one. */
  message: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  /** Of the command whose failure ended the job. */
  exit_code: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
});
export type JobOutcome = Static<typeof JobOutcome>;
