// Decides what becomes of a report, before anything is written: fenced by the lease, each report
// once, the log without gaps.
import { formatSize, RivetError } from '@rivet/base';
import type { ReportRequest } from '@rivet/protocol';
import type { AttemptRow } from '@rivet/store';
import type { ReportedLog } from './reported-log.ts';

/** A report as it came: of which job, by which runner. */
export interface IncomingReport {
  readonly runnerId: string;
  readonly jobId: string;
  readonly report: ReportRequest;
  /** What it has of the log. */
  readonly log: ReportedLog;
}

/** What a report is held against. */
export type KnownAttempt = Pick<
  AttemptRow,
  'lease_id' | 'last_seq' | 'log_lines' | 'log_bytes' | 'result' | 'message'
>;

/** `too long`: the job ends here, as its runner does not hold its log to any limit. */
export type Decision =
  | { readonly kind: 'repeat' }
  | { readonly kind: 'store'; readonly logLines: number; readonly logBytes: number }
  | { readonly kind: 'too long'; readonly why: string }
  | { readonly kind: 'refused'; readonly error: RivetError };

/** What becomes of the report, given all that is known of its attempt; changes nothing. */
export function decideReport(
  attempt: KnownAttempt,
  { jobId, report, log }: IncomingReport,
  logBytesMax: number,
): Decision {
  const { attempt: number, seq } = report;
  const refused = (error: RivetError): Decision => ({ kind: 'refused', error });
  if (attempt.lease_id !== report.lease_id) {
    return refused(leaseLost(jobId, number, 'another lease holds it'));
  }
  // A repeat is answered like the first time, also when the first time ended the attempt.
  if (seq <= attempt.last_seq && !isLost(attempt)) return { kind: 'repeat' };
  if (attempt.result !== null) return refused(leaseLost(jobId, number, whyOver(attempt)));
  if (seq !== attempt.last_seq + 1) return refused(gap('sequence', seq, attempt.last_seq + 1));
  const expected = attempt.log_lines + 1;
  if (log.firstLine !== undefined && log.firstLine !== expected) {
    return refused(gap('log', log.firstLine, expected));
  }
  const logBytes = attempt.log_bytes + log.bytes;
  if (logBytes > logBytesMax) {
    const why = `its log is larger than ${formatSize(logBytesMax)}, the most that the server keeps`;
    return { kind: 'too long', why };
  }
  return { kind: 'store', logLines: attempt.log_lines + log.lineCount, logBytes };
}

function isLost(attempt: KnownAttempt): boolean {
  return attempt.result === 'lost' || attempt.result === 'returned';
}

function whyOver(attempt: KnownAttempt): string {
  if (isLost(attempt)) return attempt.message ?? 'its lease ran out';
  return `it has ended: ${attempt.result}`;
}

/** The runner does not hold that attempt (any more). */
export function leaseLost(id: string, attempt: number, why: string): RivetError {
  return RivetError.of('RIVET_LEASE_LOST', { id, attempt, why });
}

function gap(what: string, found: number, expected: number): RivetError {
  return RivetError.of('RIVET_REPORT_GAP', { what, found, expected });
}
