// One attempt on this runner, from the claim to the acknowledged outcome: directories, engine,
// reports, clean-up.
import {
  describeThrown,
  formatDuration,
  isRivetError,
  type Logger,
  RivetError,
  sleep,
  toRivetError,
} from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import type {
  InstallationPolicy,
  JobLimits,
  JobObserver,
  JobSpec,
  RunJob,
  SecretProvider,
} from '@rivet/engine';
import type { LuaEngine } from '@rivet/lua';
import type { ClaimedJob, JobOutcome, LogLine, LogLines, PipelineBundle } from '@rivet/protocol';
import { type AttemptDriver, attemptDriver } from './attempt-driver.ts';
import type { BundleCache } from './bundle-cache.ts';
import type { Clock } from './clock.ts';
import type { Disposal } from './disposal.ts';
import { fencedDriver } from './fenced-driver.ts';
import { serverIdTokens } from './id-tokens.ts';
import { ownAttemptLabels, ownerLabels } from './labels.ts';
import { Lease } from './lease.ts';
import { type ReportEnd, Reporter, type ReportFailure } from './report.ts';
import type { ReportBundler } from './report-bundler.ts';
import type { ServerApi } from './server-api.ts';
import { Spool } from './spool.ts';
import type { PipelineNeeds } from './stage-needs.ts';
import type { AttemptDirectory, StateDirectory } from './state-directory.ts';
import type { WarmPool } from './warm/warm-pool.ts';
import type { WarmSlot } from './warm/warm-slot.ts';

/** What the engine may take beyond its graces to end a job, in milliseconds. */
const STOP_MARGIN_MS = 30_000;
const GIVE_UP_MS = 10_000;
const SICK_PAUSE_MS = 10_000;

/** What all attempts of a runner share. */
export interface JobRunContext {
  readonly runnerName: string;
  readonly api: ServerApi;
  /** The way of the reports of all its attempts. */
  readonly reports: ReportBundler;
  readonly driver: ContainerDriver;
  readonly lua: LuaEngine;
  readonly runJob: RunJob;
  readonly state: StateDirectory;
  readonly disposal: Disposal;
  readonly warm: WarmPool;
  readonly bundles: BundleCache;
  /** Whether Lua and containers start before the server has confirmed that the job is ours. */
  readonly earlyStart: boolean;
  readonly needs: PipelineNeeds;
  readonly limits: JobLimits;
  readonly defaultImage: string;
  readonly policy: InstallationPolicy;
  /** The values of the secrets that a job may read; `fence` aborts when it is no longer ours. */
  readonly secretsOf: (job: ClaimedJob, fence: AbortSignal) => SecretProvider;
  readonly spoolBytesMax: number;
  readonly deliveryDeadlineMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The runner stops: jobs that run may end. */
  readonly stopping: AbortSignal;
  /**
   * The runner stops and its grace is over: running jobs are canceled, their end is still reported.
   */
  readonly stopJobs: AbortSignal;
  /** The runner leaves now: nothing is reported any more. */
  readonly abandon: AbortSignal;
}

/**
 * Runs a claimed job. Never throws; when it resolves, nothing of the attempt runs any more, and
 * what it left is with the disposal.
 * @param answeredAt when the answer with the job had come, on the clock of the context. A long poll
 *   says nothing about when the answer was made, so no work starts before a first report has
 *   renewed the lease.
 */
export async function runClaimedJob(
  job: ClaimedJob,
  answeredAt: number,
  context: JobRunContext,
): Promise<void> {
  const logger = context.logger.child({ job: job.id, attempt: job.attempt });
  const lease = new Lease(job.lease_seconds, answeredAt, context.clock);
  let directory: AttemptDirectory | undefined;
  try {
    const place = await makePlace(job, context, logger);
    directory = place.directory;
    const spool = await Spool.open(directory.spool);
    const attempt = new Attempt(job, lease, spool, { ...context, logger }, place.slot);
    const end = await attempt.run(directory);
    await spool.close();
    logger.info({ end }, 'the attempt has ended');
  } catch (error) {
    logger.error({ err: error }, `the job cannot be run here: ${describeThrown(error)}`);
    await giveUp(job, error, context);
  } finally {
    lease.close();
    if (directory !== undefined) context.disposal.addDirectory(directory.path);
    context.warm.touch();
  }
}

/** The directories of the attempt, with a container that stands ready in them if there is one. */
async function makePlace(
  job: ClaimedJob,
  { state, warm, disposal, needs }: JobRunContext,
  logger: Logger,
): Promise<{ directory: AttemptDirectory; slot: WarmSlot | undefined }> {
  const slot = needs.ofAny(job) ? await warm.take(job) : undefined;
  if (slot !== undefined) {
    try {
      const directory = await state.makeAttempt(job.id, job.attempt, slot.path);
      slot.moved(directory);
      return { directory, slot };
    } catch (error) {
      logger.warn({ err: error }, 'what stood ready cannot be used');
      await Promise.all(slot.takeRest().map((container) => container.kill()));
      disposal.addContainers([slot.containerName]);
      disposal.addDirectory(slot.path);
    }
  }
  return { directory: await state.makeAttempt(job.id, job.attempt), slot: undefined };
}

