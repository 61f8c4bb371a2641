// Writes a line of a log as markup: spans with class names, links, and nothing else.
import { type Html, html } from '../template/html.ts';
import { type LogSpan, readLogSpans } from './log-spans.ts';

/**
 * The markup of one line, without a line end. See `readLogSpans` for what becomes of terminal
 * sequences and invisible characters. The only elements are `<span class>` and, for an http or https
 * address that is written out in the text, `<a>` to exactly that address.
 */
export function renderLogLine(line: string): Html {
  return html`${readLogSpans(line).map(renderSpan)}`;
}

function renderSpan({ text, classes, href }: LogSpan): Html {
  // Neither who is linked to nor a search engine learns anything of this page, and what is opened
  // gets no handle on it.
  const content =
    href === undefined
      ? html`${text}`
      : html`<a href="${href}" rel="noopener noreferrer nofollow" target="_blank">${text}</a>`;
  return classes.length === 0
    ? content
    : html`<span class="${classes.join(' ')}">${content}</span>`;
}
