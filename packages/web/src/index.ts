// Pages: the template that escapes, the shell of a page, and log text made harmless.
export { readLogSpans } from './log-line/log-spans.ts';
export { renderLogLine } from './log-line/render-log-line.ts';
export { Html, html, trustedHtml } from './template/html.ts';
