// The log on a job's page: lines, and the part that fetches those that follow.
import type { LogLine, LogPage } from '@rivet/protocol';
import { renderLogLine } from '../log-line/render-log-line.ts';
import { type Html, html } from '../template/html.ts';
import { userText } from '../visible-text.ts';

/** Lines of one fetch at most. */
export const LOG_LINES = 500;
/** Characters of one fetch: whoever writes long lines makes more of them, not larger ones. */
const FETCH_CHARACTERS_MAX = 512 * 1024;
/** A browser with more lines than this becomes slow; the rest is in the raw log. */
const LINES_MAX = 20_000;

/** As many lines of `page` as fit into one fetch, at least one. */
export function firstLines(page: LogPage): LogPage {
  let characters = 0;
  const end = page.lines.findIndex(({ text }) => {
    characters += text.length;
    return characters > FETCH_CHARACTERS_MAX;
  });
  if (end < 0) return page;
  const lines = page.lines.slice(0, Math.max(1, end));
  return { ...page, lines, last: lines.at(-1)?.n ?? page.last, complete: false };
}

export function logLines(lines: readonly LogLine[]): Html {
  return html`${lines.map(
    (line) => html`
      <li id="L${line.n}" class="level-${line.level}"><a class="n" href="#L${line.n}">${line.n}</a
        ><span class="stage">${userText(line.stage)}</span
        ><span class="text" hx-disable>${renderLogLine(line.text)}</span></li>`,
  )}`;
}

/**
 * What stands below the lines: fetches more as long as there may be more.
 * @param more whether there are more already
 */
export function logFollower(jobId: string, page: LogPage, more: boolean): Html {
  const { attempt, last, complete } = page;
  if (last >= LINES_MAX) {
    return html`
      <div id="log-more" class="waits">
        These are the first ${last.toLocaleString('en')} lines;
        <a href="/api/jobs/${jobId}/logs/raw" download>the raw log</a> has all.
      </div>`;
  }
  if (complete) {
    const empty = last === 0 ? 'Nothing was printed.' : null;
    return html`<div id="log-more" class="waits">${empty}</div>`;
  }
  return more
    ? html`
        <div id="log-more" class="waits" hx-get="/jobs/${jobId}/log?attempt=${attempt}&after=${last}"
          hx-trigger="load, every 4s" hx-swap="outerHTML">Loading …</div>`
    : html`
        <div id="log-more" class="waits" hx-get="/jobs/${jobId}/log?attempt=${attempt}&after=${last}"
          hx-trigger="every 2s" hx-swap="outerHTML">Waiting for more …</div>`;
}
