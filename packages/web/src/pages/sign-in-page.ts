// The page at which people sign in; works without any script.
import { type Html, html } from '../template/html.ts';
import { userText } from '../visible-text.ts';
import { renderPage } from './page.ts';
import { withCode } from './values.ts';

export interface SignIn {
  /** Path to go to after that. */
  readonly next: string;
  /** How sign-in elsewhere is called; null when there is none. */
  readonly elsewhere: string | null;
  /** What was typed last time. */
  readonly name?: string;
  /** Why it did not work last time, and what to do. */
  readonly problem?: { readonly detail: string; readonly solve: string };
  /** Whether the password was a temporary one, which only lets set another. */
  readonly temporary?: boolean;
}

export function signInPage({ next, elsewhere, name = '', problem, temporary }: SignIn): string {
  return renderPage({
    title: 'Sign in',
    content: html`
      <form class="card sign-in" method="post" action="/login">
        <h1 class="brand">Rivet</h1>
        ${problem === undefined ? null : refused(problem)}
        <input type="hidden" name="next" value="${next}">
        <label for="name">Name</label>
        ${nameField(name)}
        <label for="password">${temporary ? 'Temporary password' : 'Password'}</label>
        ${passwordField(name !== '')}
        ${temporary ? newPassword() : null}
        <button class="primary">Sign in</button>
        ${elsewhere === null ? null : elsewhereLink(elsewhere)}
      </form>`,
  });
}

function refused({ detail, solve }: { detail: string; solve: string }): Html {
  return html`
    <div class="problem" role="alert">
      <p>${userText(detail)}</p>
      <p>${withCode(solve)}</p>
    </div>`;
}

function nameField(name: string): Html {
  return name === ''
    ? html`
        <input type="text" id="name" name="name" required maxlength="100" autofocus
          autocomplete="username" autocapitalize="none" spellcheck="false">`
    : html`
        <input type="text" id="name" name="name" required maxlength="100" value="${name}"
          autocomplete="username" autocapitalize="none" spellcheck="false">`;
}

/** @param first whether it is what remains to be typed */
function passwordField(first: boolean): Html {
  return first
    ? html`
        <input type="password" id="password" name="password" required autofocus
          autocomplete="current-password">`
    : html`
        <input type="password" id="password" name="password" required
          autocomplete="current-password">`;
}

function newPassword(): Html {
  return html`
    <label for="new-password">New password</label>
    <input type="password" id="new-password" name="new_password" required
      autocomplete="new-password">`;
}

function elsewhereLink(name: string): Html {
  return html`<p class="hint"><a href="/api/auth/oidc/start">Sign in with ${userText(name)}</a></p>`;
}
