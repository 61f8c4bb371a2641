// Finds the users, teams and grants that references mean.
import { didYouMean, RivetError } from '@rivet/base';
import {
  findGrants,
  findTeams,
  findUsers,
  listTeams,
  listUsers,
  type Queryable,
  type SubjectGrantRow,
  type TeamRow,
  type UserRow,
  violatedConstraint,
} from '@rivet/store';
import { onlyOne } from '../find.ts';

/** Names that are looked through for one that was meant. */
const NAMES_MAX = 1000;

/**
 * By name, id or the beginning of the id.
 * @throws RIVET_USER_NOT_FOUND, RIVET_ID_AMBIGUOUS
 */
export async function findSubjectUser(db: Queryable, ref: string): Promise<UserRow> {
  const found = onlyOne(ref, await findUsers(db, ref));
  if (found !== undefined) return found;
  const users = await listUsers(db, { after: '', search: '', limit: NAMES_MAX });
  const suggestion = didYouMean(
    ref,
    users.map(({ name }) => name),
  );
  throw RivetError.of('RIVET_USER_NOT_FOUND', { user: JSON.stringify(ref), suggestion });
}

/**
 * By name, id or the beginning of the id.
 * @throws RIVET_TEAM_NOT_FOUND, RIVET_ID_AMBIGUOUS
 */
export async function findTeam(db: Queryable, ref: string): Promise<TeamRow> {
  const found = onlyOne(ref, await findTeams(db, ref));
  if (found !== undefined) return found;
  const teams = await listTeams(db, { after: '', limit: NAMES_MAX });
  const suggestion = didYouMean(
    ref,
    teams.map(({ name }) => name),
  );
  throw RivetError.of('RIVET_TEAM_NOT_FOUND', { ref: JSON.stringify(ref), suggestion });
}

/** @throws RIVET_GRANT_NOT_FOUND, RIVET_ID_AMBIGUOUS */
export async function findGrant(db: Queryable, prefix: string): Promise<SubjectGrantRow> {
  const found = onlyOne(prefix, await findGrants(db, prefix));
  if (found !== undefined) return found;
  throw RivetError.of('RIVET_GRANT_NOT_FOUND', { id: prefix });
}

/**
 * Makes a change about a user or team that was found before. When it was deleted meanwhile, that is
 * said as `lookUp` says it.
 */
export async function whileThere<T>(
  change: () => Promise<T>,
  lookUp: () => Promise<unknown>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (violatedConstraint(error)?.endsWith('_fkey') === true) await lookUp();
    throw error;
  }
}
