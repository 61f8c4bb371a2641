// A runner's life: hold the state directory, connect, go on with what the last run left, clean up
// the rest, take jobs, stop in order.
import { freemem } from 'node:os';
import { isRivetError, type Logger, RivetError, sleep } from '@rivet/base';
import type { ContainerDriver, DriverFinding } from '@rivet/containers';
import type { InstallationPolicy, RunJob } from '@rivet/engine';
import type { LuaEngine } from '@rivet/lua';
import type { ClaimedJob, ConnectRequest, HeldJob } from '@rivet/protocol';
import { BundleCache } from './bundle-cache.ts';
import { checkPlace, removeAllContainers, removeLeftovers } from './cleanup.ts';
import type { Clock } from './clock.ts';
import type { RunnerConfig } from './config.ts';
import { watchContainers } from './container-watch.ts';
import { type ReadDisk, readDisk } from './disk-space.ts';
import { DiskWatch } from './disk-watch.ts';
import { Disposal } from './disposal.ts';
import { Enrollment } from './enrollment.ts';
import { resumeJob, runClaimedJob } from './job-run.ts';
import type { JobRunContext } from './job-run-context.ts';
import { LeaseRenewals } from './lease-renewals.ts';
import { findLeftAttempts, heldOf, type LeftAttempt } from './left-attempts.ts';
import type { LeftoverWatch } from './leftover-watch.ts';
import { watchNetworks } from './network-watch.ts';
import { PodmanWatch } from './podman-watch.ts';
import { type Connected, Poller } from './poll.ts';
import { readRegistrationToken } from './registration-token.ts';
import { ReportBundler } from './report-bundler.ts';
import type { ServerApi } from './server-api.ts';
import { Slots } from './slots.ts';
import { PipelineNeeds } from './stage-needs.ts';
import { openStateDirectory, type StateDirectory } from './state-directory.ts';
import { TokenFile } from './token-file.ts';
import { WarmPool } from './warm/warm-pool.ts';

/** What jobs that were canceled by a stop may take beyond their graces, in milliseconds. */
const STOP_MARGIN_MS = 15_000;
/**
 * What a claim that is under way may take when the runner leaves, until what it was given is on
 * disk; in milliseconds. What comes later is given to a runner once more, as nothing of it ran.
 */
const LEAVE_MS = 3000;
/** So much of a lease may pass before what it is for must end, as in lease.ts. */
const LEASE_PART = 0.75;

