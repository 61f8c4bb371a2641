// Runs one attempt of a job from its pipeline file to its outcome.
import { join } from 'node:path';
import { type Logger, type RivetError, toRivetError } from '@rivet/base';
import type { LuaHost } from '@rivet/lua';
import { renderLuaError } from '@rivet/lua';
import type { JobOutcome, PipelineDefinition } from '@rivet/protocol';
import { createBranches } from './branch.ts';
import { type Clock, systemClock } from './clock.ts';
import { createRunAhead } from './commands/run-ahead.ts';
import { createJobContainers, type JobContainers } from './containers/job-containers.ts';
import { createJobImages, type JobImages } from './containers/job-images.ts';
import { createDispatcher } from './dispatcher.ts';
import { createJobWorkspace } from './fs/job-workspace.ts';
import { createHttpAccess } from './http/http-access.ts';
import { createJobIdentity } from './identity/job-identity.ts';
import type { JobHost, JobSpec, RunJob } from './job.ts';
import type { JobContext } from './job-context.ts';
import { createJobSummary } from './job-summary.ts';
import { findJournal } from './journal/journal-reader.ts';
import { continueJournal, createJournal, type JournalWriter } from './journal/journal-writer.ts';
import { createReplay, type Replay } from './journal/replay.ts';
import { createSeal, type Seal } from './journal/seal.ts';
import { createLogWriter, type LogWriter, linesTo, stageLine } from './log/log-writer.ts';
import { failedOutcome, reportFailed } from './outcome.ts';
import { createOutputStore } from './output-store.ts';
import { refuseExcess, requireVerification } from './policy/policy.ts';
import { redactedHost, redactedOutcome } from './redaction/redacted-host.ts';
import { createRedactor, type Redactor } from './redaction/redactor.ts';
import { createScriptHolder, openScript, type ScriptHolder } from './script.ts';
import { createJobSecrets } from './secrets/job-secrets.ts';
import { createEarlyStart, type EarlyStart } from './stages/early-start.ts';
import { createJobControl, type JobControl } from './stages/job-control.ts';
import { runStages } from './stages/run-stages.ts';
import { createYamlProcess } from './yaml/yaml-process.ts';

/** Runs one attempt of a job; see `RunJob`. */
export const runJob: RunJob = async (spec, host, signal) => {
  const redactor = createRedactor();
  const attempt = new Attempt(spec, redactedHost(host, redactor), redactor);
  try {
    return redactedOutcome(await attempt.run(signal), redactor);
  } catch (error) {
    return redactedOutcome(await attempt.failed(toRivetError(error)), redactor);
  } finally {
    await attempt.close();
  }
};

/** More than one process gives. */
const IDS_OF_PROCESS = 2 ** 32;

/** What an attempt has opened so far, and how it is closed, whatever happened. */
class Attempt {
  readonly #spec: JobSpec;
  readonly #host: JobHost;
  readonly #logger: Logger;
  readonly #log: LogWriter;
  readonly #redactor: Redactor;
  readonly #clock: Clock;
  /** When the attempt began, in whatever process. */
  #startedAtMs: number;
  #control: JobControl | undefined;
  #journal: JournalWriter | undefined;
  #replay: Replay | undefined;
  /** Numbers of this process begin here; those of others are held by scripts that go on. */
  #firstId = 0;
  readonly #seal: Seal | undefined;
  #containers: JobContainers | undefined;
  #scripts: ScriptHolder | undefined;
  readonly #yaml = createYamlProcess();
  /** A failure from before the job was under control. */
  #failed: RivetError | undefined;
  readonly #images: JobImages;
  #early: { readonly containers: JobContainers; readonly early: EarlyStart } | undefined;

