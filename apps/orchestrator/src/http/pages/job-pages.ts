// Pages of jobs: the list, one job with its log, and the pieces that keep an open page true.
import type { JobDetail } from '@rivet/protocol';
import { jobListPage, jobPage, jobUpdate, LOG_LINES } from '@rivet/web';
import type { Handlers } from '../handler.ts';
import { type PageRoute, page } from './page-route.ts';

type Used = 'listJobs' | 'getJob' | 'getJobLogs' | 'explainJob';

export function jobPages(handlers: Handlers<Used>): PageRoute[] {
  const waitsFor = async (
    job: JobDetail,
    call: Parameters<Handlers<'explainJob'>['explainJob']>[0],
  ): Promise<readonly string[]> =>
    job.state === 'queued' ? (await handlers.explainJob(call)).reasons : [];
  return [
    page({
      method: 'GET',
      path: '/',
      like: 'listJobs',
      handle: async (call) => {
        const { items, next_cursor } = await handlers.listJobs(call);
        const { name } = call.person();
        return jobListPage({ user: name, jobs: items, next: next_cursor, now: new Date() });
      },
    }),
    page({
      method: 'GET',
      path: '/jobs/:id',
      like: 'getJob',
      handle: async (call) => {
        const job = await handlers.getJob(call);
        const log = await handlers.getJobLogs({ ...call, query: { limit: LOG_LINES } });
        const view = { job, log, now: new Date(), waitsFor: await waitsFor(job, { ...call }) };
        return jobPage(view, call.person().name);
      },
    }),
    page({
      method: 'GET',
      path: '/jobs/:id/log',
      like: 'getJobLogs',
      handle: async (call) => {
        const { attempt, after = 0 } = call.query;
        const job = await handlers.getJob({ ...call, query: undefined });
        if (attempt !== Math.max(1, job.attempt)) {
          // Another attempt writes another log: the whole page is read anew.
          call.reply.header('hx-refresh', 'true');
          return '';
        }
        const query = { attempt, after, limit: LOG_LINES };
        const log = await handlers.getJobLogs({ ...call, query });
        const whyCall = { ...call, query: undefined };
        return jobUpdate({ job, log, now: new Date(), waitsFor: await waitsFor(job, whyCall) });
      },
    }),
  ];
}
