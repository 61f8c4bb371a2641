// A `fetch` that trusts exactly one certificate authority: for servers with certificates of a
// private one.
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request as startRequest } from 'node:https';
import { Readable } from 'node:stream';
import { RivetError } from '@rivet/base';
import type { Fetch } from './send.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Makes a `fetch` for https addresses whose certificates the authorities in `pem` have signed, and
 * nobody else. It takes what this package's client sends: text bodies, plain headers, no redirects.
 * @param pem one or more certificates
 * @param source where they come from, for the message
 * @throws RIVET_CA_INVALID when `pem` holds no certificate
 */
export function createPinnedFetch(pem: string, source: string): Fetch {
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) {
    throw RivetError.of('RIVET_CA_INVALID', { source, reason: 'it holds no certificate' });
  }
  try {
    // TLS itself passes over what it cannot read.
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (error) {
    const reason = (error as Error).message;
    throw RivetError.of('RIVET_CA_INVALID', { source, reason }, error);
  }
  const agent = new Agent({ ca: pem, keepAlive: true, minVersion: 'TLSv1.2' });
  return async (input, init = {}) => {
    const url = new URL(String(input));
    if (url.protocol !== 'https:') {
      throw new TypeError(`${url.origin} is not https, and only https can be held to an authority`);
    }
    const signal = init.signal ?? undefined;
    signal?.throwIfAborted();
    const message = await send(url, agent, init, signal);
    return toResponse(url, message);
  };
}

function send(
  url: URL,
  agent: Agent,
  init: RequestInit,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(new Headers(init.headers));
    const body = typeof init.body === 'string' ? Buffer.from(init.body) : undefined;
    if (body !== undefined) headers['content-length'] = String(body.length);
    const method = init.method ?? 'GET';
    const request = startRequest(url, { agent, method, headers, ...(signal && { signal }) });
    request.once('response', resolve);
    // Also when it breaks after the answer has begun: then the body says so.
    request.on('error', reject);
    request.end(body);
  });
}

function toResponse(url: URL, message: IncomingMessage): Response {
  const status = message.statusCode ?? 0;
  const empty = status === 204 || status === 304;
  if (status >= 300 && status < 400 && !empty) {
    message.destroy();
    throw new TypeError(`unexpected redirect (${status})`);
  }
  if (empty) message.on('error', () => undefined).resume();
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const body = empty ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>);
  const response = new Response(body, { status, headers });
  return Object.defineProperty(response, 'url', { value: url.href });
}
