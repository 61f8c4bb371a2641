// Errors of the area "access": what somebody who is signed in may not do; teams, grants, API keys.
import { defineErrors } from './define.ts';

export const accessErrors = defineErrors({
  RIVET_ACCESS_DENIED: {
    message: '{who} may not do this: it needs {permission}{object}',
    solve:
      'Ask an administrator for a grant (`rivet grant add`), or use an account or API key that has the right.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_ACCESS_PATTERN: {
    message: '{found} is no pattern of names of {kind}s: {reason}',
    solve:
      'Write a name, with * where any text may stand: deploy-* or *. A pattern that no name can fit gives nothing.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_TEAM_NOT_FOUND: {
    message: 'there is no team {ref}{suggestion}',
    solve: 'List the teams with `rivet team list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_TEAM_EXISTS: {
    message: 'there is a team {team} already',
    solve: 'Take another name, or add members to that team.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_TEAM_FIXED: {
    message: 'the team {team} has everybody in it: it stays, and nobody is added or removed',
    solve: 'Make a team of your own for some of the users.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_GRANT_NOT_FOUND: {
    message: 'there is no grant {id}',
    solve: 'List the grants with `rivet grant list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_GRANT_SUBJECT: {
    message: 'a grant is for one user or one team; found {found}',
    solve: 'Name either a user or a team.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_GRANT_PERMISSIONS: {
    message: '{found} cannot be granted on a {kind}; expected some of {expected}',
    solve: 'Grant permissions of that kind of object; `rivet grant add --help` lists them.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_GRANT_LIMIT: {
    message: '{subject} has {limit} grants, which is as many as there can be',
    solve: 'Take back grants that others cover (`rivet grant list`), or use wider patterns.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_API_KEY_NOT_FOUND: {
    message: 'there is no API key {id}',
    solve: 'List your API keys with `rivet api-key list`; those that were revoked are gone.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_API_KEY_LIMIT: {
    message: '{user} has {limit} valid API keys, which is as many as there can be',
    solve: 'Revoke keys that are not used any more: `rivet api-key list` tells their last use.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_API_KEY_EXCEEDS: {
    message: 'an API key cannot make one that {what} than itself',
    solve: 'Ask for less, or make the key after signing in with `rivet login`.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
});
