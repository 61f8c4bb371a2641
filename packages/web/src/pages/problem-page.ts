// The page that says what went wrong and what to do about it.
import type { Problem } from '@rivet/protocol';
import { html } from '../template/html.ts';
import { userText } from '../visible-text.ts';
import { renderPage } from './page.ts';
import { withCode } from './values.ts';

/** @param user who is signed in, when somebody is */
export function problemPage(problem: Problem, user: string | undefined): string {
  return renderPage({
    title: problem.title,
    ...(user !== undefined && { user }),
    content: html`
      <div class="card error-page">
        <p class="status">${problem.status} · <code>${problem.code}</code></p>
        <h1>${problem.title}</h1>
        <div class="problem">
          <p>${userText(problem.detail)}</p>
          <p>${withCode(problem.solve ?? '')}</p>
        </div>
        <p class="hint"><a href="/">All jobs</a></p>
      </div>`,
  });
}