/**
 * Ends a job that this runner has no place on disk for, and keeps its slot for a while: a sick
 * runner that fails at once would take the jobs of the healthy ones.
 */
async function giveUp(job: ClaimedJob, cause: unknown, context: JobRunContext): Promise<void> {
  const { api, state, stopping, abandon } = context;
  const error = RivetError.of('RIVET_RUNNER_STATE_UNUSABLE', {
    directory: state.path,
    reason: describeThrown(cause),
  });
  try {
    const { attempt, lease_id } = job;
    const empty = { seq: 1, logs: [], stages: [], outputs: {} };
    const body = { attempt, lease_id, ...empty, outcome: failureOf(error) };
    await api.report(job.id, body, { timeoutMs: GIVE_UP_MS, signal: abandon });
  } catch (thrown) {
    // Its lease ends, and the server decides.
    context.logger.warn({ err: thrown, job: job.id }, 'the end of a job could not be told');
  }
  await sleep(SICK_PAUSE_MS, stopping);
}

class Attempt {
  readonly #job: ClaimedJob;
  readonly #lease: Lease;
  readonly #context: JobRunContext;
  readonly #reporter: Reporter;
  readonly #driver: AttemptDriver;
  /** Asks the engine to end the job in order. */
  readonly #cancel = new AbortController();
  /**
   * Ends its containers at once: another runner may have the job soon, or nobody can hear of it.
   */
  readonly #fence = new AbortController();
  /** Why this runner, not a person, ended the job. */
  #cause: RivetError | undefined;

