// The page of a job with its log, and the pieces by which an open page stays true.
import type { JobDetail, LogPage } from '@rivet/protocol';
import { html } from '../template/html.ts';
import { jobHead } from './job-head.ts';
import { logFollower, logLines } from './job-log.ts';
import { renderPage } from './page.ts';

export interface JobView {
  readonly job: JobDetail;
  readonly log: LogPage;
  readonly now: Date;
}

/** The whole page. */
export function jobPage({ job, log, now }: JobView, user: string): string {
  return renderPage({
    title: `${job.pipeline} ${job.id.slice(-8)}`,
    user,
    content: html`
      ${jobHead(job, now, false)}
      <div class="log-head">
        <h2>Log</h2>
        <a href="/api/jobs/${job.id}/logs/raw" download>Raw log</a>
      </div>
      <div class="card log">
        <ol id="log-lines">${logLines(log.lines)}</ol>
        ${logFollower(job.id, log)}
      </div>`,
  });
}

/** What an open page takes in: lines after those it has, and the head as it is now. */
export function jobUpdate({ job, log, now }: JobView): string {
  return String(html`
    ${logFollower(job.id, log)}
    <ol hx-swap-oob="beforeend:#log-lines">${logLines(log.lines)}</ol>
    ${jobHead(job, now, true)}`);
}
