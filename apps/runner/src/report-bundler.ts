// Brings reports of several jobs to the server in one request: few requests carry many jobs, and
// an outcome never waits behind a large log.
import { isRivetError, RivetError, sleep, toRivetError } from '@rivet/base';
import {
  type JobReport,
  type JobReportResult,
  type ReportRequest,
  type ReportResponse,
  type ReportsResponse,
  receivedError,
} from '@rivet/protocol';
import { isTooLarge, refusalOf } from './server-answer.ts';
import type { CallLimits, ServerApi } from './server-api.ts';

/** Between the beginnings of two requests, so that reports of many jobs meet, in milliseconds. */
const INTERVAL_MS = 20;
/** A report whose blocks have more bytes has a request of its own. */
const LARGE_LENGTH_MIN = 128 * 1024;
/** So many of those are under way at once: each is a megabyte here and more on the server. */
const LARGE_MAX = 2;
const BUNDLE_MAX = 200;

export interface ReportBundlerOptions {
  readonly api: Pick<ServerApi, 'report' | 'reports'>;
  /** Off: each report is a request. */
  readonly bundling: boolean;
  /** Takes reports along with a claim; undefined where they must go by themselves. */
  readonly carry?: (
    reports: readonly JobReport[],
    timeoutMs: number,
  ) => Promise<readonly JobReportResult[]> | undefined;
}

interface Waiting {
  readonly job: string;
  readonly body: ReportRequest;
  readonly limits: CallLimits;
  readonly answer: PromiseWithResolvers<ReportResponse>;
}

/** The way of all reports of a runner. A report that fails never fails another one. */
export class ReportBundler {
  readonly #options: ReportBundlerOptions;
  #small: Waiting[] = [];
  #large: Waiting[] = [];
  #largeCount = 0;
  #sending: Promise<void> | undefined;
  #urgent = Promise.withResolvers<void>();
  #sentAt = Number.NEGATIVE_INFINITY;
  /** The server is older than bundles. */
  #refused = false;

  constructor(options: ReportBundlerOptions) {
    this.#options = options;
  }

  /** Sends a report; rejects with a RivetError. */
  send(job: string, body: ReportRequest, limits: CallLimits): Promise<ReportResponse> {
    const { api, bundling } = this.#options;
    if (!bundling || this.#refused) return api.report(job, body, limits);
    const waiting = { job, body, limits, answer: Promise.withResolvers<ReportResponse>() };
    if (isLarge(body)) {
      this.#large.push(waiting);
      this.#sendLarge();
    } else {
      this.#small.push(waiting);
      if (isUrgent(body)) this.#urgent.resolve();
      this.#sending ??= this.#sendSmall();
    }
    return waiting.answer.promise;
  }

  #sendLarge(): void {
    while (this.#largeCount < LARGE_MAX) {
      const next = this.#large.shift();
      if (next === undefined) return;
      this.#largeCount += 1;
      void this.#sendAlone(next).finally(() => {
        this.#largeCount -= 1;
        this.#sendLarge();
      });
    }
  }

  /** One request after the other; what comes meanwhile is in the next. */
  async #sendSmall(): Promise<void> {
    // Those that are told in the same turn belong together.
    await new Promise(setImmediate);
    while (this.#small.length > 0) {
      const untilDue = this.#sentAt + INTERVAL_MS - performance.now();
      if (untilDue > 0 && !this.#small.some(({ body }) => isUrgent(body))) {
        this.#urgent = Promise.withResolvers<void>();
        await Promise.race([sleep(untilDue), this.#urgent.promise]);
      }
      this.#sentAt = performance.now();
      await this.#sendBundle(this.#nextBundle());
    }
    this.#sending = undefined;
  }

  /** The longest waiting of each job: a job has one report under way. */
  #nextBundle(): Waiting[] {
    return this.#small.splice(0, BUNDLE_MAX);
  }

  async #sendBundle(bundle: readonly Waiting[]): Promise<void> {
    const [first, ...others] = bundle;
    if (first === undefined) return;
    const { api, carry } = this.#options;
    const reports = bundle.map(({ job, body }) => ({ job_id: job, ...body }));
    const limits = limitsOf(bundle);
    const carried = carry?.(reports, limits.timeoutMs);
    if (carried === undefined && others.length === 0) return this.#sendAlone(first);
    try {
      const results = await (carried ?? api.reports({ reports }, limits).then(resultsOf));
      for (const [index, waiting] of bundle.entries()) settle(waiting, results[index]);
    } catch (thrown) {
      const error = toRivetError(thrown);
      this.#refused ||= isRivetError(error, 'RIVET_REQUEST_PATH');
      // One of them is what the server does not take, or all together are too much.
      if (this.#refused || isTooLarge(error) || refusalOf(error) === 'refused') {
        await Promise.all(bundle.map((waiting) => this.#sendAlone(waiting)));
      } else {
        for (const { answer } of bundle) answer.reject(error);
      }
    }
  }

  async #sendAlone({ job, body, limits, answer }: Waiting): Promise<void> {
    try {
      answer.resolve(await this.#options.api.report(job, body, limits));
    } catch (error) {
      answer.reject(error);
    }
  }
}

function resultsOf({ results }: ReportsResponse): readonly JobReportResult[] {
  return results;
}

function settle({ job, answer }: Waiting, result: JobReportResult | undefined): void {
  if (result === undefined || result.job_id.toLowerCase() !== job.toLowerCase()) {
    const found = result === undefined ? 'nothing' : `an answer about ${result.job_id}`;
    answer.reject(RivetError.of('RIVET_SERVER_ANSWER_INVALID', { url: '/runner/reports', found }));
  } else if ('problem' in result) {
    answer.reject(receivedError(result.problem));
  } else {
    answer.resolve({ lease_seconds: result.lease_seconds, cancel: result.cancel });
  }
}

function limitsOf(bundle: readonly Waiting[]): CallLimits {
  return {
    timeoutMs: Math.min(...bundle.map(({ limits }) => limits.timeoutMs)),
    signal: AbortSignal.any([...new Set(bundle.map(({ limits }) => limits.signal))]),
  };
}

/** A job waits for these: the first confirms it, the last ends it. */
function isUrgent({ seq, outcome }: ReportRequest): boolean {
  return seq === 1 || outcome !== undefined;
}

function isLarge({ log_blocks: blocks = [] }: ReportRequest): boolean {
  return blocks.reduce((sum, { data }) => sum + data.length, 0) > LARGE_LENGTH_MIN;
}