export interface RunnerParts {
  readonly config: RunnerConfig;
  readonly version: string;
  readonly api: ServerApi;
  readonly driver: ContainerDriver;
  readonly lua: LuaEngine;
  readonly runJob: RunJob;
  readonly policy: InstallationPolicy;
  readonly secretsOf: JobRunContext['secretsOf'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of this machine when absent. */
  readonly readDisk?: ReadDisk;
}

/** An attempt of an earlier process that goes on. */
interface Resumed {
  readonly left: LeftAttempt;
  readonly job: HeldJob;
}

export class Runner {
  readonly #parts: RunnerParts;
  readonly #slots: Slots;
  readonly #reports: ReportBundler;
  readonly #leases: LeaseRenewals;
  readonly #poller: Poller;
  readonly #disk: DiskWatch;
  readonly #podman: PodmanWatch;
  /** None until it has connected. */
  #leftovers: readonly LeftoverWatch[] = [];
  readonly #stop = new AbortController();
  readonly #stopJobs = new AbortController();
  readonly #abandon = new AbortController();
  readonly #disposal: Disposal;
  readonly #needs = new PipelineNeeds();
  readonly #bundles: BundleCache;
  /** Attempts of an earlier process that nobody has gone on with yet. */
  #left: readonly LeftAttempt[] = [];
  readonly #jobs = new Set<ClaimedJob>();
  /** Claimed, and not on disk yet. */
  readonly #unrecorded = new Map<ClaimedJob, PromiseWithResolvers<void>>();
  /** Each has one attempt report at once. */
  readonly #askers = new Set<() => void>();
  #warm: WarmPool | undefined;
  #state: StateDirectory | undefined;
  #starting: Promise<string> | undefined;
  #polling: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(parts: RunnerParts) {
    const { config, driver } = parts;
    const onChange = (): void => this.#poller.reconsider();
    const probe = async (): Promise<DriverFinding[]> =>
      unfitnessIn(await driver.check(checkPlace(this.#opened())));
    this.#podman = new PodmanWatch({ ...parts, probe, onChange });
    this.#disk = new DiskWatch({
      ...parts,
      readDisk: parts.readDisk ?? readDisk,
      stateDirectory: config.stateDirectory,
      bytesMin: config.diskBytesMin,
      imageMsMax: config.imageMsMax,
      onChange,
    });
    this.#parts = { ...parts, driver: this.#podman.driver };
    this.#slots = new Slots(config.capacity);
    this.#disposal = new Disposal(parts);
    this.#bundles = new BundleCache(config.bundleCache);
    this.#reports = new ReportBundler({
      api: parts.api,
      bundling: config.reportBundling,
      carry: (reports, timeoutMs) => this.#poller.carry(reports, timeoutMs),
    });
    this.#leases = new LeaseRenewals({
      ...parts,
      outageMsMax: config.outageMsMax,
      abandon: this.#abandon.signal,
    });
    this.#poller = new Poller({
      api: parts.api,
      clock: parts.clock,
      logger: parts.logger,
      slots: this.#slots,
      startDeadlineMs: config.startDeadlineMs,
      stop: this.#stop.signal,
      name: config.name,
      enrollment: new Enrollment({
        api: parts.api,
        tokens: new TokenFile(config.stateDirectory),
        name: config.name,
        stateDirectory: config.stateDirectory,
        offer: { tags: [...config.tags], capacity: config.capacity, version: parts.version },
        held: () => this.#held(),
        connects: () => this.#opened().connects,
        registrationToken: () => readRegistrationToken(config.registration),
        logger: parts.logger,
      }),
      knownBundles: () => this.#bundles.known(),
      problem: () => this.#disk.problem ?? this.#podman.problem,
      onNews: () => {
        for (const ask of this.#askers) ask();
      },
      onJob: (job, answeredAt) => {
        this.#unrecorded.set(job, Promise.withResolvers());
        void this.#run(job, () => runClaimedJob(job, answeredAt, this.#context()));
      },
    });
  }

  /**
   * Starts; resolves with the runner's id when it takes jobs.
   * @throws RIVET_RUNNER_STATE_LOCKED, RIVET_RUNNER_STATE_UNUSABLE, RIVET_RUNNER_UNFIT, or why the
   *   server could not be reached or refused it; nothing is held then
   */
  start(): Promise<string> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<string> {
    const { config, driver, logger } = this.#parts;
    this.#state = await openStateDirectory(config.stateDirectory);
    try {
      this.#left = await findLeftAttempts(this.#state, logger);
      // Their leases run: what takes long on a busy machine comes when they have new ones.
      const early = this.#left.length > 0 ? await this.#hold() : undefined;
      const resumed = this.#stillOurs(early?.held ?? []);
      // What is left may be what has filled the disk on which the check writes.
      if (resumed.length === 0) await this.#removeAllBut([]);
      requireFit(await driver.check(checkPlace(this.#state)), logger);
      const { id, askedAt } = early ?? (await this.#poller.connect());
      await this.#disk.start();
      const watched = { driver, state: this.#state, logger };
      this.#leftovers = [watchNetworks(watched), watchContainers(watched)];
      for (const watch of this.#leftovers) watch.start();
      this.#warm = this.#makeWarmPool(this.#state);
      await this.#goOn(resumed, askedAt);
      this.#warm.start();
      this.#polling = this.#poller.run();
      // Whoever awaits `ended` hears of it; until then it must not count as unhandled.
      this.#polling.catch(() => undefined);
      return id;
    } catch (error) {
      await this.#stopWatches();
      // What is left there is for the next process to go on with.
      const state = this.#state;
      this.#state = undefined;
      await state.release();
      throw error;
    }
  }

  /** Until it has connected it cannot renew the leases of what it has: then it gives that up. */
  async #hold(): Promise<Connected> {
    const seconds = Math.min(...this.#left.map(({ record }) => record.leaseSeconds));
    let givenUp: Promise<void> | undefined;
    const timer = setTimeout(
      () => {
        givenUp = this.#giveUpLeft('the server was not reached while leases lasted');
      },
      seconds * LEASE_PART * 1000,
    );
    try {
      return await this.#poller.connect();
    } catch (error) {
      // It may never start again, and its jobs are not its own any more.
      if (isRefused(error)) await this.#giveUpLeft('the server does not know this runner any more');
      throw error;
    } finally {
      clearTimeout(timer);
      await givenUp;
    }
  }

  /** Attempts that are left here, and that the server has as this runner's. */
  #stillOurs(held: readonly HeldJob[]): Resumed[] {
    return this.#left.flatMap((left) => {
      const job = held.find(
        (each) =>
          each.job.id.toLowerCase() === left.record.job.toLowerCase() &&
          each.job.attempt === left.record.attempt,
      );
      return job === undefined ? [] : { left, job };
    });
  }

  /** Goes on with those attempts, and removes all else that is left. */
  async #goOn(resumed: readonly Resumed[], askedAt: number): Promise<void> {
    this.#left = [];
    for (const { left, job } of resumed) {
      this.#slots.take();
      void this.#run(job.job, () => resumeJob(job, left, askedAt, this.#context()));
    }
    if (resumed.length > 0) await this.#removeAllBut(resumed.map(({ left }) => left));
  }

  async #giveUpLeft(why: string): Promise<void> {
    this.#parts.logger.warn({}, `${why}: jobs of an earlier process end here`);
    this.#left = [];
    await this.#removeAllBut([]);
  }

  async #removeAllBut(kept: readonly LeftAttempt[]): Promise<void> {
    const { driver, logger } = this.#parts;
    if (this.#state !== undefined) await removeLeftovers(this.#state, driver, logger, kept);
  }

  #held(): NonNullable<ConnectRequest['held']> {
    const running = [...this.#jobs].map(({ id, attempt, lease_id }) => ({
      job_id: id,
      attempt,
      lease_ids: [lease_id],
    }));
    return [...heldOf(this.#left), ...running];
  }

  /** Resolves when the runner takes no more jobs; rejects with why, when nobody told it to stop. */
  async ended(): Promise<void> {
    await this.#polling;
  }

  /**
   * Takes no more jobs, lets those that run end within the grace, cancels the rest. Safe to call
   * twice.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopInOrder();
    return this.#stopped;
  }

  /**
   * Takes no more jobs, and leaves those that run to the next process on the state directory. When
   * it resolves this process is to be ended at once; the jobs go on until then, as everything that
   * they tell is on disk. `stop` has nothing more to do.
   */
  handOver(): Promise<void> {
    this.#stopped ??= this.#leave();
    return this.#stopped;
  }

  /** Cancels what still runs, at once; to be called after `stop`. */
  hurry(): void {
    this.#stopJobs.abort();
  }

  get running(): number {
    return this.#slots.taken;
  }

  async #leave(): Promise<void> {
    this.#stop.abort();
    const { running } = this;
    this.#parts.logger.info({ running }, 'the jobs are left to the next process');
    // A claim that is under way may have been given jobs: they are asked for once more.
    const taken = this.#starting?.then(() => this.#polling).catch(() => undefined);
    const recorded = taken?.then(() =>
      Promise.all([...this.#unrecorded.values()].map(({ promise }) => promise)),
    );
    await Promise.race([recorded, sleep(LEAVE_MS)]);
  }

  #noteRecorded(job: ClaimedJob): void {
    this.#unrecorded.get(job)?.resolve();
    this.#unrecorded.delete(job);
  }

  async #stopInOrder(): Promise<void> {
    const { config, driver, logger } = this.#parts;
    this.#stop.abort();
    await this.#starting?.catch(() => undefined);
    await this.#polling?.catch((error: unknown) => logger.error({ err: error }, 'polling failed'));
    if (this.running > 0) {
      logger.info({ running: this.running }, 'waiting for running jobs to end');
    }
    await this.#waitForIdle(config.stopGraceMs, this.#stopJobs.signal);
    if (this.running > 0) {
      logger.warn({ running: this.running }, 'canceling running jobs');
      this.#stopJobs.abort();
      const { cancelGraceMs, killGraceMs } = config.limits;
      await this.#waitForIdle(cancelGraceMs + killGraceMs + STOP_MARGIN_MS);
    }
    this.#abandon.abort();
    await this.#waitForIdle(STOP_MARGIN_MS);
    await this.#stopWatches();
    await this.#warm?.stop();
    await this.#disposal.settle();
    if (this.#state === undefined) return;
    await removeAllContainers(this.#state, driver, logger);
    await this.#state.release();
  }

  async #stopWatches(): Promise<void> {
    const watches = [this.#disk, this.#podman, ...this.#leftovers];
    await Promise.all(watches.map((watch) => watch.stop()));
  }

  async #waitForIdle(ms: number, earlier?: AbortSignal): Promise<void> {
    const deadline = AbortSignal.timeout(ms);
    await this.#slots.waitForIdle(
      earlier === undefined ? deadline : AbortSignal.any([deadline, earlier]),
    );
  }

  async #run(job: ClaimedJob, run: () => Promise<void>): Promise<void> {
    this.#jobs.add(job);
    try {
      await run();
    } catch (error) {
      this.#parts.logger.error({ err: error, job: job.id }, 'running a job failed');
    } finally {
      this.#jobs.delete(job);
      this.#noteRecorded(job);
      this.#slots.give();
    }
  }

  #makeWarmPool(state: StateDirectory): WarmPool {
    const { config, policy, ...parts } = this.#parts;
    const network = policy.container?.network ?? 'default';
    return new WarmPool({
      ...parts,
      state,
      disposal: this.#disposal,
      size: config.warmContainers,
      first: { image: config.defaultImage, network, user: undefined, readonly: false },
      running: () => this.running,
      freeBytes: freemem,
    });
  }

  #opened(): StateDirectory {
    if (this.#state === undefined) throw new Error('the runner has not started');
    return this.#state;
  }

  #context(): JobRunContext {
    const { config, api, driver, lua, runJob, policy, secretsOf, clock, logger } = this.#parts;
    const state = this.#opened();
    if (this.#warm === undefined) throw new Error('the runner has not started');
    return {
      runnerName: config.name,
      askers: this.#askers,
      api,
      reports: this.#reports,
      leases: this.#leases,
      driver,
      lua,
      runJob,
      state,
      disposal: this.#disposal,
      warm: this.#warm,
      bundles: this.#bundles,
      earlyStart: config.earlyStart,
      runAhead: config.runAhead,
      needs: this.#needs,
      limits: config.limits,
      defaultImage: config.defaultImage,
      policy,
      secretsOf,
      spoolBytesMax: config.spoolBytesMax,
      deliveryDeadlineMs: config.deliveryDeadlineMs,
      outageMsMax: config.outageMsMax,
      clock,
      logger,
      onRecorded: (job) => this.#noteRecorded(job),
      stopping: this.#stop.signal,
      stopJobs: this.#stopJobs.signal,
      abandon: this.#abandon.signal,
    };
  }
}

/**
 * Without these a runner would fail every job that it takes; with other findings jobs run, though
 * less well.
 */
const NEEDED = new Set(['podman', 'default image']);

/** Whether the server knows this runner no more, and said so. */
function isRefused(error: unknown): boolean {
  return isRivetError(error, 'RIVET_RUNNER_REFUSED', 'RIVET_RUNNER_REVOKED');
}

/** The findings with which no job runs. */
function unfitnessIn(findings: readonly DriverFinding[]): DriverFinding[] {
  return findings.filter(({ ok, subject }) => !ok && NEEDED.has(subject));
}

function requireFit(findings: readonly DriverFinding[], logger: Logger): void {
  const broken = findings.filter((finding) => !finding.ok);
  for (const { subject, seen, fix } of broken) logger.warn({ subject, fix }, seen);
  const fatal = unfitnessIn(findings);
  if (fatal.length === 0) return;
  const fixes = fatal.flatMap(({ fix }) => fix ?? []);
  throw RivetError.of('RIVET_RUNNER_UNFIT', {
    problems: fatal.map(({ subject, seen }) => `${subject}: ${seen}`).join('; '),
    hint: fixes.length === 0 ? undefined : fixes.join(' '),
  });
}
