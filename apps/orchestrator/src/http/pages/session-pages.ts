// Signing in and out on pages: forms, so that both work without any script.
import { isRivetError } from '@rivet/base';
import { signInPage } from '@rivet/web';
import type { Handlers } from '../handler.ts';
import { toProblem } from '../problem.ts';
import { type PageRoute, page } from './page-route.ts';

export function sessionPages(handlers: Handlers<'signInBrowser' | 'signOutBrowser'>): PageRoute[] {
  return [
    page({
      method: 'GET',
      path: '/login',
      like: 'signInBrowser',
      handle: async ({ request }) => {
        const { next } = request.query as Record<string, unknown>;
        return signInPage({ next: ownPath(next) });
      },
    }),
    page({
      method: 'POST',
      path: '/login',
      like: 'signInBrowser',
      handle: async (call) => {
        const form = (call.request.body ?? {}) as Record<string, string>;
        const { name = '', password = '', next } = form;
        try {
          await handlers.signInBrowser({ ...call, body: { name, password } });
        } catch (error) {
          if (!isRivetError(error) || error.fault !== 'user') throw error;
          const { status, detail, solve = '' } = toProblem(error);
          call.reply.status(status);
          return signInPage({ next: ownPath(next), name, problem: { detail, solve } });
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