  constructor(
    job: ClaimedJob,
    lease: Lease,
    spool: Spool,
    context: JobRunContext,
    slot: WarmSlot | undefined,
  ) {
    this.#job = job;
    const labels = ownAttemptLabels(context.state.owner, job.id, job.attempt);
    this.#driver = attemptDriver(
      {
        ...context,
        slot,
        onStart: (spec) => context.warm.noteStart(spec, job.pipeline),
      },
      labels,
    );
    this.#lease = lease;
    this.#context = context;
    this.#reporter = new Reporter({
      ...context,
      attempt: job.attempt,
      leaseId: job.lease_id,
      lease,
      spool,
      send: (body, limits) => context.reports.send(job.id, body, limits),
      onCancel: () => this.#cancel.abort(),
      onLost: () => this.#fenceBecause(this.#lostError()),
      onFailure: (what, cause) => this.#onFailure(what, cause),
    });
  }

  async run(directory: AttemptDirectory): Promise<ReportEnd> {
    const { stopJobs, abandon, logger } = this.#context;
    const disposers = [
      onAbort(this.#lease.expired, () => this.#fenceBecause(this.#silenceError())),
      onAbort(stopJobs, () => this.#cancelBecause(this.#stoppedError())),
      onAbort(abandon, () => this.#fenceBecause(this.#stoppedError())),
    ];
    logger.info({ pipeline: this.#job.pipeline, version: this.#job.version }, 'the job starts');
    const reporting = this.#reporter.run();
    const outcome = await this.#runWhenConfirmed(directory);
    // Nothing of a job runs any more when its end is told; its files go a little later.
    await this.#endContainers();
    for (const dispose of disposers) dispose();
    this.#reporter.finish(outcome);
    logger.info({ state: outcome.state, reason: outcome.reason }, 'the job has ended');
    return reporting;
  }

  async #runWhenConfirmed(directory: AttemptDirectory): Promise<JobOutcome> {
    const confirmed = this.#confirmed();
    // Whoever needs to know awaits it; the engine asks only at its first host call.
    confirmed.catch(() => undefined);
    if (this.#context.earlyStart) return await this.#runJob(directory, confirmed);
    try {
      await confirmed;
    } catch (error) {
      return failureOf(toRivetError(error));
    }
    return await this.#runJob(directory, confirmed);
  }

  /** Resolves when the server has taken the first report; rejects when the job is not ours. */
  async #confirmed(): Promise<void> {
    const stopped = new Promise<false>((resolve) => {
      onAbort(this.#fence.signal, () => resolve(false));
    });
    const ours = await Promise.race([this.#reporter.confirmed, stopped]);
    if (!ours) throw this.#cause ?? this.#lostError();
  }

  async #runJob(directory: AttemptDirectory, confirmed: Promise<void>): Promise<JobOutcome> {
    const { context, job } = { context: this.#context, job: this.#job };
    try {
      const running = context.runJob(
        specOf(job, await context.bundles.of(job, context.api, this.#fence.signal)),
        {
          driver: fencedDriver(this.#driver, this.#fence.signal),
          confirmed,
          earlyStart: context.earlyStart,
          stageNeeds: context.needs.of(job.pipeline),
          lua: context.lua,
          logger: context.logger,
          workspace: directory.workspace,
          stateDirectory: directory.state,
          defaultImage: context.defaultImage,
          policy: context.policy,
          secrets: context.secretsOf(job, this.#fence.signal),
          idTokens: serverIdTokens({ ...context, job, signal: this.#fence.signal }),
          limits: context.limits,
          observer: this.#observer(),
          labels: ownerLabels(context.state.owner),
        },
        this.#cancel.signal,
      );
      const outcome = await Promise.race([running, this.#overdue()]);
      // Whoever reads "canceled" looks for a person; here the runner ended it.
      return this.#cause === undefined || outcome.state === 'succeeded'
        ? outcome
        : failureOf(this.#cause);
    } catch (error) {
      context.logger.error({ err: error }, 'the engine threw');
      return failureOf(this.#cause ?? toRivetError(error));
    }
  }

  /** Rejects when the engine has not ended long after it was told to; never resolves. */
  #overdue(): Promise<never> {
    const { cancelGraceMs, killGraceMs } = this.#context.limits;
    const limitMs = cancelGraceMs + killGraceMs + STOP_MARGIN_MS;
    return new Promise((_, reject) => {
      onAbort(this.#cancel.signal, () => {
        const timer = setTimeout(() => {
          const error = RivetError.of('RIVET_TIMEOUT', {
            what: 'stopping the job',
            limit: formatDuration(limitMs),
          });
          this.#fenceBecause(error);
          reject(error);
        }, limitMs);
        timer.unref();
      });
    });
  }

  #observer(): JobObserver {
    return {
      line: (line) => this.#reporter.addLines(singleLine(line)),
      lines: (lines) => this.#reporter.addLines(lines),
      stage: (change) => this.#reporter.add({ kind: 'stage', change }),
      output: (name, value) =>
        this.#reporter.add({ kind: 'output', name, value: value === undefined ? null : value }),
      summary: (markdown) => this.#reporter.add({ kind: 'summary', markdown }),
    };
  }

  #onFailure(what: ReportFailure, cause: unknown): JobOutcome {
    const reason = describeThrown(cause);
    const name = this.#context.runnerName;
    this.#context.logger.error({ err: cause }, `the job cannot be reported: ${reason}`);
    if (what === 'defect') {
      const error = toRivetError(cause);
      this.#fenceBecause(error);
      return failureOf(error);
    }
    const code = what === 'spool' ? 'RIVET_RUNNER_SPOOL_FAILED' : 'RIVET_RUNNER_REPORT_REFUSED';
    const error = RivetError.of(code, { name, reason }, cause);
    this.#cancelBecause(error);
    return failureOf(error);
  }

  #cancelBecause(error: RivetError): void {
    this.#cause ??= error;
    this.#cancel.abort(error);
  }

  #fenceBecause(error: RivetError): void {
    if (this.#fence.signal.aborted) return;
    this.#cause ??= error;
    this.#context.logger.warn({ code: error.code }, error.message);
    this.#fence.abort(error);
    this.#cancel.abort(error);
    void this.#endContainers();
  }

  async #endContainers(): Promise<void> {
    try {
      await this.#driver.endAll();
    } catch (error) {
      this.#context.logger.error({ err: error }, 'containers of the job could not be ended');
    }
  }

  #silenceError(): RivetError {
    return RivetError.of('RIVET_RUNNER_FENCED', {
      name: this.#context.runnerName,
      silence: formatDuration(this.#lease.silenceMs),
    });
  }

  #stoppedError(): RivetError {
    return RivetError.of('RIVET_RUNNER_STOPPED', { name: this.#context.runnerName });
  }

  #lostError(): RivetError {
    const { id, attempt } = this.#job;
    return RivetError.of('RIVET_LEASE_LOST', { id, attempt, why: 'the server says so' });
  }
}

/** The outcome of a job that the runner, the machine or Rivet ended. */
function failureOf(error: RivetError): JobOutcome {
  const lost = isRivetError(
    error,
    'RIVET_RUNNER_STOPPED',
    'RIVET_RUNNER_FENCED',
    'RIVET_LEASE_LOST',
  );
  return {
    state: 'failed',
    reason: lost ? 'runner_lost' : 'infrastructure',
    message: error.message,
    code: error.code,
  };
}

function specOf(job: ClaimedJob, bundle: PipelineBundle): JobSpec {
  return {
    id: job.id,
    attempt: job.attempt,
    pipeline: job.pipeline,
    version: job.version,
    launchedBy: job.launched_by,
    event: job.event,
    url: undefined,
    source: 'none',
    bundle,
    definition: job.definition,
    inputs: job.inputs,
    onlyStage: undefined,
  };
}

function singleLine({ n, t, text, group = '', ...origin }: LogLine): LogLines {
  const timeMs = Date.parse(t);
  return { ...origin, group, first: n, count: 1, timeMs, text: Buffer.from(`${text}\n`) };
}

function onAbort(signal: AbortSignal, action: () => void): () => void {
  if (signal.aborted) {
    action();
    return () => undefined;
  }
  signal.addEventListener('abort', action, { once: true });
  return () => signal.removeEventListener('abort', action);
}