  /** @param host what it is told goes through `redactor` already */
  constructor(spec: JobSpec, host: JobHost, redactor: Redactor) {
    this.#spec = spec;
    this.#host = host;
    this.#redactor = redactor;
    this.#images = createJobImages(spec, host);
    this.#clock = host.clock ?? systemClock;
    this.#startedAtMs = this.#clock.now();
    this.#logger = host.logger.child({ job: spec.id, attempt: spec.attempt });
    this.#log = createLogWriter({
      bytesMax: host.limits.logBytesMax,
      lines: linesTo(host.observer),
      onFailure: (error) => this.#fail(error),
      redactor: this.#redactor,
      now: () => new Date(this.#clock.now()),
      resume: host.resume,
    });
    this.#seal = host.journalKey && createSeal(host.journalKey);
  }

  async run(signal: AbortSignal): Promise<JobOutcome> {
    const { limits } = this.#host;
    // What creation saw is what runs, or the job fails before anything does.
    const known = this.#spec.definition;
    if (known !== undefined) this.#startEarly(known, signal);
    this.#journal = await this.#openJournal();
    let dispatcher: LuaHost | undefined;
    const calls: LuaHost = {
      call: (call) =>
        dispatcher?.call(call) ?? Promise.reject(new Error('a host call during the evaluation')),
      foreseen: (call) => dispatcher?.foreseen?.(call),
    };
    this.#scripts = createScriptHolder(() =>
      openScript(this.#spec, this.#host, calls, this.#startedAtMs),
    );
    const { definition } = await this.#scripts.current();
    refuseExcess(this.#host.policy, definition.policy);
    requireVerification(this.#host.policy, definition);
    const timeoutMs = definition.timeout_ms ?? limits.timeoutMs;
    this.#control = createJobControl({
      clock: this.#clock,
      timeoutMs,
      elapsedMs: this.#clock.now() - this.#startedAtMs,
      cancelGraceMs: limits.cancelGraceMs,
      signal,
    });
    if (this.#failed !== undefined) this.#control.stop(this.#failed);
    const { containers, early } = this.#early ?? this.#startEarly(definition, signal);
    const job = this.#context(definition, this.#journal);
    dispatcher = createDispatcher(job);
    const environment = { job, control: this.#control, containers, early };
    const outcome = await runStages(environment, this.#scripts);
    // Of one that went on nobody knows what its stages asked for before.
    if (outcome.state === 'succeeded' && this.#replay === undefined) containers.noteNeeds();
    return outcome;
  }

  /** Begins the journal, or goes on with the one that an earlier process left. */
  async #openJournal(): Promise<JournalWriter> {
    const path = join(this.#host.stateDirectory, 'journal');
    const options = {
      path,
      job: this.#spec,
      redact: (json: unknown) => this.#redactor.value(json),
      seal: this.#seal,
    };
    if (this.#host.resume === undefined) {
      return createJournal({ ...options, startedAtMs: this.#startedAtMs });
    }
    const content = await findJournal(path);
    if (content !== undefined) {
      const began = Date.parse(content.header.t);
      this.#startedAtMs = Math.min(began, this.#startedAtMs);
      this.#firstId = (content.resumed + 1) * IDS_OF_PROCESS;
      this.#replay = createReplay(content.records, (error) => this.#fail(error));
    }
    const startedAtMs = this.#startedAtMs;
    return continueJournal({ ...options, startedAtMs }, content?.validBytes ?? 0);
  }

  /** Opens the containers of the job; the one of its first stage may start now. */
  #startEarly(
    definition: PipelineDefinition,
    signal: AbortSignal,
  ): { readonly containers: JobContainers; readonly early: EarlyStart } {
    const [spec, host, images] = [this.#spec, this.#host, this.#images];
    const containers = createJobContainers(spec, host, definition, this.#log, images);
    this.#containers = containers;
    const { bundle } = spec;
    // What an earlier process started is found again when it is needed.
    const earlyStart = host.earlyStart === true && host.resume === undefined;
    const early = createEarlyStart({
      host: { ...host, earlyStart },
      images,
      definition,
      bundle,
      containers,
      signal,
    });
    this.#early = { containers, early };
    if (spec.onlyStage === undefined && !signal.aborted) early.after(new Set(), new Set());
    return this.#early;
  }

  /** The outcome of an attempt that could not run its stages. */
  async failed(error: RivetError): Promise<JobOutcome> {
    if (error.fault !== 'user') this.#logger.error({ err: error }, 'a job could not be run');
    await this.#log.write(stageLine('', 'error'), renderLuaError(error));
    return failedOutcome(error);
  }

  async close(): Promise<void> {
    this.#control?.close();
    await Promise.all([
      this.#cleanUp('the Lua process', () => this.#scripts?.end()),
      this.#cleanUp('the YAML process', () => this.#yaml.close()),
      this.#cleanUp('the containers', () => this.#containers?.closeAll()),
    ]);
    await this.#cleanUp('the log', () => this.#log.flush());
    await this.#cleanUp('the journal', () => this.#journal?.close());
  }

  #context(definition: PipelineDefinition, journal: JournalWriter): JobContext {
    let lastId = this.#firstId;
    const { observer, idTokens: issuer } = this.#host;
    const clock = this.#clock;
    const { inputs } = this.#spec;
    const secrets = createJobSecrets(definition, inputs, this.#host.secrets, this.#redactor);
    return {
      spec: this.#spec,
      host: this.#host,
      definition,
      log: this.#log,
      journal,
      replay: this.#replay,
      seal: this.#seal,
      outputs: createOutputStore((name, value) => this.#tell(() => observer.output(name, value))),
      summary: createJobSummary((markdown) => this.#tell(() => observer.summary(markdown))),
      workspace: createJobWorkspace(this.#host.workspace),
      yaml: this.#yaml,
      branches: createBranches(),
      ahead: createRunAhead(this.#host.runAhead === true),
      images: this.#images,
      http: createHttpAccess(this.#host.workspace, this.#host.http),
      secrets,
      identity: createJobIdentity({ definition, issuer, secrets, clock }),
      redactor: this.#redactor,
      logger: this.#logger,
      clock,
      startedAtMs: this.#startedAtMs,
      nextId() {
        lastId += 1;
        return lastId;
      },
      fail: (error) => this.#fail(error),
    };
  }

  /** A program that does not take what the job tells ends it. */
  async #tell(tell: () => void | Promise<void>): Promise<void> {
    try {
      await tell();
    } catch (error) {
      this.#fail(reportFailed(error));
    }
  }

  #fail(error: RivetError): void {
    this.#failed ??= error;
    this.#control?.stop(error);
  }

  async #cleanUp(what: string, action: () => unknown): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#logger.error({ err: error, what }, 'a job could not be cleaned up');
    }
  }
}
