// Routes of the sessions of browsers.
import { LoginRequest } from '../api/auth.ts';
import * as browser from '../api/browser.ts';
import { route } from './route.ts';

export const browserRoutes = {
  signInBrowser: route({
    method: 'POST',
    path: '/auth/browser',
    permission: 'public',
    summary: 'Sign in with a name and a password, for a session in a cookie of this browser',
    body: LoginRequest,
    response: browser.BrowserSignInResponse,
  }),
  signOutBrowser: route({
    method: 'DELETE',
    path: '/auth/browser',
    permission: 'public',
    summary: 'End the session of this browser and take its cookie away',
    repeatable: true,
  }),
} as const;
