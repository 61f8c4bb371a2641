// The upper part of a job's page: what it is, how it stands, its stages, inputs and outputs.
import type { JobDetail, JobStage } from '@rivet/protocol';
import { type Html, html } from '../template/html.ts';
import { userText } from '../visible-text.ts';
import { duration, state, time } from './values.ts';

/** The head comes again with every change, so it stays small whatever a job tells. */
const SUMMARY_CHARACTERS_MAX = 20_000;
const ROWS_MAX = 200;

/**
 * @param waitsFor why it waits, in sentences
 * @param replaces whether it takes the place of the one that a page has
 */
export function jobHead(
  job: JobDetail,
  now: Date,
  waitsFor: readonly string[],
  replaces: boolean,
): Html {
  const content = html`
    <div class="job-head"><h1>${userText(job.pipeline)}</h1>${state(job.state)}</div>
    <ul class="facts">
      <li>version ${job.version}</li>
      <li>launched by ${userText(job.launched_by)}</li>
      <li>queued ${time(job.created_at)}</li>
      ${job.started_at === null ? null : html`<li>${took(job, now)}</li>`}
      ${job.attempt > 1 ? html`<li>attempt ${job.attempt}</li>` : null}
      ${job.runner === null ? null : html`<li>on ${userText(job.runner)}</li>`}
      <li><code>${job.id}</code></li>
    </ul>
    ${job.message === null ? null : html`<div class="problem"><p>${userText(job.message)}</p></div>`}
    ${waitsFor.length === 0 ? null : html`<ul class="hint">${waitsFor.map(reasonToWait)}</ul>`}
    ${job.summary === null ? null : summary(job.summary)}
    <div class="columns">
      <section>${job.stages.length === 0 ? null : stages(job.stages, now)}</section>
      <section>${values('Inputs', job.inputs)}${values('Outputs', job.outputs)}</section>
    </div>`;
  return replaces
    ? html`<div id="job-head" hx-swap-oob="true">${content}</div>`
    : html`<div id="job-head">${content}</div>`;
}

function reasonToWait(text: string): Html {
  return html`<li>${userText(text)}</li>`;
}

function took({ started_at, finished_at }: JobDetail, now: Date): Html {
  const verb = finished_at === null ? 'running for' : 'took';
  return html`${verb} ${duration(started_at, finished_at, now)}`;
}

function summary(text: string): Html {
  return html`<h2>Summary</h2><pre class="card summary">${userText(text, SUMMARY_CHARACTERS_MAX)}</pre>`;
}

function stages(list: readonly JobStage[], now: Date): Html {
  const rows = list.slice(0, ROWS_MAX).map(
    (stage) => html`
      <tr>
        <td class="narrow">${state(stage.state)}</td>
        <td>${userText(stage.name)}${stage.reason === null ? null : reason(stage.reason)}</td>
        <td class="narrow">${duration(stage.started_at, stage.finished_at, now)}</td>
      </tr>`,
  );
  return html`<h2>Stages</h2>${table(rows, list.length)}`;
}

/** @param count of what there is, which may be more than the rows that are shown */
function table(rows: readonly Html[], count: number): Html {
  const left = count - rows.length;
  const more = left > 0 ? html`<p class="hint">… and ${left.toLocaleString('en')} more</p>` : null;
  return html`<div class="card"><table><tbody>${rows}</tbody></table></div>${more}`;
}

function reason(text: string): Html {
  return html`<div class="faint">${userText(text)}</div>`;
}

function values(title: string, map: Readonly<Record<string, unknown>>): Html | null {
  const entries = Object.entries(map);
  if (entries.length === 0) return null;
  const rows = entries.slice(0, ROWS_MAX).map(
    ([name, value]) => html`
      <tr>
        <td class="narrow">${userText(name)}</td>
        <td><code>${userText(shown(value))}</code></td>
      </tr>`,
  );
  return html`<h2>${title}</h2>${table(rows, entries.length)}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
