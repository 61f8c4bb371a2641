// Takes the reports of runners: what comes while one transaction is under way is stored together
// by the next one.
import { isRivetError, RivetError } from '@rivet/base';
import type { JobReport, ReportRequest, ReportResponse } from '@rivet/protocol';
import { type Database, type Notifier, violatedConstraint } from '@rivet/store';
import type { DatabaseWatch } from '../database-watch.ts';
import type { Metrics } from '../metrics.ts';
import { ReportsOfClaim } from './brought-reports.ts';
import { DoubtedLeases } from './doubted-leases.ts';
import type { LogFollowers } from './log-follower.ts';
import type { IncomingReport } from './report.ts';
import { checkReport } from './report-content.ts';
import { readReportedLog } from './reported-log.ts';
import { isLines, storeLines } from './store-lines.ts';
import { isPlain, storePlain } from './store-plain-reports.ts';
import {
  ReportRefused,
  type ReportResult,
  type StoreServices,
  storeReport,
  storeReports,
} from './store-reports.ts';

export interface ReportServices extends StoreServices {
  /** For reports with large logs or outputs. */
  readonly database: Database;
  /** For all others: its connections are not taken by what is slow. */
  readonly reserved: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
  readonly databaseWatch: Pick<DatabaseWatch, 'answered'>;
  /** False: one transaction for each report. */
  readonly batching: boolean;
  /** Sends what was stored of a log to those who follow it; absent where nobody does. */
  readonly followers?: Pick<LogFollowers, 'stored'>;
  /** An attempt of a runner has ended. */
  readonly onEnd: (runnerId: string) => void;
}

/** Reports of one transaction at most, and their size in characters. */
const REPORTS_MAX = 256;
const CHARACTERS_MAX = 1024 * 1024;
/** A larger report does not keep others waiting. */
const SMALL_CHARACTERS_MAX = 64 * 1024;
/** Transactions with large reports at the same time. */
const LARGE_MAX = 3;
/** A runner whose report failed stores its reports alone for so long. */
const APART_MS = 60_000;

