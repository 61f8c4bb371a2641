// The page of a job with its log, and the pieces by which an open page stays true.
import type { JobDetail, LogPage } from '@rivet/protocol';
import { html } from '../template/html.ts';
import { jobHead } from './job-head.ts';
import { firstLines, logFollower, logLines } from './job-log.ts';
import { renderPage } from './page.ts';

export interface JobView {
  readonly job: JobDetail;
  readonly log: LogPage;
  readonly now: Date;
  /** Why it waits, in sentences; none when it does not. */
  readonly waitsFor: readonly string[];
}

/** The whole page. */
export function jobPage({ job, log, now, waitsFor }: JobView, user: string): string {
  const shown = firstLines(log);
  return renderPage({
    title: `${job.pipeline} ${job.id.slice(-8)}`,
    user,
    content: html`
      ${jobHead(job, now, waitsFor, false)}
      <div class="log-head">
        <h2>Log</h2>
        <a href="/api/jobs/${job.id}/logs/raw" download>Raw log</a>
      </div>
      <div class="card log">
        <ol id="log-lines">${logLines(shown.lines)}</ol>
        ${logFollower(job.id, shown, hasMore(shown, job))}
      </div>`,
  });
}

/** What an open page takes in: lines after those it has, and the head as it is now. */
export function jobUpdate({ job, log, now, waitsFor }: JobView): string {
  const shown = firstLines(log);
  return String(html`
    ${logFollower(job.id, shown, hasMore(shown, job))}
    <ol hx-swap-oob="beforeend:#log-lines">${logLines(shown.lines)}</ol>
    ${jobHead(job, now, waitsFor, true)}`);
}

/** Whether lines are stored already that `shown` does not have. */
function hasMore(shown: LogPage, job: JobDetail): boolean {
  return shown.last < job.log_lines;
}
