// Takes jobs: connects, then asks the server for as many jobs as there are free slots, again and
// again.
import {
  formatDuration,
  type Logger,
  RivetError,
  retryPauseMs,
  sleep,
  toRivetError,
  uuidv7,
} from '@rivet/base';
import {
  type ClaimedJob,
  type ClaimRequest,
  type ConnectResponse,
  type HeldJob,
  type JobReport,
  type JobReportResult,
  PROBLEM_LENGTH_MAX,
} from '@rivet/protocol';
import type { Clock } from './clock.ts';
import type { Enrollment } from './enrollment.ts';
import { watchWhileFull } from './full-watch.ts';
import { mayRepeat, refusalOf, retryAfterMs } from './server-answer.ts';
import type { ServerApi } from './server-api.ts';
import type { Slots } from './slots.ts';

/** An idle runner asks little more than once a minute. */
const WAIT_MS_MAX = 50_000;
const WAIT_MS_MIN = 2000;
const ANSWER_MS = 10_000;
/** A poll that ends before this part of its time was ended by something. */
const EARLY_PART = 0.9;
const BACKOFF = { baseMs: 500, maxMs: 15_000 };
/** Two lost sessions within this time mean that two processes share the token. */
const CONNECT_AGAIN_MS = 300_000;

export interface PollerOptions {
  readonly api: ServerApi;
  readonly enrollment: Enrollment;
  readonly name: string;
  readonly slots: Slots;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the first connection is tried, in milliseconds. */
  readonly startDeadlineMs: number;
  /** No more jobs are taken once it aborts. */
  readonly stop: AbortSignal;
  /** SHA-256 in hex of bundles that need not be sent. */
  readonly knownBundles: () => readonly string[];
  /** Why the runner can take no jobs now; `reconsider` is called when that is another. */
  readonly problem: () => string | undefined;
  /** Something may have become of jobs that run, which the answer to a report tells. */
  readonly onNews: () => void;
  /** Runs a job that was taken; a slot of it is taken already. */
  readonly onJob: (job: ClaimedJob, answeredAt: number) => void;
}

/** What a runner knows when it has connected. */
export interface Connected {
  readonly id: string;
  /** Attempts of an earlier process of it that go on. */
  readonly held: readonly HeldJob[];
  /** When the server was asked, on the clock of the options: their leases count from then. */
  readonly askedAt: number;
}

/** Reports that go with the next claim. */
interface Ride {
  readonly reports: readonly JobReport[];
  readonly timeoutMs: number;
  readonly results: PromiseWithResolvers<readonly JobReportResult[]>;
}

