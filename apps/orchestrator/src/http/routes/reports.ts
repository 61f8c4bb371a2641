// What runners report: one report, or several of which each is stored or refused by itself.
import type { JobReport, JobReportResult } from '@rivet/protocol';
import type { RunnerPrincipal } from '../../auth/principal.ts';
import type { ReportsOfClaim } from '../../jobs/brought-reports.ts';
import type { Services } from '../../services.ts';
import type { Asked } from '../handler.ts';
import { clientError, toProblem } from '../problem.ts';

/**
 * Takes all the reports but those that a claim has stored. The results are in their order; one that
 * fails touches no other.
 */
export function takeReports(
  { reports: batcher, logger }: Pick<Services, 'reports' | 'logger'>,
  request: Asked,
  { runnerId }: RunnerPrincipal,
  reports: readonly JobReport[],
  ofClaim?: ReportsOfClaim,
): Promise<JobReportResult[]> {
  const taking = reports.map(async (sent): Promise<JobReportResult> => {
    const { job_id, ...report } = sent;
    const answer = ofClaim?.answerTo(sent);
    if (answer !== undefined) return { job_id, ...answer };
    try {
      return { job_id, ...(await batcher.take(runnerId, job_id, report)) };
    } catch (error) {
      return { job_id, problem: toProblem(clientError(error as Error, request, logger)) };
    }
  });
  return Promise.all(taking);
}
