// One attempt while it runs: the engine, what it tells, and what ends it before its time.
import {
  describeThrown,
  formatDuration,
  isRivetError,
  RivetError,
  toRivetError,
} from '@rivet/base';
import { type EndingDriver, endingDriver } from '@rivet/containers';
import type { JobObserver, JobSpec, LineSource } from '@rivet/engine';
import type { ClaimedJob, JobOutcome, LogLine, LogLines, PipelineBundle } from '@rivet/protocol';
import { fencedDriver } from './fenced-driver.ts';
import { serverIdTokens } from './id-tokens.ts';
import type { JobRunContext } from './job-run-context.ts';
import { ownAttemptLabels, ownerLabels } from './labels.ts';
import type { Lease } from './lease.ts';
import { keyOf, type Ledger, type Stored } from './ledger.ts';
import type { ToldEntry } from './ledger-record.ts';
import { containersOf } from './left-attempts.ts';
import { type ReportEnd, Reporter, type ReportFailure } from './report.ts';
import type { Spool } from './spool.ts';
import type { AttemptDirectory } from './state-directory.ts';
import type { WarmSlot } from './warm/warm-slot.ts';

/** What the engine may take beyond its graces to end a job, in milliseconds. */
const STOP_MARGIN_MS = 30_000;

/** A job that this runner has, and what the server has of it. */
export interface HeldAttempt {
  readonly job: ClaimedJob;
  readonly stored: Stored;
}

/** Where it runs. */
export interface Place {
  readonly directory: AttemptDirectory;
  /** What stands ready in it. */
  readonly slot: WarmSlot | undefined;
  readonly ledger: Ledger;
  /** Whether the job has begun there already. */
  readonly isLeft: boolean;
}

export class Attempt {
  readonly #job: ClaimedJob;
  readonly #stored: Stored;
  readonly #place: Place;
  readonly #lease: Lease;
  readonly #context: JobRunContext;
  readonly #reporter: Reporter;
  readonly #driver: EndingDriver;
  /** Asks the engine to end the job in order. */
  readonly #cancel = new AbortController();
  /**
   * Ends its containers at once: another runner may have the job soon, or nobody can hear of it.
   */
  readonly #fence = new AbortController();
  #hasEnded = false;
  /** Why this runner, not a person, ended the job. */
  #cause: RivetError | undefined;

