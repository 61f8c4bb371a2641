// One request and the beginning of its answer, on a connection of its own.
import type { Readable } from 'node:stream';
import { httpHost } from '@rivet/pipeline';
import type { buildConnector } from 'undici';
import { allowedAddresses, createConnector, type Destination } from './connect.ts';
import { exchangeFailure, HEADER_BYTES_MAX } from './http-failure.ts';
import { type Progress, timedOut } from './progress.ts';

/** What goes over the wire. */
export interface Hop {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/** An answer whose body is still to be read. */
export interface Exchange {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Breaks with whatever undici says; see `exchangeFailure`. */
  readonly body: Readable;
  /** Ends the connection. To be called in any case. */
  close(): Promise<void>;
}

export interface ExchangeOptions extends Omit<Destination, 'host'> {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** For the look-up and the connection, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Breaks the connection when no byte of the body comes for this long, in milliseconds. */
  readonly stallMs: number;
}

/** Sends a request; see `openExchange`. */
export type OpenExchange = (hop: Hop, options: ExchangeOptions) => Promise<Exchange>;

/**
 * Sends a request and waits for the headers of the answer. Every request has a connection of its
 * own, which was checked for it: nothing is left open between calls, and no request goes through a
 * connection that another policy allowed.
 * @throws RIVET_HTTP_DENIED, RIVET_HTTP_ADDRESS, RIVET_HTTP_DNS, RIVET_HTTP_CONNECT,
 *   RIVET_HTTP_TLS, RIVET_HTTP_TIMEOUT, RIVET_HTTP_BROKEN, RIVET_HTTP_INVALID; the reason of
 *   `signal` when that aborts
 */
export async function openExchange(hop: Hop, options: ExchangeOptions): Promise<Exchange> {
  const { progress, request, connectTimeoutMs } = options;
  const host = httpHost(hop.url);
  options.policy.checkHost(request, host);
  progress.phase = `looking up ${host.name}`;
  const late = new AbortController();
  const signal = AbortSignal.any([options.signal, late.signal]);
  const timer = setTimeout(() => {
    late.abort(timedOut(request, 'connect_timeout', connectTimeoutMs, progress));
  }, connectTimeoutMs);
  try {
    const destination = { ...options, host };
    const addresses = await allowedAddresses(destination, signal);
    const connector = createConnector(destination, addresses, progress, signal, () => {
      clearTimeout(timer);
      progress.phase = 'waiting for the answer';
    });
    return await send(hop, options, connector, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : exchangeFailure(request, progress, error);
  } finally {
    clearTimeout(timer);
  }
}

async function send(
  hop: Hop,
  { progress, stallMs }: ExchangeOptions,
  connect: buildConnector.connector,
  signal: AbortSignal,
): Promise<Exchange> {
  // Loaded by the first request: it is large, and most jobs make none.
  const { Client } = await import('undici');
  const client = new Client(hop.url.origin, {
    connect,
    allowH2: false,
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: 0,
    bodyTimeout: stallMs,
  });
  try {
    const { statusCode, headers, body } = await client.request({
      method: hop.method as 'GET',
      path: `${hop.url.pathname}${hop.url.search}`,
      headers: { ...hop.headers },
      body: hop.body ?? null,
      signal,
    });
    progress.phase = 'reading the body of the answer';
    return {
      status: statusCode,
      headers: joinHeaders(headers),
      body,
      async close() {
        body.on('error', () => {}).destroy();
        await client.destroy();
      },
    };
  } catch (error) {
    await client.destroy();
    throw error;
  }
}

/** Lists are joined by commas as HTTP does; `set-cookie`, whose values have commas, by line ends. */
function joinHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): ReadonlyMap<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const separator = name === 'set-cookie' ? '\n' : ', ';
    joined.set(name.toLowerCase(), typeof value === 'string' ? value : value.join(separator));
  }
  return joined;
}
