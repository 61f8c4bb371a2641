// The reports that come with a claim: those that say little are stored by its statement.
import type { JobReport, ReportResponse } from '@rivet/protocol';
import type { BroughtReports, PlainReport, StoredReport } from '@rivet/store';
import type { IncomingReport } from './report.ts';
import { checkReport } from './report-content.ts';
import { NO_LOG } from './reported-log.ts';
import { isPlain, toPlain } from './store-plain-reports.ts';
import { toPlainReport } from './transitions.ts';

/** Reports of one runner. What is not stored with the claim is to be taken like any other. */
export class ReportsOfClaim implements BroughtReports {
  readonly reports: readonly PlainReport[];
  readonly #incoming = new Map<string, { readonly from: JobReport; readonly is: IncomingReport }>();
  readonly #answers = new Map<JobReport, ReportResponse>();
  readonly #leaseSeconds: number;
  readonly #tell: (incoming: IncomingReport) => void;

  /** @param tell told each one that the claim has stored */
  constructor(
    runnerId: string,
    reports: readonly JobReport[],
    leaseSeconds: number,
    tell: (incoming: IncomingReport) => void,
  ) {
    this.#leaseSeconds = leaseSeconds;
    this.#tell = tell;
    for (const report of reports) {
      const incoming = plainReport(runnerId, report);
      // Only the first one of a job: the second must wait for it.
      if (incoming === undefined || this.#incoming.has(incoming.jobId)) continue;
      this.#incoming.set(incoming.jobId, { from: report, is: incoming });
    }
    this.reports = [...this.#incoming.values()].map(({ is }) => toPlainReport(toPlain(is)));
  }

  onStored(stored: readonly StoredReport[]): void {
    for (const { job_id, cancel_requested: cancel } of stored) {
      const found = this.#incoming.get(job_id);
      if (found === undefined || this.#answers.has(found.from)) continue;
      this.#answers.set(found.from, { lease_seconds: this.#leaseSeconds, cancel });
      this.#tell(found.is);
    }
  }

  /** What the runner is answered; undefined when the claim did not store it. */
  answerTo(report: JobReport): ReportResponse | undefined {
    return this.#answers.get(report);
  }
}

/** The report when it is plain and nothing speaks against it. */
function plainReport(runnerId: string, sent: JobReport): IncomingReport | undefined {
  const { job_id, ...report } = sent;
  if (report.logs.length > 0 || (report.log_blocks?.length ?? 0) > 0) return undefined;
  const incoming = { runnerId, jobId: job_id.toLowerCase(), report, log: NO_LOG };
  if (!isPlain(incoming)) return undefined;
  try {
    checkReport(report);
  } catch {
    // Told to the runner where the others are taken.
    return undefined;
  }
  return incoming;
}
