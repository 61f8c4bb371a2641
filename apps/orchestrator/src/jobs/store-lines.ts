// Stores the reports that running jobs send most, which are one block of a log: one statement.
import { type LinesReport, type Queryable, storeReportedLines } from '@rivet/store';
import type { IncomingReport } from './report.ts';
import { AHEAD_MS_MAX } from './reported-log.ts';
import type { ReportResult, StoreServices } from './store-reports.ts';

/** Whether a report has nothing to store but the lease and a block of lines. */
export function isLines({ report, log }: IncomingReport): boolean {
  const { stages, outputs, summary, outcome } = report;
  if (log.only === undefined || outcome !== undefined || summary !== undefined) return false;
  return stages.length === 0 && Object.keys(outputs).length === 0;
}

/**
 * Stores such reports of different jobs. Without a result are those that nothing was done for: to
 * know why, their attempts must be looked at.
 */
export async function storeLines(
  db: Queryable,
  reports: readonly IncomingReport[],
  { leaseSeconds, logBytesMax }: Pick<StoreServices, 'leaseSeconds' | 'logBytesMax'>,
): Promise<(ReportResult | undefined)[]> {
  const limits = { leaseSeconds, logBytesMax, aheadMsMax: AHEAD_MS_MAX };
  const stored = await storeReportedLines(db, reports.flatMap(toLines), limits);
  const cancels = new Map(stored.map((row) => [row.job_id, row.cancel_requested]));
  return reports.map(({ jobId, log: { only } }) => {
    const cancel = cancels.get(jobId);
    if (cancel === undefined || only === undefined) return undefined;
    return { kind: 'stored', cancel, ending: undefined, lines: only.chunk };
  });
}

function toLines({ jobId, runnerId, report, log }: IncomingReport): LinesReport[] {
  if (log.only === undefined) return [];
  const { attempt, lease_id: leaseId, seq } = report;
  return [{ jobId, runnerId, attempt, leaseId, seq, logBytes: log.bytes, ...log.only }];
}
