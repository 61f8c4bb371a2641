// A `fetch` over node:http, for programs that wait for days: the global one keeps 20 MB for itself.
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plainRequest,
} from 'node:http';
import { Readable } from 'node:stream';
import type { Answer, Fetch, FetchInit } from './fetch.ts';

/** What keeps connections open between requests, for one of the two protocols. */
interface Transport {
  readonly request: typeof plainRequest;
  readonly agent: PlainAgent;
}

/**
 * Makes a `fetch` that takes what this package's client sends: text, bytes, plain headers, no
 * redirects. It keeps connections open, as long as the server lets it.
 * @param ca trusted instead of the usual authorities, and then only https is: one or more
 *   certificates
 */
export function createHttpFetch(ca?: string): Fetch {
  // Only where it is needed: Node's TLS takes 3 to 5 MB once it is loaded.
  let opened: Transport | undefined;
  const tls = (): Transport => {
    opened ??= tlsTransport(ca);
    return opened;
  };
  const plain: Transport = { request: plainRequest, agent: new PlainAgent({ keepAlive: true }) };
  return async (input, init) => {
    const url = new URL(input);
    const secure = url.protocol === 'https:';
    if (!secure && ca !== undefined) {
      throw new TypeError(`${url.origin} is not https, and only https can be held to an authority`);
    }
    init.signal.throwIfAborted();
    return toAnswer(url, await send(url, secure ? tls() : plain, init), init.signal);
  };
}

function tlsTransport(ca: string | undefined): Transport {
  const https = process.getBuiltinModule('node:https');
  return {
    request: https.request,
    agent: new https.Agent({
      keepAlive: true,
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
    }),
  };
}

function send(
  url: URL,
  { request: start, agent }: Transport,
  { method, headers, body, signal }: FetchInit,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const pieces = typeof body === 'string' ? [Buffer.from(body)] : body;
    const bytes = pieces?.reduce((sum, { length }) => sum + length, 0);
    const length = bytes === undefined ? {} : { 'content-length': String(bytes) };
    const request = start(url, {
      agent,
      method,
      headers: { ...headers, ...length },
      signal,
    });
    request.once('response', resolve);
    // Also when it breaks after the answer has begun: then the body says so.
    request.on('error', reject);
    // They leave together: what is written before there is a connection waits for it.
    for (const piece of pieces ?? []) request.write(piece);
    request.end();
  });
}

function toAnswer(url: URL, message: IncomingMessage, signal: AbortSignal): Answer {
  const status = message.statusCode ?? 0;
  const empty = status === 204 || status === 304;
  if (status >= 300 && status < 400 && !empty) {
    message.destroy();
    throw new TypeError(`unexpected redirect (${status})`);
  }
  if (empty) message.on('error', () => undefined).resume();
  let body: ReadableStream<Uint8Array> | undefined;
  return {
    ok: status >= 200 && status < 300,
    status,
    url: url.href,
    headers: { get: (name) => headerOf(message.headers, name) },
    get body() {
      if (empty) return null;
      body ??= Readable.toWeb(message) as ReadableStream<Uint8Array>;
      return body;
    },
    text: () => textOf(message, signal),
    json: async () => JSON.parse(await textOf(message, signal)) as unknown,
  };
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name.toLowerCase()];
  return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
}

async function textOf(message: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
  } catch (error) {
    // Node calls it a connection that was cut.
    signal.throwIfAborted();
    throw error;
  }
  return Buffer.concat(chunks).toString('utf8');
}
