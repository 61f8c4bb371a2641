// Errors of the area "auth": who somebody is could not be established.
import { defineErrors } from './define.ts';

const signIn =
  'Sign in with `rivet login`, or set RIVET_TOKEN to an API key (`rivet api-key create`).';

export const authErrors = defineErrors({
  RIVET_AUTH_REQUIRED: {
    message: 'this needs somebody who is signed in',
    solve: signIn,
    status: 401,
    exit: 5,
    fault: 'user',
  },
  // Never says what is wrong with it: whoever tries tokens would learn from it.
  RIVET_AUTH_INVALID: {
    message: 'the token is not valid, has expired or was revoked',
    solve: signIn,
    status: 401,
    exit: 5,
    fault: 'user',
  },
  // The same for a name that nobody has, a wrong password and an account that is disabled.
  RIVET_AUTH_LOGIN_FAILED: {
    message: 'the name or the password is not right',
    solve:
      'Type both again. An administrator can give you a new password with `rivet user reset-password`.',
    status: 401,
    exit: 5,
    fault: 'user',
  },
  RIVET_AUTH_THROTTLED: {
    message: 'there were too many attempts that failed; the next is possible in {wait}',
    solve: 'Wait for as long as it says. Attempts before then are not looked at.',
    status: 429,
    exit: 3,
    fault: 'user',
  },
  RIVET_AUTH_BUSY: {
    message: 'too many people sign in at this moment',
    solve: 'Try again in a few seconds.',
    status: 429,
    exit: 3,
    fault: 'operator',
  },
  RIVET_AUTH_PASSWORD_SIZE: {
    message: 'the password has {found} bytes; expected 1 to {limit}',
    solve: 'Check what was sent as the password.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_AUTH_PASSWORD_WEAK: {
    message: 'this password is guessed too easily: {reason}',
    solve: 'Take at least 12 characters: four random words are good, a password manager is better.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_AUTH_PASSWORD_TEMPORARY: {
    message: 'the password of {name} is a temporary one, for setting a new one with',
    solve:
      '`rivet login` asks for the new one at a terminal; with --password-stdin it is the second line. Programs send it as `new_password`.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_AUTH_PASSWORD_WRONG: {
    message: 'the current password is not right',
    solve: 'Type the password that you sign in with now.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_AUTH_NO_PASSWORD: {
    message: 'the account {name} has no password: it signs in elsewhere',
    solve: 'Change the password where you sign in. An administrator can give the account one here.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_AUTH_SESSION_NEEDED: {
    message: 'this is for somebody who is signed in, and the request comes with an API key',
    solve: 'Sign in with `rivet login`.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_AUTH_SESSION_NOT_FOUND: {
    message: 'there is no session {id} of yours that could end',
    solve: 'List your sessions with GET /api/auth/sessions.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_AUTH_SETUP_INVALID: {
    message: 'the set-up token is not valid, has expired or was used',
    solve:
      'Take the token that the orchestrator printed when it started last; a start prints a new one as long as there is no user. `rivet migrate --admin NAME` works without.',
    status: 401,
    exit: 5,
    fault: 'user',
  },
  RIVET_AUTH_SETUP_DONE: {
    message: 'this installation has users already',
    solve:
      'Sign in as an administrator. When nobody can, run `rivet migrate --admin NAME` on the server.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_USER_NOT_FOUND: {
    message: 'there is no user {user}{suggestion}',
    solve: 'List the users with `rivet user list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_USER_EXISTS: {
    message: 'there is a user {user} already',
    solve: 'Take another name, or change that user.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_USER_KEY_LIMITED: {
    message: 'an API key with limits cannot {what}: that account could do more than the key',
    solve: 'Sign in with `rivet login`, or use a key without limits.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_USER_NAME: {
    message: '{found} is no name of a user; expected lower-case letters, digits and . _ @ + -',
    solve: 'Choose a name of at most 100 such characters that begins with a letter or digit.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_USER_LAST_ADMIN: {
    message: '{user} is the last administrator who can sign in, and must stay one',
    solve: 'Make somebody else an administrator first.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_SIGNING_KEY_TTL: {
    message: 'a token for {found} s was asked for; expected 1 to {limit} s',
    solve: 'Ask for a shorter one.',
    status: 400,
    exit: 2,
    fault: 'rivet',
  },
  RIVET_OIDC_OFF: {
    message: 'this installation has no sign-in elsewhere',
    solve: 'Sign in with a name and a password, or have RIVET_OIDC_ISSUER set on the server.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_OIDC_CONFIG: {
    message: 'the settings of the sign-in elsewhere do not fit: {reason}',
    solve: 'Correct RIVET_OIDC_…; docs/operating/people.md lists all of them.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_OIDC_UNREACHABLE: {
    message: '{provider} could not be asked: {reason}',
    solve: 'Check that the orchestrator reaches the issuer, and that RIVET_OIDC_ISSUER is right.',
    status: 502,
    exit: 3,
    fault: 'operator',
  },
  // Whoever tries to forge an answer learns nothing; the orchestrator's log has the reason.
  RIVET_OIDC_FAILED: {
    message: 'the sign-in at {provider} did not work: {reason}',
    solve: 'Begin again. When it happens again, the log of the orchestrator says more.',
    status: 401,
    exit: 5,
    fault: 'user',
  },
  RIVET_OIDC_NOT_ALLOWED: {
    message: 'the account at {provider} may not sign in here: {reason}',
    solve: 'Ask an administrator of this installation.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_OIDC_LURED: {
    message:
      'a page of another site has opened this sign-in for a command line: sec-fetch-site is {found}',
    solve:
      'Run `rivet login --sso` yourself. When you just have, paste the address that it printed into the browser.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_OIDC_REDIRECT: {
    message: 'the address to return to is {found}; expected http://127.0.0.1:port/path',
    solve: 'Use a `rivet` of the same version as the server.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
});
