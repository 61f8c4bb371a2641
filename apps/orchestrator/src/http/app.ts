// The HTTP server: serves exactly the route table, refuses everything else with a problem document.
import type { IncomingMessage } from 'node:http';
import { type Logger, RivetError, uuidv7 } from '@rivet/base';
import {
  createValidator,
  PROTOCOL_HEADER,
  type Route,
  type RouteName,
  routePath,
  routes,
  type Validate,
} from '@rivet/protocol';
import type { RunnerIdentity } from '@rivet/store';
import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
} from 'fastify';
import { permissionOf, personOf } from '../access/guard.ts';
import type { Refusals } from '../audit/refusals.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import { anonymous, type Principal } from '../auth/principal.ts';
import type { Metrics } from '../metrics.ts';
import type { NetworkConfig } from '../network-config.ts';
import { checkProtocol } from '../runners/protocol-check.ts';
import { authorize, authorizeAgain, originOf } from './authorize.ts';
import { type BodyBudget, createBodyBudget } from './body-budget.ts';
import type { CertificateOptions } from './certificate.ts';
import { createClaimFront, putInFront } from './claim-front.ts';
import { type Call, type Handlers, LaterAnswer } from './handler.ts';
import { createHostCheck } from './host-check.ts';
import { sendProblemPage, servePages, wantsPage } from './pages/serve-pages.ts';
import { answerBrokenRequest, clientError, sendProblem } from './problem.ts';
import { addBodyParsers, bodyOf } from './request-body.ts';
import { addSecurityHeaders, answerHeaders, securityHeaders } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal;
  }
}

export interface AppOptions {
  readonly authenticator: Authenticator;
  /** The runner that has a token with this hash, when it is known without asking anybody. */
  readonly known: (hash: Buffer) => RunnerIdentity | undefined;
  readonly handlers: Handlers<RouteName>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly refusals: Refusals;
  readonly network: NetworkConfig;
  /** Absent: without TLS. */
  readonly certificate: CertificateOptions | undefined;
  /** Aborts when the server begins to stop. */
  readonly stopping: AbortSignal;
}

const MEGABYTE = 1024 * 1024;
const BODY_BYTES_MAX = MEGABYTE;
/** Of somebody who is not known. */
const PUBLIC_BODY_BYTES_MAX = 64 * 1024;
/** A bundle of 10 MB with every line feed and quote escaped. */
const BUNDLE_BODY_BYTES_MAX = 24 * MEGABYTE;
const REPORT_BODY_BYTES_MAX = 32 * MEGABYTE;

/** With these a runner begins: it is told whether we understand each other. */
const BEGINNING: ReadonlySet<RouteName> = new Set(['registerRunner', 'connectRunner']);

/** What comes out of jobs may hold any text. */
const REPORTING: ReadonlySet<RouteName> = new Set(['reportJob', 'reportJobs', 'claimJobs']);

const HEADERS_MS_MAX = 10_000;
const HANDSHAKE_MS_MAX = 10_000;
const REQUEST_MS_MAX = 60_000;
/** How often requests are held against their time; Node's own interval is half a minute. */
const CHECK_MS_MAX = 5000;

const bodyBytes: Partial<Record<RouteName, number>> = {
  createPipeline: BUNDLE_BODY_BYTES_MAX,
  checkPipeline: BUNDLE_BODY_BYTES_MAX,
  reportJob: REPORT_BODY_BYTES_MAX,
  reportJobs: REPORT_BODY_BYTES_MAX,
  claimJobs: REPORT_BODY_BYTES_MAX,
};

