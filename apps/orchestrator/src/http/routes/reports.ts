// What runners report: one report, or several of which each is stored or refused by itself.
import type { JobReport, JobReportResult, ReportResponse } from '@rivet/protocol';
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
  services: Pick<Services, 'reports' | 'logger'>,
  request: Asked,
  { runnerId }: RunnerPrincipal,
  reports: readonly JobReport[],
  ofClaim?: ReportsOfClaim,
): Promise<JobReportResult[]> {
  return answerEach(services, request, reports, async (sent) => {
    const { job_id, ...report } = sent;
    return ofClaim?.answerTo(sent) ?? (await services.reports.take(runnerId, job_id, report));
  });
}

/** What each is answered, or refused with, in their order. */
export function answerEach<Of extends { readonly job_id: string }>(
  { logger }: Pick<Services, 'logger'>,
  request: Asked,
  asked: readonly Of[],
  answer: (of: Of) => Promise<ReportResponse>,
): Promise<JobReportResult[]> {
  const answering = asked.map(async (of): Promise<JobReportResult> => {
    const { job_id } = of;
    try {
      return { job_id, ...(await answer(of)) };
    } catch (error) {
      return { job_id, problem: toProblem(clientError(error as Error, request, logger)) };
    }
  });
  return Promise.all(answering);
}
