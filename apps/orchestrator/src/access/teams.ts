// Teams: made, filled and deleted by administrators.
import { RivetError, uuidv7 } from '@rivet/base';
import {
  addTeamMember,
  type Database,
  deleteTeam,
  insertTeam,
  removeTeamMember,
  type TeamRow,
} from '@rivet/store';
import { findSubjectUser, findTeam } from './find-subject.ts';

/** @throws RIVET_TEAM_EXISTS */
export async function createTeam(database: Database, name: string): Promise<TeamRow> {
  const made = await database.transaction((tx) => insertTeam(tx, { id: uuidv7(), name }), {
    repeatable: false,
  });
  if (made === undefined) throw RivetError.of('RIVET_TEAM_EXISTS', { team: name });
  return made;
}

/**
 * Deletes a team with its grants; its members stay users.
 * @throws RIVET_TEAM_NOT_FOUND, RIVET_TEAM_FIXED
 */
export async function removeTeam(database: Database, ref: string): Promise<void> {
  const team = notEverybody(await findTeam(database, ref));
  await database.transaction((tx) => deleteTeam(tx, team.id), { repeatable: true });
}

/**
 * Puts a user into a team, or takes one out; what is so already stays so.
 * @throws RIVET_TEAM_NOT_FOUND, RIVET_USER_NOT_FOUND, RIVET_TEAM_FIXED
 */
export async function changeMember(
  database: Database,
  change: 'add' | 'remove',
  { ref, user }: { ref: string; user: string },
): Promise<void> {
  const team = notEverybody(await findTeam(database, ref));
  const member = { teamId: team.id, userId: (await findSubjectUser(database, user)).id };
  await database.transaction(
    (tx) => (change === 'add' ? addTeamMember(tx, member) : removeTeamMember(tx, member)),
    { repeatable: true },
  );
}

function notEverybody(team: TeamRow): TeamRow {
  if (!team.everybody) return team;
  throw RivetError.of('RIVET_TEAM_FIXED', { team: team.name });
}
