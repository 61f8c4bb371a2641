// The page at which people sign in; works without any script.
import { html } from '../template/html.ts';
import { userText } from '../visible-text.ts';
import { renderPage } from './page.ts';

export interface SignIn {
  /** Path to go to after that. */
  readonly next: string;
  /** What was typed last time. */
  readonly name?: string;
  /** Why it did not work last time, and what to do. */
  readonly problem?: { readonly detail: string; readonly solve: string };
}

export function signInPage({ next, name = '', problem }: SignIn): string {
  const refused =
    problem === undefined
      ? null
      : html`
          <div class="problem" role="alert">
            <p>${userText(problem.detail)}</p>
            <p>${problem.solve}</p>
          </div>`;
  return renderPage({
    title: 'Sign in',
    content: html`
      <form class="card sign-in" method="post" action="/login">
        <h1 class="brand">Rivet</h1>
        ${refused}
        <input type="hidden" name="next" value="${next}">
        <label for="name">Name</label>
        <input type="text" id="name" name="name" value="${name}" required maxlength="100"
          autocomplete="username" autocapitalize="none" spellcheck="false" autofocus>
        <label for="password">Password</label>
        <input type="password" id="password" name="password" required
          autocomplete="current-password">
        <button class="primary">Sign in</button>
      </form>`,
  });
}
