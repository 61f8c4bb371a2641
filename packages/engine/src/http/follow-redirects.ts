// Sends a request and follows redirects: each hop is checked, another origin gets no credentials.
import { RivetError, SecretText } from '@rivet/base';
import type { Deadline } from './deadline.ts';
import {
  type Exchange,
  type ExchangeOptions,
  type Hop,
  type OpenExchange,
  openExchange,
} from './exchange.ts';
import type { HttpRequest } from './http-request.ts';
import type { RateLimit } from './rate-limit.ts';
import { ACCEPTED_ENCODINGS } from './read-body.ts';
import { showRequest, showUrl } from './shown-request.ts';

/** An answer that is no redirect, and where it came from. */
export interface FinalExchange {
  readonly exchange: Exchange;
  readonly url: URL;
}

export interface FollowOptions extends Omit<ExchangeOptions, 'request'> {
  /** Every hop takes its turn. */
  readonly rates: readonly RateLimit[];
  /** Sends each hop; over the network when absent. */
  readonly open?: OpenExchange | undefined;
  /** Held while the request waits for its turn. */
  readonly deadline: Deadline;
  /** Headers of this try besides those of the request. */
  readonly extra: Readonly<Record<string, string>>;
}

/** A request on its way from hop to hop. */
interface Traveller {
  readonly method: string;
  readonly url: URL;
  readonly headers: ReadonlyMap<string, string | SecretText>;
  readonly body: HttpRequest['body'];
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const CREDENTIALS = new Set(['authorization', 'cookie']);

/** @throws like `openExchange`, and RIVET_HTTP_REDIRECT */
export async function followRedirects(
  request: HttpRequest,
  options: FollowOptions,
): Promise<FinalExchange> {
  let at: Traveller = request;
  const open = options.open ?? openExchange;
  for (let redirects = 0; ; redirects += 1) {
    const shown = showRequest(at.method, at.url, request.secretUrl);
    options.deadline.hold();
    for (const rate of options.rates) await rate.take(options.signal);
    options.deadline.goOn();
    options.signal.throwIfAborted();
    const exchange = await open(hopOf(at, options.extra), { ...options, request: shown });
    const location = exchange.headers.get('location');
    const isRedirect = REDIRECTS.has(exchange.status) && location !== undefined;
    if (!isRedirect || request.redirectsMax === 0) return { exchange, url: at.url };
    await exchange.close();
    if (redirects >= request.redirectsMax) {
      const reason = `more than ${request.redirectsMax} redirects; the last was from ${showFrom(request, at)}`;
      throw RivetError.of('RIVET_HTTP_REDIRECT', { request: request.shown, reason });
    }
    at = redirected(request, at, exchange.status, location);
  }
}

function hopOf(at: Traveller, extra: Readonly<Record<string, string>>): Hop {
  const headers: Record<string, string> = { 'accept-encoding': ACCEPTED_ENCODINGS, ...extra };
  for (const [name, value] of at.headers) {
    headers[name] = value instanceof SecretText ? value.reveal() : value;
  }
  return { method: at.method, url: at.url, headers, body: at.body?.bytes };
}

/** The request that a redirect leads to. */
function redirected(
  request: HttpRequest,
  from: Traveller,
  status: number,
  location: string,
): Traveller {
  const refuse = (reason: string): RivetError =>
    RivetError.of('RIVET_HTTP_REDIRECT', { request: request.shown, reason });
  const origin = showFrom(request, from);
  // Node gives headers as latin1; servers write what they mean in UTF-8.
  const target = Buffer.from(location, 'latin1').toString('utf8');
  if (!URL.canParse(target, from.url.href)) {
    throw refuse(`${origin} redirects to something that is no URL`);
  }
  const url = new URL(target, from.url);
  url.hash = '';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refuse(`${origin} redirects to a URL that begins with "${url.protocol}"`);
  }
  if (from.url.protocol === 'https:' && url.protocol === 'http:') {
    throw refuse(`${origin} redirects to http:, which everybody on the way can read`);
  }
  // As in a URL of the script; here a server could make them up.
  url.username = '';
  url.password = '';
  const asGet = status === 303 ? from.method !== 'HEAD' : status < 303 && from.method === 'POST';
  const body = asGet ? undefined : from.body;
  const sameOrigin = url.origin === from.url.origin;
  if (!sameOrigin && body?.secret === true) {
    throw refuse(`${origin} redirects to another origin, which would get the secret in the body`);
  }
  const headers = new Map(
    [...from.headers].filter(([name, value]) => {
      if (asGet && name.startsWith('content-')) return false;
      return sameOrigin || !(CREDENTIALS.has(name) || value instanceof SecretText);
    }),
  );
  return { method: asGet ? 'GET' : from.method, url, headers, body };
}

function showFrom({ secretUrl }: HttpRequest, { url }: Traveller): string {
  return secretUrl ? 'it' : showUrl(url);
}
