// Stores what a runner reports: fenced by the lease, each report once, the log without gaps.
import { formatSize, RivetError } from '@rivet/base';
import type { LogLine, ReportRequest, ReportResponse } from '@rivet/protocol';
import {
  type AttemptRow,
  advanceAttempt,
  appendLog,
  applyStageChanges,
  type Database,
  type JobRow,
  lockReportedJob,
  type Notifier,
  type Queryable,
  readAttempt,
  readOutputTotals,
  setAttemptSummary,
  setOutputs,
  touchRunner,
  violatedConstraint,
} from '@rivet/store';
import type { Metrics } from '../metrics.ts';
import {
  believableLines,
  checkOutputTotals,
  checkReport,
  checkStages,
  clean,
  cleanTexts,
  logBytes,
  roundsOf,
} from './report-content.ts';
import type { StageNames } from './stage-names.ts';
import { finish } from './transitions.ts';

export interface ReportServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
  readonly stageNames: StageNames;
  readonly leaseSeconds: number;
  /** Bytes that the log of an attempt may have, whatever limit its runner has. */
  readonly logBytesMax: number;
}

/**
 * Takes one report of a runner: all of it or nothing.
 * @throws RIVET_JOB_NOT_FOUND also for a job that another runner has, RIVET_LEASE_LOST,
 *   RIVET_REPORT_GAP, RIVET_REQUEST_INVALID
 */
export async function takeReport(
  services: ReportServices,
  runnerId: string,
  jobId: string,
  report: ReportRequest,
): Promise<ReportResponse> {
  const { database, notifier, metrics, leaseSeconds } = services;
  checkReport(report);
  const taken = await database
    .transaction((tx) => store(tx, services, { runnerId, jobId, report }), { repeatable: true })
    .catch((error: unknown) => {
      throw violatedConstraint(error) === 'job_stages_transition'
        ? RivetError.of('RIVET_REQUEST_INVALID', { summary: (error as Error).message }, error)
        : error;
    });
  notifier.jobChanged(jobId);
  if (taken.ending === 'queued') notifier.queueChanged();
  if (taken.ending === 'ended') metrics.finished(report.outcome?.state ?? 'failed');
  await touchRunner(database, runnerId);
  if (taken.tooLong !== undefined) throw lost(jobId, report.attempt, taken.tooLong);
  return { lease_seconds: leaseSeconds, cancel: taken.cancel };
}

interface Taken {
  readonly cancel: boolean;
  readonly ending: 'ended' | 'queued' | undefined;
  /** Why the attempt is over: its log was more than is kept. */
  readonly tooLong?: string;
}

async function store(
  tx: Queryable,
  services: ReportServices,
  { runnerId, jobId, report }: { runnerId: string; jobId: string; report: ReportRequest },
): Promise<Taken> {
  const { leaseSeconds, logBytesMax } = services;
  const { attempt: number } = report;
  const job = await lockReportedJob(tx, { jobId, attempt: number, runnerId });
  const attempt = job && (await readAttempt(tx, jobId, number));
  if (job === undefined || attempt === undefined)
    throw RivetError.of('RIVET_JOB_NOT_FOUND', { id: jobId });
  if (attempt.lease_id !== report.lease_id) throw lost(jobId, number, 'another lease holds it');
  const { log_lines, log_bytes, last_seq } = attempt;
  const advance = (seq: number, logLines: number, bytes: number): Promise<void> =>
    advanceAttempt(tx, { jobId, attempt: number, seq, logLines, logBytes: bytes, leaseSeconds });
  // A repeat is answered like the first time, also when the first time ended the attempt.
  if (report.seq <= last_seq && !isLost(attempt)) {
    // The runner counts the lease from this request: so must we.
    await advance(last_seq, log_lines, log_bytes);
    return { cancel: job.cancel_requested, ending: undefined };
  }
  if (attempt.result !== null) throw lost(jobId, number, whyOver(attempt));
  if (report.seq !== last_seq + 1) throw gap('sequence', report.seq, last_seq + 1);
  checkNumbers(report.logs, log_lines);

  const bytes = log_bytes + logBytes(report.logs);
  if (bytes > logBytesMax) return endTooLong(tx, job, logBytesMax);
  await storeContent(tx, services, job, attempt, report);
  await advance(report.seq, log_lines + report.logs.length, bytes);
  return { cancel: job.cancel_requested, ending: await end(tx, job, report) };
}

async function storeContent(
  tx: Queryable,
  { stageNames }: ReportServices,
  job: JobRow,
  attempt: AttemptRow,
  report: ReportRequest,
): Promise<void> {
  const { job_id: jobId, attempt: number } = attempt;
  await appendLog(tx, jobId, number, believableLines(report.logs, attempt));
  if (report.stages.length > 0) {
    checkStages(report.stages, await stageNames.of(tx, job.pipeline_id, job.version));
    for (const round of roundsOf(report.stages)) await applyStageChanges(tx, jobId, number, round);
  }
  // Names that differ only in what cannot be stored are the same: the last one counts.
  const outputs = new Map(Object.entries(report.outputs).map(([name, at]) => [clean(name), at]));
  if (outputs.size > 0) {
    await setOutputs(tx, jobId, number, outputs);
    checkOutputTotals(await readOutputTotals(tx, jobId, number));
  }
  if (report.summary !== undefined) {
    await setAttemptSummary(tx, jobId, number, clean(report.summary));
  }
}

async function end(
  tx: Queryable,
  job: JobRow,
  report: ReportRequest,
): Promise<'ended' | 'queued' | undefined> {
  const { outcome } = report;
  if (outcome === undefined) return undefined;
  return finish(tx, job, cleanTexts(outcome));
}

/** Ends a job whose runner does not hold its log to any limit; what was stored stays. */
async function endTooLong(tx: Queryable, job: JobRow, limit: number): Promise<Taken> {
  const tooLong = `its log is larger than ${formatSize(limit)}, the most that the server keeps`;
  const outcome = { state: 'failed', reason: 'log_limit', message: tooLong } as const;
  return { cancel: true, ending: await finish(tx, job, outcome), tooLong };
}

function checkNumbers(lines: readonly LogLine[], stored: number): void {
  for (const [index, line] of lines.entries()) {
    if (line.n !== stored + index + 1) throw gap('log', line.n, stored + index + 1);
  }
}

function isLost(attempt: AttemptRow): boolean {
  return attempt.result === 'lost' || attempt.result === 'returned';
}

function whyOver(attempt: AttemptRow): string {
  if (isLost(attempt)) return attempt.message ?? 'its lease ran out';
  return `it has ended: ${attempt.result}`;
}

function lost(id: string, attempt: number, why: string): RivetError {
  return RivetError.of('RIVET_LEASE_LOST', { id, attempt, why });
}

function gap(what: string, found: number, expected: number): RivetError {
  return RivetError.of('RIVET_REPORT_GAP', { what, found, expected });
}
