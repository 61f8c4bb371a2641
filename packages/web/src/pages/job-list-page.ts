// The page with the newest jobs that somebody may see.
import type { Job } from '@rivet/protocol';
import { type Html, html } from '../template/html.ts';
import { userText } from '../visible-text.ts';
import { renderPage } from './page.ts';
import { duration, state, time } from './values.ts';

export interface JobListView {
  readonly user: string;
  /** Newest first. */
  readonly jobs: readonly Job[];
  /** Where older ones begin; null when these are all. */
  readonly next: string | null;
  readonly now: Date;
}

export function jobListPage({ user, jobs, next, now }: JobListView): string {
  const older =
    next === null ? null : html`<p class="hint"><a href="/?cursor=${next}">Older</a></p>`;
  return renderPage({
    title: 'Jobs',
    user,
    content: html`<h1>Jobs</h1><br>${jobs.length === 0 ? nothing() : table(jobs, now)}${older}`,
  });
}

function nothing(): Html {
  return html`
    <div class="card empty">
      <p>No job that you may see yet.</p>
      <p>Launch one: <code>rivet pipeline launch NAME</code></p>
    </div>`;
}

function table(jobs: readonly Job[], now: Date): Html {
  const rows = jobs.map(
    (job) => html`
      <tr>
        <td class="narrow">${state(job.state)}</td>
        <td><a href="/jobs/${job.id}">${userText(job.pipeline)}</a></td>
        <td class="narrow faint">v${job.version}</td>
        <td>${userText(job.launched_by)}</td>
        <td class="narrow">${time(job.created_at)}</td>
        <td class="narrow">${duration(job.started_at, job.finished_at, now)}</td>
        <td class="narrow faint mono">${job.id.slice(-8)}</td>
      </tr>`,
  );
  return html`
    <div class="card scroll">
      <table>
        <thead>
          <tr>
            <th class="narrow">State</th><th>Pipeline</th><th class="narrow">Version</th>
            <th>Launched by</th><th class="narrow">Queued</th><th class="narrow">Took</th>
            <th class="narrow">Job</th>
          </tr>
        </thead>
        <tbody>${rows}</tbody>
      </table>
    </div>`;
}
