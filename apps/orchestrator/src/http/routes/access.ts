// Routes of teams, grants and roles.
import { type Grant, permissionMeanings, type RoleList, roles, type Team } from '@rivet/protocol';
import { listGrants, listTeams, type SubjectGrantRow, type TeamRow } from '@rivet/store';
import { roleCeilings } from '../../access/access.ts';
import { createGrant, listedSubject, removeGrant } from '../../access/grants.ts';
import { type AccessServices, changeMember, createTeam, removeTeam } from '../../access/teams.ts';
import { decodeCursor, encodeCursor, ID_AFTER_ALL, ID_PATTERN, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';

type Names =
  | 'listTeams'
  | 'createTeam'
  | 'deleteTeam'
  | 'addTeamMember'
  | 'removeTeamMember'
  | 'listGrants'
  | 'createGrant'
  | 'deleteGrant'
  | 'listRoles';

const LIMIT_DEFAULT = 50;
const TEAM_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;

export function accessRoutes(services: AccessServices): Handlers<Names> {
  const { database } = services;
  return {
    listTeams: async ({ query }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const { cursor } = query;
      const after = cursor === undefined ? '' : decodeCursor('teams', cursor, TEAM_NAME);
      const rows = await listTeams(database, { after, limit: limit + 1 });
      const present = (row: (typeof rows)[number]): Team => presentTeam(row, row.members);
      return toPage(rows, limit, present, ({ name }) => encodeCursor('teams', name));
    },
    createTeam: async ({ body, principal }) =>
      presentTeam(await createTeam(services, principal, body.name), []),
    deleteTeam: async ({ params, principal }) => {
      await removeTeam(services, principal, params.ref);
      return undefined;
    },
    addTeamMember: async ({ params, principal }) => {
      await changeMember(services, principal, 'add', params);
      return undefined;
    },
    removeTeamMember: async ({ params, principal }) => {
      await changeMember(services, principal, 'remove', params);
      return undefined;
    },
    listGrants: async ({ query }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const { cursor, kind = null } = query;
      const before =
        cursor === undefined ? ID_AFTER_ALL : decodeCursor('grants', cursor, ID_PATTERN);
      const subject = await listedSubject(database, query);
      const rows = await listGrants(database, { ...subject, before, kind, limit: limit + 1 });
      return toPage(rows, limit, presentGrant, ({ id }) => encodeCursor('grants', id));
    },
    createGrant: async ({ body, person }) =>
      presentGrant(await createGrant(services, person(), body)),
    deleteGrant: async ({ params, principal }) => {
      await removeGrant(services, principal, params.id);
      return undefined;
    },
    listRoles: async () => roleList,
  };
}

const roleList: RoleList = {
  roles: roles.map((role) => ({ role, permissions: [...roleCeilings[role]] })),
  permissions: (Object.keys(permissionMeanings) as (keyof typeof permissionMeanings)[]).map(
    (permission) => ({ permission, meaning: permissionMeanings[permission] }),
  ),
};

function presentTeam(row: TeamRow, members: readonly string[]): Team {
  const { id, name, everybody } = row;
  return { id, name, everybody, members: [...members], created_at: row.created_at.toISOString() };
}

function presentGrant(row: SubjectGrantRow): Grant {
  return {
    id: row.id,
    user: row.user_name,
    team: row.team_name,
    kind: row.object_kind,
    pattern: row.pattern,
    permissions: row.permissions,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
  };
}
