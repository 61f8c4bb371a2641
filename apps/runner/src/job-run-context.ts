// What all attempts of a runner share.
import type { Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import type { InstallationPolicy, JobLimits, RunJob, SecretProvider } from '@rivet/engine';
import type { LuaEngine } from '@rivet/lua';
import type { ClaimedJob } from '@rivet/protocol';
import type { BundleCache } from './bundle-cache.ts';
import type { Clock } from './clock.ts';
import type { Disposal } from './disposal.ts';
import type { LeaseRenewals } from './lease-renewals.ts';
import type { ReportBundler } from './report-bundler.ts';
import type { ServerApi } from './server-api.ts';
import type { PipelineNeeds } from './stage-needs.ts';
import type { StateDirectory } from './state-directory.ts';
import type { WarmPool } from './warm/warm-pool.ts';

export interface JobRunContext {
  readonly runnerName: string;
  /** Called when the server may have something to say about the attempts that run. */
  readonly askers: Set<() => void>;
  readonly api: ServerApi;
  /** The way of the reports of all its attempts. */
  readonly reports: ReportBundler;
  /** Renews their leases where reports take long. */
  readonly leases: LeaseRenewals;
  readonly driver: ContainerDriver;
  readonly lua: LuaEngine;
  readonly runJob: RunJob;
  readonly state: StateDirectory;
  readonly disposal: Disposal;
  readonly warm: WarmPool;
  readonly bundles: BundleCache;
  /** Whether Lua and containers start before the server has confirmed that the job is ours. */
  readonly earlyStart: boolean;
  /** Whether a command that is certain to come next is made ready before it is asked for. */
  readonly runAhead: boolean;
  readonly needs: PipelineNeeds;
  readonly limits: JobLimits;
  readonly defaultImage: string;
  readonly policy: InstallationPolicy;
  /** The values of the secrets that a job may read; `fence` aborts when it is no longer ours. */
  readonly secretsOf: (job: ClaimedJob, fence: AbortSignal) => SecretProvider;
  readonly spoolBytesMax: number;
  readonly deliveryDeadlineMs: number;
  readonly outageMsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when all is on disk that the next process needs to go on with a claimed job. */
  readonly onRecorded: (job: ClaimedJob) => void;
  /** The runner stops: jobs that run may end. */
  readonly stopping: AbortSignal;
  /**
   * The runner stops and its grace is over: running jobs are canceled, their end is still reported.
   */
  readonly stopJobs: AbortSignal;
  /** The runner leaves now: nothing is reported any more. */
  readonly abandon: AbortSignal;
}
