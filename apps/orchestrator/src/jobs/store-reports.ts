// Stores reports of several runners in one transaction: all of those that can be stored, whatever
// becomes of the others.
import { RivetError } from '@rivet/base';
import {
  type AttemptProgress,
  advanceAttempts,
  appendLogs,
  applyStageChanges,
  type LogChunk,
  lockReportedAttempts,
  lockReportedJob,
  type Queryable,
  type ReportedOutput,
  type ReportedStage,
  readAttempt,
  readOutputTotals,
  setAttemptSummary,
  setOutputs,
} from '@rivet/store';
import { decideReport, type IncomingReport, type KnownAttempt, leaseLost } from './report.ts';
import { checkOutputTotals, checkStages, clean, cleanTexts, roundsOf } from './report-content.ts';
import { finishAll, type JobEnd, type RunningJob } from './transitions.ts';
import type { VersionCache } from './version-cache.ts';

export interface StoreServices {
  readonly versions: VersionCache;
  readonly leaseSeconds: number;
  /** Bytes that the log of an attempt may have, whatever limit its runner has. */
  readonly logBytesMax: number;
}

/** What became of a report. */
export type ReportResult =
  | {
      readonly kind: 'stored';
      readonly cancel: boolean;
      readonly ending: Ending;
      /** All that was stored of the log, where it was stored as it came. */
      readonly lines?: LogChunk;
    }
  /** Its job has ended all the same, where `ending` says so. */
  | { readonly kind: 'refused'; readonly error: RivetError; readonly ending: Ending }
  /** Nothing was done: it needs a transaction of its own. */
  | { readonly kind: 'alone' };

/** What the report did to its job. */
type Ending = 'ended' | 'queued' | undefined;

/** One report of several, at which all of them failed. */
export class ReportRefused extends Error {
  readonly refused: IncomingReport;
  readonly error: RivetError;

  constructor(refused: IncomingReport, error: RivetError) {
    super('a report was refused after others had been written');
    this.refused = refused;
    this.error = error;
  }
}

type Attempt = RunningJob & KnownAttempt & { readonly read_at: Date };

/** A report that is stored, with what it is held against. */
interface Accepted {
  readonly incoming: IncomingReport;
  readonly attempt: Attempt;
  readonly progress: AttemptProgress;
}

/**
 * Stores reports of different jobs, in their order in the result. One whose attempt is over, or is
 * locked by somebody else, is to be stored alone: that waits, and looks into history.
 * @throws ReportRefused when one of them is to be left out
 */
export async function storeReports(
  tx: Queryable,
  services: StoreServices,
  reports: readonly IncomingReport[],
): Promise<ReportResult[]> {
  const rows = await lockReportedAttempts(
    tx,
    reports.map(({ jobId, runnerId, report: { attempt } }) => ({ jobId, runnerId, attempt })),
  );
  const running = new Map(rows.map((row) => [row.id, { ...row, result: null, message: null }]));
  return storeHeld(tx, services, reports, (incoming) => running.get(incoming.jobId.toLowerCase()));
}

/** Stores one report, whoever has locked its job and whatever has become of its attempt. */
export async function storeReport(
  tx: Queryable,
  services: StoreServices,
  incoming: IncomingReport,
): Promise<ReportResult> {
  const { jobId, runnerId, report } = incoming;
  const job = await lockReportedJob(tx, { jobId, attempt: report.attempt, runnerId });
  const attempt = job && (await readAttempt(tx, jobId, report.attempt));
  if (job === undefined || attempt === undefined) {
    const error = RivetError.of('RIVET_JOB_NOT_FOUND', { id: jobId });
    return { kind: 'refused', error, ending: undefined };
  }
  const results = await storeHeld(tx, services, [incoming], () => ({ ...job, ...attempt }));
  return results[0] ?? { kind: 'alone' };
}