/** The connection of a runner to its server. */
export class Poller {
  readonly #options: PollerOptions;
  #connected: ConnectResponse | undefined;
  #connectedAt = Number.NEGATIVE_INFINITY;
  #askedAt = 0;
  #waitMs = WAIT_MS_MAX;
  /** Aborts a poll that waits: the runner may not want what it would be given. */
  #doubt = new AbortController();
  /** Whether it waits for a job to end. */
  #full = false;
  #ride: Ride | undefined;
  /** Whether the server said last that the runner shall end when it runs nothing. */
  #draining = false;
  /** Why nothing that a runner with a problem says is heard any more. */
  #lost: RivetError | undefined;
  #changing: Promise<void> | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /**
   * Says that the runner is there; returns its id, and the attempts that go on.
   * @throws what the server refused it with, or RIVET_SERVER_UNREACHABLE after the start deadline
   */
  async connect(): Promise<Connected> {
    const { clock, startDeadlineMs, name, logger } = this.#options;
    const deadline = clock() + startDeadlineMs;
    this.#connected = await this.#connect(() => clock() >= deadline);
    const { runner_id: id, tags, name: known, held = [] } = this.#connected;
    logger.info({ runner: id, tags }, 'connected');
    if (known !== name) logger.warn({ known }, `the server knows this runner by the name ${known}`);
    return { id, held, askedAt: this.#askedAt };
  }

  /**
   * Takes reports along with a claim for the jobs that come after those that they end: one request
   * instead of two. Undefined while it asks for jobs already, or when it takes none any more. A
   * result is a rejection where the claim did not come through; whoever reported tries again.
   */
  carry(
    reports: readonly JobReport[],
    timeoutMs: number,
  ): Promise<readonly JobReportResult[]> | undefined {
    const { stop, slots } = this.#options;
    if (!this.#full || this.#ride !== undefined || stop.aborted) return undefined;
    // It asks for no jobs after those.
    if (this.#options.problem() !== undefined) return undefined;
    if (endsOf(reports) === 0) return undefined;
    this.#ride = { reports, timeoutMs, results: Promise.withResolvers() };
    slots.nudge();
    return this.#ride.results.promise;
  }

  /** To be called when the problem of the runner is another: a poll that waits is given up. */
  reconsider(): void {
    this.#doubt.abort();
    this.#doubt = new AbortController();
    this.#options.slots.nudge();
  }

  /**
   * Takes jobs until `stop` aborts, or the runner runs nothing and was told to end then.
   * @throws RIVET_RUNNER_REPLACED, RIVET_RUNNER_REFUSED, or what the server refused the runner with
   */
  async run(): Promise<void> {
    const { slots, stop, clock, onJob } = this.#options;
    while (!stop.aborted) {
      const free = await this.#waitForRoom();
      await this.#recoverLost();
      const ride = this.#ride;
      this.#ride = undefined;
      // Their slots are given back in a moment: nothing of those jobs runs any more.
      const capacity = Math.max(free, ride === undefined ? 0 : endsOf(ride.reports));
      if (capacity === 0) {
        if (this.#isDrained()) return;
        continue;
      }
      const jobs = await this.#claim(uuidv7(), capacity, ride);
      const answeredAt = clock();
      for (const job of jobs) {
        slots.take();
        onJob(job, answeredAt);
      }
      if (this.#isDrained()) return;
    }
  }

  /**
   * Resolves with the free slots; with 0 when a ride has come, when the problem of the runner is
   * another, when the server has no such runner any more, or when `stop` aborts.
   */
  async #waitForRoom(): Promise<number> {
    const { slots, stop, problem } = this.#options;
    const before = problem();
    const hasRoom = (): boolean => slots.free > 0 && problem() === undefined;
    this.#full = !hasRoom();
    const over = new AbortController();
    if (this.#full) {
      const signal = AbortSignal.any([over.signal, stop]);
      void watchWhileFull(
        { wait: (until) => this.#watch(until), onNews: this.#options.onNews },
        signal,
      );
    }
    const isOver = (): boolean =>
      hasRoom() ||
      this.#ride !== undefined ||
      this.#lost !== undefined ||
      problem() !== before ||
      this.#isDrained();
    await slots.waitUntil(isOver, stop);
    over.abort();
    this.#full = false;
    return stop.aborted || !hasRoom() ? 0 : slots.free;
  }

  /** Whether it shall end when it runs nothing, and runs nothing. */
  #isDrained(): boolean {
    return this.#draining && this.#options.slots.taken === 0;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const body = { ...this.#claimBody(uuidv7(), 1, this.#waitMs), full: true, repeat: false };
    const timeoutMs = this.#waitMs + ANSWER_MS;
    try {
      const answer = await this.#options.api.claim(body, { timeoutMs, signal });
      this.#noteDrain(answer.drain === true);
      if (answer.change_token === true) await this.#changeToken();
    } catch (thrown) {
      if (!signal.aborted) this.#noteLost(toRivetError(thrown));
      throw thrown;
    }
  }

  /** One that is full hears it with its next claim; with a problem that may not come for days. */
  #noteLost(error: RivetError): void {
    const { problem, slots } = this.#options;
    if (problem() === undefined || mayRepeat(error)) return;
    this.#lost = error;
    slots.nudge();
  }

  async #recoverLost(): Promise<void> {
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost !== undefined) await this.#recover(lost, 1, 0);
  }

  /** Asks until there is an answer; the same request id makes a lost answer come again. */
  async #claim(
    requestId: string,
    capacity: number,
    first: Ride | undefined,
  ): Promise<readonly ClaimedJob[]> {
    const { api, clock, stop, onNews, problem } = this.#options;
    let ride = first;
    for (let failed = 0, repeat = false; ; repeat = true) {
      const sentAt = clock();
      const isBrief = stop.aborted || ride !== undefined || problem() !== undefined;
      const waitMs = isBrief ? 0 : this.#waitMs;
      const { signal: doubt } = this.#doubt;
      const body = {
        ...this.#claimBody(requestId, capacity, waitMs),
        repeat,
        ...(ride && { reports: [...ride.reports] }),
      };
      try {
        const answerMs = Math.min(ANSWER_MS, ride?.timeoutMs ?? ANSWER_MS);
        // A request that was given jobs must be heard to its end: what ends a poll asks once more
        // without waiting.
        const signal = isBrief ? AbortSignal.timeout(answerMs) : AbortSignal.any([stop, doubt]);
        const answer = await api.claim(body, { timeoutMs: waitMs + answerMs, signal });
        ride?.results.resolve(answer.reports ?? []);
        this.#noteDrain(answer.drain === true);
        if (answer.change_token === true) await this.#changeToken();
        // The server does not answer before the time for nothing.
        if (answer.jobs.length === 0 && clock() - sentAt < waitMs * EARLY_PART) onNews();
        return answer.jobs;
      } catch (thrown) {
        if (ride !== undefined) {
          // They go by themselves now; the claim goes on, as it may have been given jobs.
          ride.results.reject(thrown);
          ride = undefined;
          if (stop.aborted || refusalOf(toRivetError(thrown)) === 'refused') continue;
        }
        if ((stop.aborted || doubt.aborted) && waitMs > 0) continue;
        if (stop.aborted) return [];
        failed += 1;
        const waitedMs = waitMs === 0 ? 0 : clock() - sentAt;
        await this.#recover(toRivetError(thrown), failed, waitedMs);
      }
    }
  }

