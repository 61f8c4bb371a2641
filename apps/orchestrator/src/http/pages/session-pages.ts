// Signing in and out on pages: forms, so that both work without any script.
import { isRivetError } from '@rivet/base';
import type { RouteName } from '@rivet/protocol';
import { signInPage } from '@rivet/web';
import type { Call, Handlers } from '../handler.ts';
import { toProblem } from '../problem.ts';
import { type PageRoute, page } from './page-route.ts';

const TEMPORARY = 'RIVET_AUTH_PASSWORD_TEMPORARY';

/** What whoever signs in can do something about in the same form. */
const SAID_IN_THE_FORM: ReadonlySet<string> = new Set([
  TEMPORARY,
  'RIVET_AUTH_LOGIN_FAILED',
  'RIVET_AUTH_PASSWORD_SIZE',
  'RIVET_AUTH_PASSWORD_WEAK',
  'RIVET_AUTH_THROTTLED',
  'RIVET_AUTH_BUSY',
]);

export function sessionPages(
  handlers: Handlers<'getSignInOptions' | 'signInBrowser' | 'signOutBrowser'>,
): PageRoute[] {
  const elsewhere = async (call: Call<RouteName>): Promise<string | null> =>
    (await handlers.getSignInOptions(call as Call<'getSignInOptions'>)).oidc?.name ?? null;
  return [
    page({
      method: 'GET',
      path: '/login',
      like: 'getSignInOptions',
      handle: async (call) => {
        const { next } = call.request.query as Record<string, unknown>;
        return signInPage({ next: ownPath(next), elsewhere: await elsewhere(call) });
      },
    }),
    page({
      method: 'POST',
      path: '/login',
      like: 'signInBrowser',
      handle: async (call) => {
        const { name, new_password } = call.body;
        const { next } = call.request.body as Record<string, unknown>;
        try {
          await handlers.signInBrowser(call);
        } catch (error) {
          if (!isRivetError(error) || !SAID_IN_THE_FORM.has(error.code)) throw error;
          const { status, detail, solve = '' } = toProblem(error);
          call.reply.status(status);
          return signInPage({
            next: ownPath(next),
            elsewhere: await elsewhere(call),
            name,
            problem: { detail, solve },
            temporary: new_password !== undefined || error.code === TEMPORARY,
          });
        }
        call.reply.status(303).header('location', ownPath(next)).send('');
        return undefined;
      },
    }),
    page({
      method: 'POST',
      path: '/logout',
      like: 'signOutBrowser',
      handle: async (call) => {
        await handlers.signOutBrowser(call);
        call.reply.status(303).header('location', '/login').send('');
        return undefined;
      },
    }),
  ];
}

/**
 * A path of this site to go to: anything else that a link brought along leads to the first page.
 * Browsers read two slashes, or one and a backslash, as another host.
 */
export function ownPath(next: unknown): string {
  const plain = typeof next === 'string' && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(next);
  return plain && !next.startsWith('/login') ? next : '/';
}
