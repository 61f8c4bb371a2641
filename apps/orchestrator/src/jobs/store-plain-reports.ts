// Stores the reports that come most often, which only renew a lease or end a job: one statement.
import type { Queryable } from '@rivet/store';
import type { IncomingReport } from './report.ts';
import { cleanTexts } from './report-content.ts';
import type { ReportResult } from './store-reports.ts';
import { finishPlain, isForGood, type PlainEnd } from './transitions.ts';

/** Whether a report has nothing to store but the lease, or an end after which nothing comes. */
export function isPlain({ report, log }: IncomingReport): boolean {
  const { stages, outputs, summary, outcome } = report;
  if (log.lineCount > 0 || stages.length > 0 || summary !== undefined) return false;
  if (Object.keys(outputs).length > 0) return false;
  return outcome === undefined || isForGood(outcome);
}

/** What a plain report says. */
export function toPlain({ jobId, runnerId, report }: IncomingReport): PlainEnd {
  const { attempt, lease_id: leaseId, seq, outcome } = report;
  return { jobId, runnerId, attempt, leaseId, seq, outcome: outcome && cleanTexts(outcome) };
}

/**
 * Stores plain reports of different jobs. Without a result are those that nothing was done for: to
 * know why, their attempts must be looked at.
 */
export async function storePlain(
  db: Queryable,
  reports: readonly IncomingReport[],
  leaseSeconds: number,
): Promise<(ReportResult | undefined)[]> {
  const stored = await finishPlain(db, reports.map(toPlain), leaseSeconds);
  const cancels = new Map(stored.map((row) => [row.job_id, row.cancel_requested]));
  return reports.map(({ jobId, report }) => {
    const cancel = cancels.get(jobId);
    if (cancel === undefined) return undefined;
    return { kind: 'stored', cancel, ending: report.outcome === undefined ? undefined : 'ended' };
  });
}