async function storeHeld(
  tx: Queryable,
  services: StoreServices,
  reports: readonly IncomingReport[],
  attemptOf: (incoming: IncomingReport) => Attempt | undefined,
): Promise<ReportResult[]> {
  const accepted: Accepted[] = [];
  const renewed: AttemptProgress[] = [];
  const ends: JobEnd[] = [];
  const results: ReportResult[] = [];
  for (const incoming of reports) {
    const attempt = attemptOf(incoming);
    if (attempt === undefined) {
      results.push({ kind: 'alone' });
      continue;
    }
    const { report } = incoming;
    const decision = decideReport(attempt, incoming, services.logBytesMax);
    const now = progressOf(attempt, attempt.last_seq, attempt.log_lines, attempt.log_bytes);
    if (decision.kind === 'refused') {
      results.push({ ...decision, ending: undefined });
      continue;
    }
    if (decision.kind === 'too long') {
      const error = leaseLost(incoming.jobId, report.attempt, decision.why);
      const outcome = { state: 'failed', reason: 'log_limit', message: decision.why } as const;
      ends.push({ job: attempt, outcome, progress: now });
      results.push({ kind: 'refused', error, ending: 'ended' });
      continue;
    }
    const cancel = attempt.cancel_requested;
    if (decision.kind === 'repeat') {
      // The runner counts the lease from this request: so must we.
      renewed.push(now);
      results.push({ kind: 'stored', cancel, ending: undefined });
      continue;
    }
    const progress = progressOf(attempt, report.seq, decision.logLines, decision.logBytes);
    accepted.push({ incoming, attempt, progress });
    const { outcome } = report;
    if (outcome === undefined) renewed.push(progress);
    else ends.push({ job: attempt, outcome: cleanTexts(outcome), progress });
    results.push({ kind: 'stored', cancel, ending: outcome === undefined ? undefined : 'ended' });
  }
  await storeContent(tx, services, accepted);
  await advanceAttempts(tx, renewed, services.leaseSeconds);
  const queued = await finishAll(tx, ends, services.leaseSeconds);
  return results.map((result, index) => {
    const again = queued.has(reports[index]?.jobId.toLowerCase() ?? '');
    return again ? { ...result, ending: 'queued' } : result;
  });
}

async function storeContent(
  tx: Queryable,
  services: StoreServices,
  accepted: readonly Accepted[],
): Promise<void> {
  await storeLogs(tx, accepted);
  for (const round of await stageRounds(tx, services, accepted)) {
    await applyStageChanges(tx, round);
  }
  await storeOutputs(tx, accepted);
  for (const { attempt, incoming } of accepted) {
    const { summary } = incoming.report;
    if (summary === undefined) continue;
    await setAttemptSummary(tx, attempt.id, attempt.attempt, clean(summary));
  }
}

async function storeLogs(tx: Queryable, accepted: readonly Accepted[]): Promise<void> {
  const logging = accepted.filter(({ incoming }) => incoming.log.lineCount > 0);
  const chunks = logging.map(async ({ attempt, incoming }) => {
    const place = { jobId: attempt.id, attempt: attempt.attempt };
    return (await incoming.log.chunks(attempt)).map((chunk) => ({ ...chunk, ...place }));
  });
  await appendLogs(tx, (await Promise.all(chunks)).flat());
}

/** The changes in rounds, each with at most one change of a stage. */
async function stageRounds(
  tx: Queryable,
  { versions }: StoreServices,
  accepted: readonly Accepted[],
): Promise<ReportedStage[][]> {
  const rounds: ReportedStage[][] = [];
  for (const { attempt, incoming } of accepted) {
    const { stages } = incoming.report;
    if (stages.length === 0) continue;
    const { stageNames } = await versions.of(tx, attempt.pipeline_id, attempt.version);
    refusing(incoming, () => {
      checkStages(stages, stageNames);
      for (const [index, changes] of roundsOf(stages).entries()) {
        const round = rounds[index] ?? [];
        rounds[index] = round;
        for (const change of changes) {
          round.push({ jobId: attempt.id, attempt: attempt.attempt, change });
        }
      }
    });
  }
  return rounds;
}

async function storeOutputs(tx: Queryable, accepted: readonly Accepted[]): Promise<void> {
  const giving = accepted.filter(({ incoming }) => Object.keys(incoming.report.outputs).length > 0);
  if (giving.length === 0) return;
  const outputs = giving.flatMap(({ attempt, incoming }): ReportedOutput[] => {
    // Names that differ only in what cannot be stored are the same: the last one counts.
    const named = Object.entries(incoming.report.outputs).map(([name, value]) => [
      clean(name),
      value,
    ]) as [string, unknown][];
    return [...new Map(named)].map(([name, value]) => ({
      jobId: attempt.id,
      attempt: attempt.attempt,
      name,
      value,
    }));
  });
  await setOutputs(tx, outputs);
  const totals = await readOutputTotals(
    tx,
    giving.map(({ progress }) => progress),
  );
  const byJob = new Map(totals.map((total) => [total.job_id, total]));
  for (const { attempt, incoming } of giving) {
    refusing(incoming, () => checkOutputTotals(byJob.get(attempt.id) ?? { count: 0, bytes: 0 }));
  }
}

/** Says whose fault it is. @throws ReportRefused */
function refusing(incoming: IncomingReport, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof RivetError ? new ReportRefused(incoming, error) : error;
  }
}

function progressOf(
  { id, attempt }: Attempt,
  seq: number,
  logLines: number,
  logBytes: number,
): AttemptProgress {
  return { jobId: id, attempt, seq, logLines, logBytes };
}