  constructor(
    { job, stored }: HeldAttempt,
    lease: Lease,
    spool: Spool,
    context: JobRunContext,
    place: Place,
  ) {
    const { slot, ledger } = place;
    this.#job = job;
    this.#stored = stored;
    this.#place = place;
    const labels = ownAttemptLabels(context.state.owner, job.id, job.attempt);
    this.#driver = endingDriver(
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
      ledger,
      stored: { ...stored, entries: ledger.entriesStored(stored) },
      send: (body, limits) => context.reports.send(job.id, body, limits),
      onCancel: () => this.#cancel.abort(),
      onLost: () => this.#fenceBecause(this.#lostError()),
      onFailure: (what, cause) => this.#onFailure(what, cause),
    });
  }

  async run(): Promise<ReportEnd> {
    const { stopJobs, abandon, logger } = this.#context;
    const { ledger, isLeft } = this.#place;
    const { askers } = this.#context;
    const ask = (): void => this.#reporter.ask();
    askers.add(ask);
    const disposers = [
      () => askers.delete(ask),
      onAbort(this.#lease.expired, () => this.#fenceBecause(this.#silenceError())),
      onAbort(stopJobs, () => this.#cancelBecause(this.#stoppedError())),
      onAbort(abandon, () => this.#fenceBecause(this.#stoppedError())),
    ];
    const { pipeline, version } = this.#job;
    logger.info({ pipeline, version }, isLeft ? 'the job goes on' : 'the job starts');
    const reporting = this.#report();
    if (isLeft) await this.#sendAgain();
    const outcome = ledger.outcome ?? (await this.#runWhenConfirmed());
    // Nothing of a job runs any more when its end is told; its files go a little later.
    await this.#endContainers();
    this.#noteEnd(outcome);
    for (const dispose of disposers) dispose();
    this.#hasEnded = true;
    this.#reporter.finish(outcome);
    logger.info({ state: outcome.state, reason: outcome.reason }, 'the job has ended');
    return reporting;
  }

  /** The lease is held until the end of the job is told: until then nobody else may have it. */
  async #report(): Promise<ReportEnd> {
    const { id: job, attempt, lease_id: leaseId } = this.#job;
    const release = this.#context.leases.hold({
      ...{ job, attempt, leaseId },
      lease: this.#lease,
      onCancel: () => this.#cancel.abort(),
      // Also when its end has come through already, and nobody has heard of that yet.
      onLost: () => this.#hasEnded || this.#fenceBecause(this.#lostError()),
    });
    try {
      return await this.#reporter.run();
    } finally {
      release();
    }
  }

  /** What an earlier process was told by the job, and the server was not told by that. */
  async #sendAgain(): Promise<void> {
    for await (const told of this.#place.ledger.unsent(this.#stored)) {
      if (told.kind === 'lines') await this.#reporter.addLines(told.lines);
      else await this.#reporter.add(told.entry);
    }
  }

  /** Without it the next process would run the job to the same end once more. */
  #noteEnd(outcome: JobOutcome): void {
    try {
      if (this.#place.ledger.outcome === undefined) this.#place.ledger.end(outcome);
    } catch (error) {
      this.#context.logger.warn({ err: error }, 'the end of a job could not be written down');
    }
  }

  async #runWhenConfirmed(): Promise<JobOutcome> {
    const confirmed = this.#confirmed();
    // Whoever needs to know awaits it; the engine asks only at its first host call.
    confirmed.catch(() => undefined);
    if (this.#context.earlyStart) return await this.#runJob(confirmed);
    try {
      await confirmed;
    } catch (error) {
      return failureOf(toRivetError(error));
    }
    return await this.#runJob(confirmed);
  }

  /** Resolves when the server has taken the first report; rejects when the job is not ours. */
  async #confirmed(): Promise<void> {
    const stopped = new Promise<false>((resolve) => {
      onAbort(this.#fence.signal, () => resolve(false));
    });
    const ours = await Promise.race([this.#reporter.confirmed, stopped]);
    if (!ours) throw this.#cause ?? this.#lostError();
  }

  async #runJob(confirmed: Promise<void>): Promise<JobOutcome> {
    const { context, job } = { context: this.#context, job: this.#job };
    const { directory, ledger, isLeft } = this.#place;
    const { lastLine, logBytes, printed } = ledger;
    try {
      const running = context.runJob(
        specOf(job, await context.bundles.of(job, context.api, this.#fence.signal)),
        {
          driver: fencedDriver(this.#driver, this.#fence.signal),
          confirmed,
          earlyStart: context.earlyStart,
          runAhead: context.runAhead,
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
          journalKey: journalKeyOf(job),
          ...(isLeft && { resume: { lastLine, logBytes, printed: new Map(printed) } }),
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
    const { ledger } = this.#place;
    const toldBefore = new Map(ledger.told);
    // On disk before the job goes on: whoever takes it up must know what it was told.
    const lines = (lines: LogLines, source: LineSource | undefined): Promise<void> | undefined => {
      ledger.addLines(lines, source);
      return this.#reporter.addLines(lines);
    };
    const tell = (entry: ToldEntry): Promise<void> | undefined => {
      const key = keyOf(entry);
      const times = toldBefore.get(key) ?? 0;
      toldBefore.set(key, times - 1);
      // A job that goes on tells everything again, in the same order.
      if (times > 0) return undefined;
      ledger.addEntry(entry);
      return this.#reporter.add(entry);
    };
    return {
      line: (line, source) => lines(singleLine(line), source),
      lines,
      stage: (change) => tell({ kind: 'stage', change }),
      output: (name, value) =>
        tell({ kind: 'output', name, value: value === undefined ? null : value }),
      summary: (markdown) => tell({ kind: 'summary', markdown }),
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
    const { driver } = this.#context;
    const { directory, isLeft } = this.#place;
    try {
      await this.#driver.endAll();
      // Nobody may have asked for some of those that an earlier process had started.
      const names = isLeft ? await containersOf(directory) : [];
      if (names.length > 0) await driver.removeNamed(names);
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
export function failureOf(error: RivetError): JobOutcome {
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

function journalKeyOf({ journal_key: key }: ClaimedJob): Uint8Array | undefined {
  return key === undefined ? undefined : Buffer.from(key, 'base64');
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
