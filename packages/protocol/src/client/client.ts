// The client of the HTTP API: one method for each entry of the route table, typed from it.
import { RivetError } from '@rivet/base';
import type { Static, TSchema } from 'typebox';
import type { ReportRequest } from '../api/runners.ts';
import { PACKED_REPORT_TYPE, packReport } from '../packed-report.ts';
import { PROTOCOL_HEADER } from '../protocol-version.ts';
import type { Route } from '../routes/route.ts';
import { type RouteName, routePath, routes } from '../routes.ts';
import { followEvents } from './event-stream.ts';
import { type Answer, type Fetch, type FetchInit, globalFetch } from './fetch.ts';
import { originOf, type Request, send } from './send.ts';

export interface ClientOptions {
  /** Address of the server, `http://127.0.0.1:7450`; a path in it is kept as a prefix. */
  readonly url: string;
  readonly fetch?: Fetch;
  /** Program and version, shown in the server's log. */
  readonly userAgent?: string;
  readonly token?: string;
  /** Of a runner: the version of the protocol that it speaks. */
  readonly protocol?: number;
  /** Tries of a call that may be repeated, 3 when absent. 1: never repeat. */
  readonly triesMax?: number;
}

/** What every method takes besides the parameters of its route. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Until the answer begins, in milliseconds; 30,000 when absent. A body's `wait_ms` is added. */
  readonly timeoutMs?: number;
  /** On a launch: the same key with the same body gives the same job. Makes the call repeatable. */
  readonly idempotencyKey?: string;
  /** On an event stream: go on after this event. */
  readonly lastEventId?: string;
}

/** An event of a stream: `switch (event.event)` narrows `data`. */
export type ServerEvent<Events extends Readonly<Record<string, TSchema>>> = {
  [Name in keyof Events & string]: {
    readonly event: Name;
    readonly id: string | undefined;
    readonly data: Static<Events[Name]>;
  };
}[keyof Events & string];

// biome-ignore lint/complexity/noBannedTypes: the empty intersection, which adds no parameter
type Nothing = {};
type ParamsOf<R> = R extends { params: infer S extends TSchema } ? Static<S> : Nothing;
type QueryOf<R> = R extends { query: infer S extends TSchema } ? { query?: Static<S> } : Nothing;
type BodyOf<R> = R extends { body: infer S extends TSchema } ? { body: Static<S> } : Nothing;
type Arguments<R> = ParamsOf<R> & QueryOf<R> & BodyOf<R> & CallOptions;

type ResultOf<R> = R extends { events: infer E extends Readonly<Record<string, TSchema>> }
  ? AsyncIterable<ServerEvent<E>>
  : R extends { stream: 'text' }
    ? AsyncIterable<string>
    : R extends { response: infer S extends TSchema }
      ? Promise<Static<S>>
      : Promise<void>;

type Method<R> =
  Nothing extends Arguments<R>
    ? (args?: Arguments<R>) => ResultOf<R>
    : (args: Arguments<R>) => ResultOf<R>;

/**
 * One method a route, named like it: `client.getJob({ id })`, `client.launchPipeline({ ref, body,
 * idempotencyKey })`,
 * `for await (const event of client.streamJobLogs({ id }))`. Path parameters stand beside `query`
 * and `body`.
 * A refused call rejects with the RivetError of the server, an unanswered one with
 * RIVET_SERVER_UNREACHABLE.
 */
export type Client = { readonly [Name in RouteName]: Method<(typeof routes)[Name]> };

type AnyArguments = CallOptions & { query?: object; body?: object } & Record<string, unknown>;

/**
 * Makes a client; nothing is sent yet.
 * @throws RIVET_SERVER_URL_INVALID
 */
export function createClient(options: ClientOptions): Client {
  const base = parseBase(options.url);
  const methods = Object.entries<Route>(routes).map(([name, route]) => [
    name,
    (args: AnyArguments = {}) => call(route, args, base, options),
  ]);
  return Object.fromEntries(methods) as Client;
}

