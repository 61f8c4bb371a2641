// Routes of users.
import * as users from '../api/users.ts';
import { route } from './route.ts';

export const userRoutes = {
  listUsers: route({
    method: 'GET',
    path: '/users',
    permission: 'users.manage',
    summary: 'List users by name',
    query: users.UserListQuery,
    response: users.UserList,
  }),
  createUser: route({
    method: 'POST',
    path: '/users',
    permission: 'users.manage',
    summary: 'Make a user with a temporary password, which is shown this once',
    body: users.CreateUserRequest,
    response: users.NewUser,
  }),
  getUser: route({
    method: 'GET',
    path: '/users/:ref',
    permission: 'users.manage',
    summary: 'Show a user',
    params: users.UserRef,
    response: users.User,
  }),
  changeUser: route({
    method: 'PUT',
    path: '/users/:ref',
    permission: 'users.manage',
    summary: 'Give a user another role, or lock them out or in; the last administrator stays',
    params: users.UserRef,
    body: users.ChangeUserRequest,
    response: users.User,
    repeatable: true,
  }),
  deleteUser: route({
    method: 'DELETE',
    path: '/users/:ref',
    permission: 'users.manage',
    summary: 'Delete a user with their sessions, API keys and grants',
    params: users.UserRef,
  }),
  resetUserPassword: route({
    method: 'POST',
    path: '/users/:ref/password',
    permission: 'users.manage',
    summary: 'Give a user a temporary password, shown this once; their sessions end',
    params: users.UserRef,
    response: users.TemporaryPassword,
  }),
  logOutUser: route({
    method: 'POST',
    path: '/users/:ref/logout',
    permission: 'users.manage',
    summary: 'End all sessions of a user at once; API keys stay',
    params: users.UserRef,
    repeatable: true,
  }),
} as const;
