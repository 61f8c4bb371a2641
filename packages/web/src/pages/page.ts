// The shell of every page: head, bar at the top, main part.
import { htmxScript, styleSheet } from '../assets/assets.ts';
import { type Html, html } from '../template/html.ts';
import { userText } from '../visible-text.ts';

export interface Page {
  readonly title: string;
  /** Whoever is signed in; without, the bar at the top is left out. */
  readonly user?: string;
  readonly content: Html;
}

/**
 * Nothing that comes with a page is ever taken for a program: no filters that are evaluated, no
 * scripts in what is swapped in, no styles inline, no other site asked, no pages kept in the
 * browser's storage for whoever signs in next.
 */
const HTMX_CONFIG = JSON.stringify({
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  historyEnabled: false,
});

/** A whole document. */
export function renderPage({ title, user, content }: Page): string {
  const document = html`
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="htmx-config" content="${HTMX_CONFIG}">
        <title>${title} · Rivet</title>
        <link rel="stylesheet" href="${styleSheet.path}">
        <link rel="icon" href="data:,">
        <script src="${htmxScript.path}" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to content</a>
        ${user === undefined ? null : topBar(user)}
        <main id="main">${content}</main>
      </body>
    </html>`;
  return `<!doctype html>${document}`;
}

function topBar(user: string): Html {
  return html`
    <header class="top">
      <a class="brand" href="/">Rivet</a>
      <div class="who">
        <span>${userText(user)}</span>
        <form method="post" action="/logout"><button class="plain">Sign out</button></form>
      </div>
    </header>`;
}
