// The pages: served beside the API, by its own handlers, with the rights that those ask for.

import { isRivetError, type Logger, type RivetError } from '@rivet/base';
import { createValidator, type Route, type RouteName, routes } from '@rivet/protocol';
import { assets, problemPage } from '@rivet/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { permissionOf, personOf } from '../../access/guard.ts';
import type { Refusals } from '../../audit/refusals.ts';
import type { Authenticator } from '../../auth/authenticate.ts';
import { authorize } from '../authorize.ts';
import type { Call, Handlers } from '../handler.ts';
import { clientError, toProblem } from '../problem.ts';
import { PAGE_CONTENT_POLICY } from '../security-headers.ts';
import { jobPages } from './job-pages.ts';
import type { PageRoute } from './page-route.ts';
import { sessionPages } from './session-pages.ts';

export interface PageOptions {
  readonly authenticator: Authenticator;
  readonly handlers: Handlers<RouteName>;
  readonly logger: Logger;
  readonly refusals: Refusals;
}

/** A year: a file's name has a hash of its content. */
const KEEP = 'public, max-age=31536000, immutable';
/** A name, a password and where to go: more is nobody's form. */
const FORM_BYTES_MAX = 16 * 1024;

/** Every page there is. */
export function pageRoutes(handlers: Handlers<RouteName>): PageRoute[] {
  return [...sessionPages(handlers), ...jobPages(handlers)];
}

/** Serves the pages and the files that they load. */
export async function servePages(app: FastifyInstance, options: PageOptions): Promise<void> {
  // A scope of its own: forms are taken by pages only, never by the API.
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: FORM_BYTES_MAX },
      async (_: FastifyRequest, body: string) => Object.fromEntries(new URLSearchParams(body)),
    );
    for (const page of pageRoutes(options.handlers)) await servePage(scope, page, options);
    for (const { path, contentType, body } of assets.values()) {
      scope.get(path, async (_, reply) =>
        reply.header('content-type', contentType).header('cache-control', KEEP).send(body),
      );
    }
  });
}

async function servePage(
  scope: FastifyInstance,
  page: PageRoute,
  { authenticator, logger, refusals }: PageOptions,
): Promise<void> {
  const { params, query, body }: Route = routes[page.like];
  const permission = permissionOf(page.like);
  const checkParams = params && (await createValidator(params, 'path', { anyText: false }));
  const checkQuery = query && (await createValidator(query, 'query', { anyText: false }));
  const checkBody =
    page.method === 'POST' && body && (await createValidator(body, 'body', { anyText: false }));
  scope.route({
    method: page.method,
    url: page.path,
    onRequest: async (request, reply) => {
      reply.header('content-security-policy', PAGE_CONTENT_POLICY);
      await authorize(authenticator, permission, request);
    },
    handler: async (request, reply) => {
      const { principal } = request;
      const parts = {
        params: checkParams?.(request.params),
        query: checkQuery?.(request.query) ?? request.query,
        body: checkBody ? checkBody(fieldsOf(request.body)) : undefined,
      };
      const caller = { principal, person: () => personOf(principal), request, reply };
      const call = { ...parts, ...caller } as Call<RouteName>;
      const markup = await page.handle(call).catch(async (error: unknown) => {
        const shown = isRivetError(error) ? await page.refuse?.(call, error) : undefined;
        if (!isRivetError(error) || shown === undefined) throw error;
        refusals.note(principal, `${request.method} ${page.path}`, error);
        reply.status(error.entry.status);
        return shown;
      });
      return markup === undefined ? reply : sendMarkup(reply, markup);
    },
    errorHandler: (error, request, reply) => {
      const known = clientError(error, request, logger);
      refusals.note(request.principal, `${request.method} ${request.routeOptions.url}`, known);
      const lost = known.code === 'RIVET_AUTH_REQUIRED' || known.code === 'RIVET_AUTH_INVALID';
      if (lost) return toSignIn(request, reply);
      return sendProblemPage(request, reply, known);
    },
  });
}

/** What a form says besides where to go after it. */
function fieldsOf(form: unknown): Record<string, unknown> {
  const { next: _, ...fields } = (form ?? {}) as Record<string, unknown>;
  return fields;
}

/** Whether somebody looks at a browser; programs are answered with problem documents. */
export function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' || url.startsWith('/api/')) return false;
  return (headers.accept ?? '').startsWith('text/html');
}

/** Answers with the page of a problem. */
export function sendProblemPage(
  { principal }: FastifyRequest,
  reply: FastifyReply,
  error: RivetError,
): FastifyReply {
  const problem = toProblem(error);
  const user = principal.kind === 'person' ? principal.name : undefined;
  reply.header('content-security-policy', PAGE_CONTENT_POLICY).status(problem.status);
  return sendMarkup(reply, problemPage(problem, user));
}

/** Sends whoever is not signed in to where one signs in, and back after that. */
function toSignIn(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // A piece of a page that is open: the whole page goes.
  if (request.headers['hx-request'] !== undefined) {
    return reply.status(401).header('hx-redirect', '/login').send('');
  }
  const next = request.method === 'GET' ? request.url : '/';
  return reply
    .status(303)
    .header('location', `/login?next=${encodeURIComponent(next)}`)
    .send('');
}

function sendMarkup(reply: FastifyReply, markup: string): FastifyReply {
  return reply.header('content-type', 'text/html; charset=utf-8').send(markup);
}