function call(route: Route, args: AnyArguments, base: string, options: ClientOptions): unknown {
  const url = base + fillPath(routePath(route), args) + queryString(args.query);
  const fetch = options.fetch ?? globalFetch;
  const request = makeRequest(route, args, url, options);
  if (route.stream === 'sse') {
    return followEvents({
      url,
      connect: (id) => send(withLastEventId(request, id), fetch),
      lastEventId: args.lastEventId,
      signal: args.signal,
      idleMs: 45_000,
      giveUpMs: 120_000,
    });
  }
  if (route.stream === 'text') return readText(request, fetch);
  return send(request, fetch).then((response) => readJson(route, response));
}

function makeRequest(
  route: Route,
  args: AnyArguments,
  url: string,
  options: ClientOptions,
): Request {
  const headers: Record<string, string> = {
    accept: route.stream === 'sse' ? 'text/event-stream' : 'application/json, text/plain',
    'user-agent': options.userAgent ?? 'rivet',
  };
  if (options.token !== undefined) headers.authorization = `Bearer ${options.token}`;
  if (options.protocol !== undefined) headers[PROTOCOL_HEADER] = String(options.protocol);
  if (args.idempotencyKey !== undefined) headers['idempotency-key'] = args.idempotencyKey;
  const content = contentOf(route, args.body);
  if (content !== undefined) headers['content-type'] = content.type;
  const waitMs = (args.body as { wait_ms?: unknown } | undefined)?.wait_ms;
  return {
    method: route.method,
    url,
    headers,
    body: content?.body,
    timeoutMs: (args.timeoutMs ?? 30_000) + (typeof waitMs === 'number' ? waitMs : 0),
    signal: args.signal,
    repeatable:
      route.method === 'GET' || route.repeatable === true || args.idempotencyKey !== undefined,
    triesMax: options.triesMax ?? 3,
  };
}

/** What is sent of a body, and as what. */
function contentOf(
  route: Route,
  body: object | undefined,
): { readonly type: string; readonly body: FetchInit['body'] } | undefined {
  if (route.body === undefined) return undefined;
  if (route.packed !== undefined && hasBlocks(body as ReportRequest)) {
    return { type: PACKED_REPORT_TYPE, body: packReport(body as ReportRequest) };
  }
  return { type: 'application/json', body: JSON.stringify(body ?? {}) };
}

function hasBlocks({ log_blocks: blocks = [] }: ReportRequest): boolean {
  return blocks.length > 0;
}

function withLastEventId(request: Request, id: string | undefined): Request {
  if (id === undefined) return request;
  return { ...request, headers: { ...request.headers, 'last-event-id': id } };
}

async function readJson(route: Route, response: Answer): Promise<unknown> {
  if (route.response === undefined) {
    await response.body?.cancel();
    return undefined;
  }
  const type = response.headers.get('content-type') ?? 'no content type';
  try {
    if (type.includes('json')) return await response.json();
  } catch (error) {
    // What cannot be read as JSON is quoted by the error, and may be part of a secret.
    const cause = error instanceof SyntaxError ? undefined : error;
    throw answerInvalid(response, 'JSON that is cut off or malformed', cause);
  }
  await response.body?.cancel();
  throw answerInvalid(response, `${response.status} with ${type}`);
}

async function* readText(request: Request, fetch: Fetch): AsyncGenerator<string> {
  const response = await send(request, fetch);
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) yield decoder.decode(bytes, { stream: true });
}

function answerInvalid(response: Answer, found: string, cause?: unknown): RivetError {
  return RivetError.of(
    'RIVET_SERVER_ANSWER_INVALID',
    { url: originOf(response.url), found },
    cause,
  );
}

function parseBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw RivetError.of('RIVET_SERVER_URL_INVALID', { found: JSON.stringify(text) });
  }
  return url.href.replace(/\/+$/, '');
}

function fillPath(path: string, args: Readonly<Record<string, unknown>>): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => encodeSegment(String(args[name])));
}

/**
 * `.` and `..` would be taken as steps of the path, encoded or not: they become a name nothing has.
 */
function encodeSegment(text: string): string {
  return /^\.{1,2}$/.test(text) ? text.replaceAll('.', '%252E') : encodeURIComponent(text);
}

function queryString(query: object | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(
    pairs.map(([key, value]): [string, string] => [key, String(value)]),
  ).toString();
  return text === '' ? '' : `?${text}`;
}
