// What the engine is given, what it tells, and how it ends: the contract between it and the
// programs that run jobs (`rivet run` and the runner).
import type { Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import type { LuaEngine, LuaLimits } from '@rivet/lua';
import type { InstallationPolicy } from '@rivet/pipeline';
import type {
  InputValues,
  JobOutcome,
  LaunchEvent,
  LogLine,
  LogLines,
  PipelineBundle,
  PipelineDefinition,
  StageChange,
} from '@rivet/protocol';
import type { Clock } from './clock.ts';
import type { HttpAccessOptions } from './http/http-access.ts';
import type { IdTokenIssuer } from './identity/id-token-issuer.ts';
import type { JobResume, LineSource } from './resume.ts';
import type { SecretProvider } from './secrets/secret-provider.ts';

/** One attempt at one job. */
export interface JobSpec {
  readonly id: string;
  readonly attempt: number;
  readonly pipeline: string;
  readonly version: number;
  readonly launchedBy: string;
  /** What launched it; `manual` when absent. */
  readonly event?: LaunchEvent;
  readonly url: string | undefined;
  /** How /workspace began. */
  readonly source: 'none' | 'tree' | 'git';
  readonly bundle: PipelineBundle;
  /**
   * What creation saw; the job fails with `definition_changed` when the file now says otherwise.
   * Undefined in `rivet run`.
   */
  readonly definition: PipelineDefinition | undefined;
  /** Checked values, defaults filled in. */
  readonly inputs: InputValues;
  /** Run only this stage and what it waits for, near or far; undefined for all. */
  readonly onlyStage: string | undefined;
}

/**
 * What the engine tells while it runs. What a method returns is awaited: that is the back-pressure.
 */
export interface JobObserver {
  line(line: LogLine, source: LineSource): void | Promise<void>;
  /**
   * Is told instead of `line` where it is there: many lines at once, which nobody has taken apart.
   * Their text may lie in a buffer that is used again when what it returned has resolved.
   */
  lines?(lines: LogLines, source: LineSource): void | Promise<void>;
  stage(change: StageChange): void | Promise<void>;
  /** `value` undefined: the output was cleared. */
  output(name: string, value: unknown): void | Promise<void>;
  /** The whole summary of the job so far, in Markdown. */
  summary(markdown: string): void | Promise<void>;
}

/** What the program that runs the job provides. */
export interface JobHost {
  readonly driver: ContainerDriver;
  readonly lua: LuaEngine;
  readonly logger: Logger;
  /** Host directory mounted at /workspace in every container. */
  readonly workspace: string;
  /**
   * Host directory of this attempt for the journal and the control directories; the caller removes
   * it.
   */
  readonly stateDirectory: string;
  readonly defaultImage: string;
  /** What the installation allows; empty: everything that does not endanger the machine. */
  readonly policy: InstallationPolicy;
  /** Gives the values of the secrets that the pipeline declares. */
  readonly secrets: SecretProvider;
  /** Signs tokens that prove to others which job this is; absent where nobody vouches for it. */
  readonly idTokens?: IdTokenIssuer;
  readonly limits: JobLimits;
  /** How requests of scripts are sent; over the network when absent. */
  readonly http?: HttpAccessOptions;
  /** The time of this machine when absent; tests of pipelines bring one that need not wait. */
  readonly clock?: Clock;
  readonly observer: JobObserver;
  /**
   * Settles when it is sure whose the attempt is; rejects when it is not ours. Until then the
   * pipeline is read and containers may start, but no host call is performed. Sure from the start
   * when absent.
   */
  readonly confirmed?: Promise<void> | undefined;
  /** Whether containers that are certain to be needed are started before they are. */
  readonly earlyStart?: boolean;
  /**
   * Whether a command that is certain to come next is made ready while the one before it runs, and
   * begins when that has succeeded.
   */
  readonly runAhead?: boolean;
  /** What earlier jobs of the pipeline did; each stage counts as new when absent. */
  readonly stageNeeds?: StageNeeds;
  /** 32 bytes that the attempt has in every process: they seal what its journal keeps of secrets. */
  readonly journalKey?: Uint8Array | undefined;
  /** The attempt was begun by a process that is gone: it goes on by its journal. */
  readonly resume?: JobResume | undefined;
  /** Labels that every container of the job carries besides job and attempt. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Which stages of a pipeline work in a container. */
export interface StageNeeds {
  /** Whether the stage may need one: it did the last time, or is new. */
  expected(stage: string): boolean;
  /** A stage of a job that succeeded has asked for its container, or has not. */
  note(stage: string, needed: boolean): void;
}

export interface JobLimits {
  readonly lua: LuaLimits;
  /** Bytes of log of one attempt. */
  readonly logBytesMax: number;
  /** From TERM to KILL, in milliseconds. */
  readonly killGraceMs: number;
  /** What `always` stages have after a cancel or a timeout, in milliseconds. */
  readonly cancelGraceMs: number;
  /** Of the job when the pipeline sets none, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Runs one attempt of a job to its end and removes its containers. Never throws: whatever happens
 * is an outcome. Aborting `signal` cancels: running commands get TERM, then KILL; `always` stages
 * still run within their grace.
 */
export type RunJob = (spec: JobSpec, host: JobHost, signal: AbortSignal) => Promise<JobOutcome>;
