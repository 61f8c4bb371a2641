// Routes of teams, grants and roles.
import * as access from '../api/access.ts';
import { route } from './route.ts';

export const accessRoutes = {
  listTeams: route({
    method: 'GET',
    path: '/teams',
    permission: 'grants.manage',
    summary: 'List teams by name, with their members',
    query: access.TeamListQuery,
    response: access.TeamList,
  }),
  createTeam: route({
    method: 'POST',
    path: '/teams',
    permission: 'grants.manage',
    summary: 'Make a team',
    body: access.CreateTeamRequest,
    response: access.Team,
  }),
  deleteTeam: route({
    method: 'DELETE',
    path: '/teams/:ref',
    permission: 'grants.manage',
    summary: 'Delete a team with its grants; its members stay users',
    params: access.TeamRef,
  }),
  addTeamMember: route({
    method: 'PUT',
    path: '/teams/:ref/members/:user',
    permission: 'grants.manage',
    summary: 'Put a user into a team',
    params: access.TeamMemberRef,
    repeatable: true,
  }),
  removeTeamMember: route({
    method: 'DELETE',
    path: '/teams/:ref/members/:user',
    permission: 'grants.manage',
    summary: 'Take a user out of a team',
    params: access.TeamMemberRef,
    repeatable: true,
  }),
  listGrants: route({
    method: 'GET',
    path: '/grants',
    permission: 'grants.manage',
    summary: 'List grants, newest first',
    query: access.GrantListQuery,
    response: access.GrantList,
  }),
  createGrant: route({
    method: 'POST',
    path: '/grants',
    permission: 'grants.manage',
    summary:
      'Give a user or a team permissions on objects by a pattern; the same again is one grant',
    body: access.CreateGrantRequest,
    response: access.Grant,
    repeatable: true,
  }),
  deleteGrant: route({
    method: 'DELETE',
    path: '/grants/:id',
    permission: 'grants.manage',
    summary: 'Take a grant back; it ends at once, streams within seconds',
    params: access.GrantRef,
  }),
  listRoles: route({
    method: 'GET',
    path: '/roles',
    permission: 'signed-in',
    summary: 'What each role can ever do, and what the permissions mean',
    response: access.RoleList,
  }),
} as const;
