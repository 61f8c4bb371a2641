// Signing in and out on pages: forms, so that both work without any script.
import type { RouteName } from '@rivet/protocol';
import { type SignIn, signInPage } from '@rivet/web';
import type { FastifyRequest } from 'fastify';
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
        const problem = notKept(call.request);
        return signInPage({
          next: ownPath(next),
          elsewhere: await elsewhere(call),
          ...(problem !== undefined && { problem }),
        });
      },
    }),
    page({
      method: 'POST',
      path: '/login',
      like: 'signInBrowser',
      handle: async (call) => {
        await handlers.signInBrowser(call);
        call.reply.status(303).header('location', nextOf(call)).send('');
        return undefined;
      },
      refuse: async (call, error) => {
        if (!SAID_IN_THE_FORM.has(error.code)) return undefined;
        const { name, new_password } = call.body;
        const { detail, solve = '' } = toProblem(error);
        return signInPage({
          next: nextOf(call),
          elsewhere: await elsewhere(call),
          name,
          problem: { detail, solve },
          temporary: new_password !== undefined || error.code === TEMPORARY,
        });
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

function nextOf({ request }: Call<'signInBrowser'>): string {
  return ownPath((request.body as Record<string, unknown>).next);
}

/**
 * Why the browser would not keep a session. It tells where requests come from only where it would:
 * over TLS, whoever ends it, and on the machine itself.
 */
function notKept({ protocol, hostname, headers }: FastifyRequest): SignIn['problem'] {
  const local = /^(localhost|127\..*|\[::1\])$/.test(hostname);
  if (protocol === 'https' || local || headers['sec-fetch-site'] !== undefined) return undefined;
  return {
    detail: 'this page comes over plain HTTP, so the browser will not keep you signed in',
    solve: 'Use the address of Rivet that begins with https. Whoever runs Rivet can give it one.',
  };
}

/**
 * A path of this site to go to: anything else that a link brought along leads to the first page.
 * Browsers read two slashes, or one and a backslash, as another host.
 */
export function ownPath(next: unknown): string {
  const plain = typeof next === 'string' && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(next);
  return plain && !next.startsWith('/login') ? next : '/';
}
