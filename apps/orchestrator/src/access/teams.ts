// Teams: made, filled and deleted by administrators.
import { RivetError, uuidv7 } from '@rivet/base';
import {
  addTeamMember,
  type Database,
  deleteTeam,
  insertTeam,
  type Queryable,
  removeTeamMember,
  type TeamRow,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Principal } from '../auth/principal.ts';
import { findSubjectUser, findTeam, whileThere } from './find-subject.ts';

export interface AccessServices {
  readonly database: Database;
  readonly audit: AuditLog;
}

/** @throws RIVET_TEAM_EXISTS */
export async function createTeam(
  { database, audit }: AccessServices,
  principal: Principal,
  name: string,
): Promise<TeamRow> {
  const made = await database.transaction(
    async (tx) => {
      const team = await insertTeam(tx, { id: uuidv7(), name });
      if (team !== undefined) {
        await audit.record(tx, principal, { action: 'team.create', object: teamObject(team) });
      }
      return team;
    },
    { repeatable: false },
  );
  if (made === undefined) throw RivetError.of('RIVET_TEAM_EXISTS', { team: name });
  return made;
}

/**
 * Deletes a team with its grants; its members stay users.
 * @throws RIVET_TEAM_NOT_FOUND, RIVET_TEAM_FIXED
 */
export async function removeTeam(
  { database, audit }: AccessServices,
  principal: Principal,
  ref: string,
): Promise<void> {
  const team = notEverybody(await findTeam(database, ref));
  await database.transaction(
    async (tx) => {
      if (!(await deleteTeam(tx, team.id))) return;
      await audit.record(tx, principal, { action: 'team.delete', object: teamObject(team) });
    },
    { repeatable: true },
  );
}

/**
 * Puts a user into a team, or takes one out; what is so already stays so.
 * @throws RIVET_TEAM_NOT_FOUND, RIVET_USER_NOT_FOUND, RIVET_TEAM_FIXED
 */
export async function changeMember(
  { database, audit }: AccessServices,
  principal: Principal,
  change: 'add' | 'remove',
  { ref, user }: { ref: string; user: string },
): Promise<void> {
  const team = notEverybody(await findTeam(database, ref));
  const found = await findSubjectUser(database, user);
  const member = { teamId: team.id, userId: found.id };
  const act = change === 'add' ? addTeamMember : removeTeamMember;
  const make = async (tx: Queryable): Promise<void> => {
    if (!(await act(tx, member))) return;
    await audit.record(tx, principal, {
      action: change === 'add' ? 'team.add' : 'team.remove',
      object: teamObject(team),
      details: { user: found.name },
    });
  };
  await whileThere(
    () => database.transaction(make, { repeatable: true }),
    async () => [await findTeam(database, ref), await findSubjectUser(database, user)],
  );
}

function teamObject({ id, name }: TeamRow): { kind: string; id: string; name: string } {
  return { kind: 'team', id, name };
}

function notEverybody(team: TeamRow): TeamRow {
  if (!team.everybody) return team;
  throw RivetError.of('RIVET_TEAM_FIXED', { team: team.name });
}