interface Waiting extends IncomingReport {
  readonly characters: number;
  readonly resolve: (result: ReportResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Reports that wait for a transaction of their kind. */
interface Lane {
  readonly database: Database;
  readonly transactionsMax: number;
  waiting: Waiting[];
  running: number;
  scheduled: boolean;
}

/** What is reported here is stored once, in the order in which the reports of a job come. */
export class ReportBatcher {
  readonly #services: ReportServices;
  readonly #doubted: DoubtedLeases;
  readonly #small: Lane;
  readonly #large: Lane;
  /** Jobs of which a report is under way: the next one waits for it. */
  readonly #busy = new Set<string>();
  readonly #apart = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();

  constructor(services: ReportServices) {
    this.#services = services;
    this.#doubted = new DoubtedLeases(services.reserved, services.leaseSeconds);
    const lane = { waiting: [], running: 0, scheduled: false };
    this.#small = { ...lane, database: services.reserved, transactionsMax: 1 };
    this.#large = { ...lane, waiting: [], database: services.database, transactionsMax: LARGE_MAX };
  }

  /**
   * Takes one report of a runner: all of it or nothing.
   * @throws RIVET_JOB_NOT_FOUND also for a job that another runner has, RIVET_LEASE_LOST,
   *   RIVET_REPORT_GAP, RIVET_REQUEST_INVALID, RIVET_DATABASE_UNREACHABLE, RIVET_DATABASE_FULL
   */
  async take(runnerId: string, jobId: string, report: ReportRequest): Promise<ReportResponse> {
    checkReport(report);
    const { leaseSeconds } = this.#services;
    // The form in which the database shows it: two that mean the same job are the same text.
    const id = jobId.toLowerCase();
    const incoming = { runnerId, jobId: id, report, log: await readReportedLog(report) };
    const storing = this.#services.databaseWatch.answered(this.#store(incoming));
    const result = await this.keepingLeases(storing);
    this.#tell(incoming, result);
    if (result.kind === 'refused') throw result.error;
    return { lease_seconds: leaseSeconds, cancel: result.kind === 'stored' && result.cancel };
  }

  /**
   * What a claim can store of the reports that it brings; undefined when they are to be taken
   * before.
   */
  ofClaim(runnerId: string, reports: readonly JobReport[]): ReportsOfClaim | undefined {
    if (!this.#services.batching || this.#isApart(runnerId)) return undefined;
    const { leaseSeconds } = this.#services;
    const of = new ReportsOfClaim(runnerId, reports, leaseSeconds, (incoming) => {
      const ending = incoming.report.outcome === undefined ? undefined : 'ended';
      this.#tell(incoming, { kind: 'stored', cancel: false, ending });
    });
    return of.reports.length > 0 ? of : undefined;
  }

  /** Settles as `work` does, which was to renew leases; what it failed of may not end them. */
  async keepingLeases<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#doubted.refused(error);
      throw error;
    }
  }

  /** Resolves when all that was taken has its answer. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #store(incoming: IncomingReport): Promise<ReportResult> {
    if (!this.#services.batching) return this.#storeAlone(incoming);
    const characters = sizeOf(incoming);
    const lane = characters > SMALL_CHARACTERS_MAX ? this.#large : this.#small;
    return new Promise((resolve, reject) => {
      lane.waiting.push({ ...incoming, characters, resolve, reject });
      this.#schedule(lane);
    });
  }

  /** Tells who waits for it what the report has changed. */
  #tell(incoming: IncomingReport, result: ReportResult): void {
    const { runnerId, jobId, report } = incoming;
    const isHeartbeat = isPlain(incoming) && report.outcome === undefined;
    const { notifier, metrics, onEnd, followers } = this.#services;
    if (result.kind === 'alone') return;
    // Of a lease that goes on nothing is shown.
    const shown = result.ending !== undefined || (result.kind === 'stored' && !isHeartbeat);
    if (shown) {
      const lines = result.kind === 'stored' ? result.lines : undefined;
      const blocks = lines === undefined ? incoming.log.blocks : [lines];
      // What ends a job is read with it.
      const isLogTold =
        result.ending === undefined && followers?.stored(jobId, report.attempt, blocks);
      notifier.jobChanged(jobId, isLogTold);
    }
    if (result.ending !== undefined) onEnd(runnerId);
    if (result.ending === 'queued') notifier.queueChanged();
    if (result.ending === 'ended') {
      metrics.finished(result.kind === 'stored' ? (report.outcome?.state ?? 'failed') : 'failed');
    }
  }