  #claimBody(requestId: string, capacity: number, waitMs: number): ClaimRequest {
    const { session = '' } = this.#connected ?? {};
    const { stop, knownBundles, problem } = this.#options;
    const known = knownBundles();
    const why = problem()?.slice(0, PROBLEM_LENGTH_MAX);
    return {
      session,
      request_id: requestId,
      capacity,
      wait_ms: waitMs,
      ...(stop.aborted ? { draining: true } : {}),
      ...(why !== undefined && { full: true, problem: why }),
      ...(known.length > 0 && { known_bundles: [...known] }),
    };
  }

  #noteDrain(draining: boolean): void {
    const { logger, slots } = this.#options;
    if (draining && !this.#draining) {
      logger.info({ running: slots.taken }, 'drained: takes no jobs, and ends when it runs none');
    }
    if (!draining && this.#draining) logger.info({}, 'resumed: takes jobs again');
    this.#draining = draining;
    if (draining) slots.nudge();
  }

  /** Once for a claim and a watch that are told at the same time. */
  #changeToken(): Promise<void> {
    this.#changing ??= this.#tryChangeToken().finally(() => {
      this.#changing = undefined;
    });
    return this.#changing;
  }

  /** A failure is no harm: the old token still works, and the next claim asks again. */
  async #tryChangeToken(): Promise<void> {
    const { enrollment, logger } = this.#options;
    try {
      await enrollment.changeToken({
        timeoutMs: ANSWER_MS,
        signal: AbortSignal.timeout(ANSWER_MS),
      });
    } catch (error) {
      logger.warn({ err: error }, 'the token could not be changed yet');
    }
  }

  /**
   * Waits before the next try, or connects again where the server has another session.
   * @param waitedMs how long a poll waited; 0 for a request that does not wait
   */
  async #recover(error: RivetError, failed: number, waitedMs: number): Promise<void> {
    const { api, logger, stop, clock, name } = this.#options;
    if (error.code === 'RIVET_AUTH_INVALID') {
      const why = 'it was valid until now';
      throw RivetError.of('RIVET_RUNNER_REFUSED', { url: api.url, name, why }, error);
    }
    if (error.code === 'RIVET_RUNNER_UNKNOWN') {
      if (clock() - this.#connectedAt < CONNECT_AGAIN_MS) {
        throw RivetError.of('RIVET_RUNNER_REPLACED', { name });
      }
      logger.warn({ code: error.code }, 'the server has another session; connecting again');
      this.#connectedAt = clock();
      this.#connected = await this.#connect(() => false);
      return;
    }
    if (!mayRepeat(error)) throw error;
    // Something between here and the server cuts quiet connections: ask before it does.
    if (waitedMs > WAIT_MS_MIN && waitedMs < this.#waitMs) {
      this.#waitMs = Math.max(WAIT_MS_MIN, Math.floor(waitedMs * 0.8));
    }
    await this.#pause(error, failed, stop);
  }

  async #connect(overdue: () => boolean): Promise<ConnectResponse> {
    const { enrollment, stop, clock } = this.#options;
    for (let failed = 1; ; failed += 1) {
      try {
        this.#askedAt = clock();
        return await enrollment.connect({ timeoutMs: ANSWER_MS, signal: stop });
      } catch (thrown) {
        const error = toRivetError(thrown);
        if (stop.aborted || overdue() || !mayRepeat(error)) throw error;
        await this.#pause(error, failed, stop);
      }
    }
  }

  async #pause(error: RivetError, failed: number, signal: AbortSignal): Promise<void> {
    const pauseMs = retryPauseMs(failed, retryAfterMs(error), BACKOFF);
    const level = failed === 1 ? 'warn' : 'debug';
    const again = `trying again in ${formatDuration(pauseMs)}`;
    this.#options.logger[level]({ code: error.code, failed }, `${error.message}; ${again}`);
    await sleep(pauseMs, signal);
  }
}

/** How many jobs end with these reports. */
function endsOf(reports: readonly JobReport[]): number {
  return reports.filter(({ outcome }) => outcome !== undefined).length;
}
