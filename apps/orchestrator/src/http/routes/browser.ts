// Routes of the sessions that a browser holds in a cookie: begin and end.
import { BROWSER_SESSION_SECONDS, endSession, findBrowserSessionHolder } from '@rivet/store';
import { sessionPerson } from '../../auth/authenticate.ts';
import { checkCredentials } from '../../auth/sign-in.ts';
import type { Services } from '../../services.ts';
import { originOf } from '../authorize.ts';
import {
  clearBrowserCookie,
  makeBrowserToken,
  readBrowserCookie,
  setBrowserCookie,
} from '../browser-cookie.ts';
import type { Handlers } from '../handler.ts';
import { requireNoForeignPage } from '../same-origin.ts';
import { clientOf, personOf, userObject } from './auth.ts';

type Names = 'signInBrowser' | 'signOutBrowser';

export function browserRoutes({ database, audit, auth }: Services): Handlers<Names> {
  return {
    signInBrowser: async ({ body, request, reply }) => {
      requireNoForeignPage(request);
      const { name, password, new_password: newPassword } = body;
      const user = await checkCredentials(auth, { name, password, newPassword }, originOf(request));
      // Always a new token: one that somebody else put into this browser before is worth nothing.
      const cookie = makeBrowserToken();
      const before = readBrowserCookie(request);
      await database.transaction(
        async (tx) => {
          const session = await auth.sessions.beginBrowser(
            tx,
            user,
            cookie.hash,
            clientOf(request),
          );
          const person = personOf(user, session, request, true);
          await audit.record(tx, person, { action: 'auth.login', object: userObject(user) });
          const replaced = before instanceof Buffer && (await findBrowserSessionHolder(tx, before));
          if (!replaced) return;
          const { session_id: id, user_id: userId } = replaced;
          await endSession(tx, { id, userId, reason: 'logout' });
        },
        { repeatable: false },
      );
      setBrowserCookie(reply, cookie.value, BROWSER_SESSION_SECONDS);
      return { name: user.name, expires_in: BROWSER_SESSION_SECONDS };
    },
    signOutBrowser: async ({ request, reply }) => {
      requireNoForeignPage(request);
      const cookie = readBrowserCookie(request);
      await database.transaction(
        async (tx) => {
          const holder =
            cookie instanceof Buffer ? await findBrowserSessionHolder(tx, cookie) : undefined;
          if (holder === undefined) return;
          const { session_id: id, user_id: userId, name } = holder;
          await endSession(tx, { id, userId, reason: 'logout' });
          const object = { kind: 'user', id: userId, name };
          const person = { ...sessionPerson(holder), from: originOf(request) };
          await audit.record(tx, person, { action: 'auth.logout', object });
        },
        { repeatable: true },
      );
      clearBrowserCookie(reply);
      return undefined;
    },
  };
}