  #schedule(lane: Lane): void {
    if (lane.scheduled || lane.waiting.length === 0 || lane.running >= lane.transactionsMax) return;
    lane.scheduled = true;
    // Reports that arrive in the same turn are stored by the same transaction.
    setImmediate(() => {
      lane.scheduled = false;
      const batch = this.#nextBatch(lane);
      if (batch.length === 0) return;
      lane.running += 1;
      const running = this.#run(lane, batch).finally(() => {
        lane.running -= 1;
        for (const { jobId } of batch) this.#busy.delete(jobId);
        this.#running.delete(running);
        // A report of one of these jobs may wait in either.
        this.#schedule(this.#small);
        this.#schedule(this.#large);
      });
      this.#running.add(running);
      this.#schedule(lane);
    });
  }

  /** The first reports that wait, one of each job, as many as one transaction takes. */
  #nextBatch(lane: Lane): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    let characters = 0;
    for (const waiting of lane.waiting) {
      const full = batch.length >= REPORTS_MAX || characters >= CHARACTERS_MAX;
      if (full || this.#busy.has(waiting.jobId)) {
        left.push(waiting);
        continue;
      }
      this.#busy.add(waiting.jobId);
      characters += waiting.characters;
      batch.push(waiting);
    }
    lane.waiting = left;
    return batch;
  }

  async #run(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    const apart = batch.filter(({ runnerId }) => this.#isApart(runnerId));
    const together = batch.filter((waiting) => !apart.includes(waiting));
    await this.#storeTogether(lane, await this.#storeSimple(lane, together));
    for (const waiting of apart) this.#settleAlone(waiting);
  }

  /** Stores what takes one statement of each kind; the result is what is left. Never throws. */
  async #storeSimple(lane: Lane, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const { leaseSeconds } = this.#services;
    const left = await this.#storeOfKind(batch, isPlain, (reports) =>
      storePlain(lane.database, reports, leaseSeconds),
    );
    // The others are large, and a round trip more is nothing beside what they bring.
    if (lane !== this.#small) return left;
    return this.#storeOfKind(left, isLines, (reports) =>
      storeLines(lane.database, reports, this.#services),
    );
  }

  async #storeOfKind(
    batch: readonly Waiting[],
    isOfKind: (incoming: IncomingReport) => boolean,
    store: (reports: readonly Waiting[]) => Promise<(ReportResult | undefined)[]>,
  ): Promise<readonly Waiting[]> {
    const ofKind = batch.filter(isOfKind);
    if (ofKind.length === 0) return batch;
    try {
      const results = await store(ofKind);
      const stored = new Set<Waiting>();
      for (const [index, waiting] of ofKind.entries()) {
        const result = results[index];
        if (result === undefined) continue;
        stored.add(waiting);
        waiting.resolve(result);
      }
      return batch.filter((waiting) => !stored.has(waiting));
    } catch {
      // Whose fault it is shows when they are stored one by one.
      return batch;
    }
  }

  /** Stores what can be stored together; the rest goes on by itself. Never throws. */
  async #storeTogether(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      const results = await lane.database.transaction(
        (tx) => storeReports(tx, this.#services, batch),
        { repeatable: true },
      );
      for (const [index, waiting] of batch.entries()) {
        const result = results[index];
        if (result === undefined || result.kind === 'alone') this.#settleAlone(waiting);
        else waiting.resolve(result);
      }
    } catch (error) {
      await this.#storeRest(lane, batch, error);
    }
  }

  /** What of a batch that failed can be stored without the report that is at fault. */
  async #storeRest(lane: Lane, batch: readonly Waiting[], error: unknown): Promise<void> {
    if (error instanceof ReportRefused) {
      const refused = batch.find((waiting) => waiting === error.refused);
      refused?.reject(error.error);
      return this.#storeTogether(
        lane,
        batch.filter((waiting) => waiting !== refused),
      );
    }
    // The database is away, for one report as for all.
    if (isRivetError(error)) {
      for (const { reject } of batch) reject(error);
      return;
    }
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      this.#apart.set(only.runnerId, performance.now() + APART_MS);
      return only.reject(toReportError(error));
    }
    const middle = Math.ceil(batch.length / 2);
    await this.#storeTogether(lane, batch.slice(0, middle));
    await this.#storeTogether(lane, batch.slice(middle));
  }

  /** Nothing waits for it here: it may have to wait for a lock. */
  #settleAlone(waiting: Waiting): void {
    const settling = this.#storeAlone(waiting)
      .then(waiting.resolve, waiting.reject)
      .finally(() => this.#running.delete(settling));
    this.#running.add(settling);
  }

  async #storeAlone(incoming: IncomingReport): Promise<ReportResult> {
    const { database } = this.#services;
    try {
      return await database.transaction((tx) => storeReport(tx, this.#services, incoming), {
        repeatable: true,
      });
    } catch (error) {
      throw error instanceof ReportRefused ? error.error : toReportError(error);
    }
  }

  #isApart(runnerId: string): boolean {
    const until = this.#apart.get(runnerId);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.#apart.delete(runnerId);
    return false;
  }
}

/** A change of a stage that the database refuses is a mistake of the report. */
function toReportError(error: unknown): unknown {
  return violatedConstraint(error) === 'job_stages_transition'
    ? RivetError.of('RIVET_REQUEST_INVALID', { summary: (error as Error).message }, error)
    : error;
}

/** About how much a report has to store, in characters. */
function sizeOf({ log, report: { outputs, stages, summary = '' } }: IncomingReport): number {
  // Outputs are few and small, or a job's whole result: only then is it worth a look.
  const values = Object.keys(outputs).length === 0 ? 0 : JSON.stringify(outputs).length;
  return log.bytes + values + stages.length * 100 + summary.length;
}
