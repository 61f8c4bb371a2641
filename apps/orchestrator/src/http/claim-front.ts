// Answers claims of runners that are known in front of the framework: no request comes as often, or
// waits as long. Whatever is not the plain case is left to the framework, before it was touched.
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  Server,
  ServerResponse,
} from 'node:http';
import { type Logger, RivetError, uuidv7 } from '@rivet/base';
import { type ClaimResponse, routePath, routes, type Validate } from '@rivet/protocol';
import type { RunnerIdentity } from '@rivet/store';
import { guard, permissionOf, personOf } from '../access/guard.ts';
import type { Refusals } from '../audit/refusals.ts';
import type { Principal } from '../auth/principal.ts';
import { hashToken, kindOfToken } from '../auth/token.ts';
import type { Metrics } from '../metrics.ts';
import { type Asked, type Handlers, LaterAnswer, type WaitingCall } from './handler.ts';
import type { HostCheck } from './host-check.ts';
import { parseJsonBody } from './json-body.ts';
import { clientError, problemAnswer } from './problem.ts';

export interface ClaimFrontOptions {
  /** The runner with such a token, when it is known without asking anybody. */
  readonly known: (hash: Buffer) => RunnerIdentity | undefined;
  readonly handle: Handlers<'claimJobs'>['claimJobs'];
  readonly validate: Validate;
  readonly checkHost: HostCheck;
  /** Of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metrics: Metrics;
  readonly refusals: Refusals;
  readonly logger: Logger;
  /** Aborts when the server begins to stop. */
  readonly stopping: AbortSignal;
}

/** Takes a request, or says that it does not. */
type ClaimFront = (request: IncomingMessage, response: ServerResponse) => boolean;

const PATH = routePath(routes.claimJobs);
const { method: METHOD } = routes.claimJobs;
/** No larger than what the framework would hold for anybody without counting. */
const BODY_BYTES_MAX = 64 * 1024;
const AUTHORIZATION = 'Bearer ';

export function createClaimFront(options: ClaimFrontOptions): ClaimFront {
  const { known, checkHost, stopping } = options;
  const permission = permissionOf('claimJobs');
  return (request, response) => {
    const { url, method, headers } = request;
    if (url !== PATH || method !== METHOD || !isPlain(headers) || stopping.aborted) return false;
    const token = headers.authorization?.slice(AUTHORIZATION.length) ?? '';
    if (!headers.authorization?.startsWith(AUTHORIZATION)) return false;
    if (kindOfToken(token) !== 'runner' || checkHost(request) !== undefined) return false;
    const runner = known(hashToken(token));
    if (runner === undefined) return false;
    const requestId = uuidv7();
    const from = { address: request.socket.remoteAddress ?? '', requestId };
    const principal = { kind: 'runner', runnerId: runner.id, name: runner.name, from } as const;
    guard(permission, principal);
    take(options, principal, request, response);
    return true;
  };
}

/** Has the server ask `front` first. */
export function putInFront(server: Server, front: ClaimFront): void {
  const [framework, ...others] = server.listeners('request') as RequestListener[];
  if (framework === undefined || others.length > 0) {
    const reason = `the server has ${others.length + 1} listeners for requests; expected one`;
    throw RivetError.of('RIVET_INTERNAL', { reason });
  }
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!front(request, response)) framework(request, response);
  });
}

/** Whether its body is small and what it says it is. */
function isPlain(headers: IncomingHttpHeaders): boolean {
  const bytes = Number(headers['content-length'] ?? 0);
  return (
    headers['content-type'] === 'application/json' &&
    bytes > 0 &&
    bytes <= BODY_BYTES_MAX &&
    headers['transfer-encoding'] === undefined &&
    headers.expect === undefined
  );
}

/** Reads the body, and answers. A client that goes away meanwhile is answered nothing. */
function take(
  options: ClaimFrontOptions,
  principal: Principal & { from: { requestId: string } },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const startMs = performance.now();
  const answer = (
    status: number,
    headers: Readonly<Record<string, string>>,
    text: string,
  ): void => {
    // Nobody is left to be told.
    if (response.headersSent || response.destroyed) return;
    response.writeHead(status, {
      ...options.headers,
      ...headers,
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
    const ms = performance.now() - startMs;
    options.metrics.observeRequest({ route: PATH, method: METHOD, status, ms });
  };
  const { headers } = request;
  const asked: Asked = {
    ...{ id: principal.from.requestId, method: METHOD, url: PATH, headers },
    routeOptions: { bodyLimit: BODY_BYTES_MAX },
  };
  const refuse = (thrown: unknown): void => {
    const error = clientError(thrown as Error, asked, options.logger);
    options.refusals.note(principal, `${METHOD} ${PATH}`, error);
    const problem = problemAnswer(error);
    answer(problem.status, problem.headers, problem.text);
  };
  const send = (jobs: ClaimResponse): void =>
    answer(200, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(jobs));
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const [first] = chunks;
    const bytes = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
    // Many wait for long: each keeps no more than it needs.
    chunks.length = 0;
    serve(options, principal, { asked, response, bytes }).then((answered) => {
      if (answered instanceof LaterAnswer) {
        answered.whenReady((late) => void late.then(send, refuse));
      } else send(answered);
    }, refuse);
  });
}

async function serve(
  { validate, handle }: ClaimFrontOptions,
  principal: Principal,
  { asked, response, bytes }: { asked: Asked; response: ServerResponse; bytes: Uint8Array },
): Promise<ClaimResponse | LaterAnswer<ClaimResponse>> {
  const body = validate(parseJsonBody(bytes)) as WaitingCall<'claimJobs'>['body'];
  const asking = { request: asked, reply: { raw: response } };
  const nothing = { params: undefined, query: undefined };
  return handle({ ...nothing, ...asking, body, principal, person: () => personOf(principal) });
}