/** Makes the server; it does not listen yet. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { logger, metrics, refusals, stopping, network, certificate } = options;
  const { publicUrl, allowedHosts = [], trustedProxies = [] } = network;
  const checkHost = createHostCheck({ publicUrl, allowedHosts });
  const bodies = createBodyBudget();
  const { requestMsMax = REQUEST_MS_MAX } = network;
  const timeLimits = {
    headersTimeout: Math.min(HEADERS_MS_MAX, requestMsMax),
    connectionsCheckingInterval: Math.min(CHECK_MS_MAX, requestMsMax / 4),
  };
  const app = fastify({
    ...tlsOptions(certificate, timeLimits),
    // Nobody else says who the client is.
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    genReqId: () => uuidv7(),
    // Headers must come within 10 s and a whole request within 60 s, however slowly they are sent.
    requestTimeout: requestMsMax,
    http: timeLimits,
    keepAliveTimeout: 75_000,
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    // Validation is ours: it knows unknown names and says what was meant.
    schemaController: { compilersFactory: {} },
    // Told below, as a problem document.
    return503OnClosing: false,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => {
      // Refused before any hook.
      reply.headers(securityHeaders);
      sendProblem(reply, clientError(error, request, logger));
    },
  });
  addSecurityHeaders(app);
  addBodyParsers(app);
  app.setErrorHandler((error: Error, request, reply) => {
    const told = clientError(error, request, logger);
    refusals.note(request.principal, `${request.method} ${request.routeOptions.url}`, told);
    return sendProblem(reply, told);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = allowedMethods(request.raw);
    const path = request.url.split('?', 1)[0] ?? '';
    if (allowed.length === 0) {
      const error = RivetError.of('RIVET_REQUEST_PATH', { path });
      if (wantsPage(request)) return sendProblemPage(request, reply, error);
      return sendProblem(reply, error);
    }
    reply.header('allow', allowed.join(', '));
    const facts = { method: request.method, path, allowed: allowed.join(' or ') };
    return sendProblem(reply, RivetError.of('RIVET_REQUEST_METHOD', facts));
  });
  app.decorateRequest<Principal | null>('principal', null);
  // Not async, which every request would pay for; what it throws is told all the same.
  app.addHook('onRequest', (request, reply, done) => {
    request.principal = { ...anonymous, from: originOf(request) };
    const foreign = checkHost(request.raw);
    if (foreign === undefined && !stopping.aborted) return done();
    // Whoever asks again then asks another one.
    reply.header('connection', 'close');
    throw foreign ?? RivetError.of('RIVET_SERVER_STOPPING', {});
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request;
    const { statusCode: status, elapsedTime: ms } = reply;
    metrics.observeRequest({ route: routeOptions.url ?? 'unknown', method, status, ms });
    done();
  });
  for (const name of Object.keys(routes) as RouteName[]) {
    await register(app, name, options, bodies);
  }
  await servePages(app, options);
  const { body: validate } = await validatorsOf('claimJobs');
  // Behind a proxy only the framework knows who the client is.
  if (trustedProxies.length === 0 && validate !== undefined) {
    const { known, handlers } = options;
    const handle = handlers.claimJobs;
    const headers = answerHeaders(certificate !== undefined);
    const shared = { metrics, refusals, logger, stopping };
    putInFront(
      app.server,
      createClaimFront({ ...shared, known, handle, validate, checkHost, headers }),
    );
  }
  return app;
}

/** Fastify types a server of TLS as another one, with which nothing here differs. */
function tlsOptions(
  certificate: CertificateOptions | undefined,
  timeLimits: object,
): FastifyServerOptions {
  if (certificate === undefined) return {};
  const https = { ...certificate, ...timeLimits, handshakeTimeout: HANDSHAKE_MS_MAX };
  return { https } as FastifyServerOptions;
}

/** What the parts of a request to a route are held against. */
async function validatorsOf(
  name: RouteName,
): Promise<Partial<Record<'params' | 'query' | 'body' | 'packed', Validate>>> {
  const route: Route = routes[name];
  const anyText = REPORTING.has(name);
  return {
    ...(route.params && { params: await createValidator(route.params, 'path', { anyText }) }),
    ...(route.query && { query: await createValidator(route.query, 'query', { anyText }) }),
    ...(route.body && { body: await createValidator(route.body, 'body', { anyText }) }),
    ...(route.packed && { packed: await createValidator(route.packed, 'body', { anyText }) }),
  };
}

async function register<Name extends RouteName>(
  app: FastifyInstance,
  name: Name,
  { handlers, authenticator }: AppOptions,
  bodies: BodyBudget,
): Promise<void> {
  const route: Route = routes[name];
  const validators = await validatorsOf(name);
  const permission = permissionOf(name);
  const handle = handlers[name] as (call: Call<Name>) => Promise<unknown>;
  app.route({
    method: route.method,
    url: routePath(route),
    bodyLimit:
      permission === 'public' ? PUBLIC_BODY_BYTES_MAX : (bodyBytes[name] ?? BODY_BYTES_MAX),
    // Before the body is read: who may not call it gives us nothing to hold.
    onRequest: async (request, reply) => {
      await authorize(authenticator, permission, request);
      if (route.body !== undefined) bodies.reserve(request, reply);
    },
    // Gives no promise: what waits for one would be kept until the answer.
    handler: (request, reply) => {
      void serve(request, reply);
    },
  });

  async function serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      await authorizeAgain(authenticator, permission, request, reply);
      if (BEGINNING.has(name)) checkProtocol(request.headers[PROTOCOL_HEADER]);
      const parts = {
        params: validators.params?.(request.params),
        query: validators.query?.(request.query),
        body: bodyOf(request, validators),
      };
      // Many wait for long: each keeps no more than it needs.
      request.body = undefined;
      const { principal } = request;
      const caller = { principal, person: () => personOf(principal) };
      const answer = await handle({ ...parts, ...caller, request, reply } as Call<Name>);
      if (route.stream !== undefined) return;
      if (answer instanceof LaterAnswer) answer.whenReady((late) => void sendLate(reply, late));
      else sendAnswer(reply, answer);
    } catch (error) {
      sendError(reply, error);
    }
  }
}

async function sendLate(reply: FastifyReply, answer: Promise<unknown>): Promise<void> {
  try {
    sendAnswer(reply, await answer);
  } catch (error) {
    sendError(reply, error);
  }
}

function sendAnswer(reply: FastifyReply, answer: unknown): void {
  if (answer === undefined) reply.status(204).send();
  else {
    const text = JSON.stringify(answer);
    reply.header('content-type', 'application/json; charset=utf-8').send(text);
  }
}

/** An error after the answer has begun has nobody left to be told. */
function sendError(reply: FastifyReply, error: unknown): void {
  if (!reply.sent) reply.send(error);
}

/** The methods that the table has for a path. */
function allowedMethods(request: IncomingMessage): string[] {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  return Object.values<Route>(routes)
    .filter((route) => {
      const pattern = routePath(route).replaceAll(/:\w+/g, '[^/]+').replaceAll('.', '\\.');
      return new RegExp(`^${pattern}$`).test(path);
    })
    .map((route) => route.method);
}
