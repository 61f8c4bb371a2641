// Of the commands that take users after a team: there must be one.
import { RivetError } from '@rivet/base';

/** @throws RIVET_USAGE */
export function requireUsers(users: readonly string[]): void {
  if (users.length > 0) return;
  throw RivetError.of('RIVET_USAGE', {
    problem: 'USER is missing: names of users',
    hint: 'Give one or more after the team: rivet team join web ada grace',
  });
}
