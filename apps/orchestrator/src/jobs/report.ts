// Stores what a runner reports: fenced by the lease, each report once, the log without gaps.
import { RivetError } from '@rivet/base';
import type { LogLine, ReportRequest, ReportResponse } from '@rivet/protocol';
import {
  type AttemptRow,
  advanceAttempt,
  appendLog,
  applyStageChange,
  type Database,
  type JobRow,
  lockJob,
  type Notifier,
  type Queryable,
  readAttempt,
  setAttemptSummary,
  setOutput,
  touchRunner,
  violatedConstraint,
} from '@rivet/store';
import type { Metrics } from '../metrics.ts';
import { finish } from './transitions.ts';

export interface ReportServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
  readonly leaseSeconds: number;
}

/**
 * Takes one report: all of it or nothing.
 * @throws RIVET_JOB_NOT_FOUND, RIVET_LEASE_LOST, RIVET_REPORT_GAP, RIVET_REQUEST_INVALID
 */
export async function takeReport(
  services: ReportServices,
  jobId: string,
  report: ReportRequest,
): Promise<ReportResponse> {
  const { database, notifier, leaseSeconds } = services;
  checkOutcome(report);
  const taken = await database
    .transaction((tx) => store(tx, jobId, report, leaseSeconds), { repeatable: true })
    .catch((error: unknown) => {
      throw violatedConstraint(error) === 'job_stages_transition'
        ? RivetError.of('RIVET_REQUEST_INVALID', { summary: (error as Error).message }, error)
        : error;
    });
  notifier.jobChanged(jobId);
  if (taken.ending === 'queued') notifier.queueChanged();
  if (taken.ending === 'ended') services.metrics.finished(report.outcome?.state ?? 'unknown');
  await touchRunner(database, taken.runnerId);
  return { lease_seconds: leaseSeconds, cancel: taken.cancel };
}

interface Taken {
  readonly cancel: boolean;
  readonly runnerId: string;
  readonly ending: 'ended' | 'queued' | undefined;
}

async function store(
  tx: Queryable,
  jobId: string,
  report: ReportRequest,
  leaseSeconds: number,
): Promise<Taken> {
  const job = await lockJob(tx, jobId);
  if (job === undefined) throw RivetError.of('RIVET_JOB_NOT_FOUND', { id: jobId });
  const attempt = await readAttempt(tx, jobId, report.attempt);
  const fenced = attempt === undefined || attempt.lease_id !== report.lease_id;
  if (fenced) throw lost(jobId, report.attempt, 'another lease holds it');
  const taken = { cancel: job.cancel_requested, runnerId: attempt.runner_id };
  // A repeat is answered like the first time, also when the first time ended the attempt.
  if (report.seq <= attempt.last_seq && !isLost(attempt)) {
    // The runner counts the lease from this request: so must we.
    const { last_seq: seq, log_lines: logLines, attempt: number } = attempt;
    await advanceAttempt(tx, { jobId, attempt: number, seq, logLines, leaseSeconds });
    return { ...taken, ending: undefined };
  }
  if (attempt.result !== null) throw lost(jobId, report.attempt, whyOver(attempt));
  if (report.seq !== attempt.last_seq + 1) throw gap('sequence', report.seq, attempt.last_seq + 1);
  checkNumbers(report.logs, attempt.log_lines);

  await appendLog(tx, jobId, report.attempt, report.logs);
  for (const change of report.stages) {
    await applyStageChange(tx, jobId, report.attempt, cleanTexts(change));
  }
  for (const [name, value] of Object.entries(report.outputs)) {
    await setOutput(tx, jobId, report.attempt, clean(name), value);
  }
  if (report.summary !== undefined) {
    await setAttemptSummary(tx, jobId, report.attempt, clean(report.summary));
  }
  await advanceAttempt(tx, {
    jobId,
    attempt: report.attempt,
    seq: report.seq,
    logLines: attempt.log_lines + report.logs.length,
    leaseSeconds,
  });
  return { ...taken, ending: await end(tx, job, report) };
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

function checkOutcome({ outcome }: ReportRequest): void {
  if (outcome?.state !== 'failed' || outcome.reason !== undefined) return;
  const summary = 'body.outcome.reason is missing; a failed job has one';
  throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
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

/** The value with all its texts cleaned. */
function cleanTexts<T extends object>(value: T): T {
  const fields = Object.entries(value).map(([name, field]) => [
    name,
    typeof field === 'string' ? clean(field) : field,
  ]);
  return Object.fromEntries(fields) as T;
}

/** Texts of a job may hold what PostgreSQL's `text` cannot: shown as the replacement character. */
function clean(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
