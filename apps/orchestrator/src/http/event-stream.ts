// Writes server-sent events to one client, no faster than it reads.
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setInterval } from 'node:timers';
import type { Logger } from '@rivet/base';
import type { FastifyReply } from 'fastify';

export interface EventStream {
  /** Aborts when the client is gone or the server stops. */
  readonly signal: AbortSignal;
  /** Resolves when the client can take more; ends the stream when it reads nothing for a while. */
  send(event: string, data: unknown, id?: string): Promise<void>;
}

export interface StreamOptions {
  /** Aborts when the server begins to stop. */
  readonly stopping: AbortSignal;
  /** Whether who follows may still see it; asked every few seconds. */
  mayGoOn(): Promise<boolean>;
  readonly logger: Logger;
}

/** Comment lines keep the connection open through proxies, and tell the client that we live. */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so long is let go; it resumes by its last event id. */
const STALLED_MS = 30_000;
/** Whoever loses the right to see something sees no more of it after this and a moment. */
export const RECHECK_MS = 3000;
/** What clients wait before they connect again, in milliseconds. */
const RETRY_MS = 500;

/**
 * Takes over the reply and runs `write` until it returns, the client leaves, may not go on, or the
 * server stops. An error ends the stream: its client connects again and is then told.
 */
export async function streamEvents(
  reply: FastifyReply,
  options: StreamOptions,
  write: (stream: EventStream) => Promise<void>,
): Promise<void> {
  reply.hijack();
  const response = reply.raw;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.on('error', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, options.stopping]);
  response.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${RETRY_MS}\n\n`);
  const heartbeat = setInterval(() => {
    if (response.writableLength === 0) response.write(': \n\n');
  }, HEARTBEAT_MS);
  const recheck = recheckEvery(options, signal, () => {
    gone.abort();
    // What waits to be read goes too: it was written for somebody who might see it.
    response.destroy();
  });
  try {
    await write({ signal, send: (event, data, id) => send(response, signal, event, data, id) });
  } finally {
    clearInterval(heartbeat);
    clearInterval(recheck);
    response.end();
  }
}

function recheckEvery(
  { mayGoOn, logger }: StreamOptions,
  signal: AbortSignal,
  end: () => void,
): NodeJS.Timeout {
  let asking = false;
  return setInterval(() => {
    if (asking || signal.aborted) return;
    asking = true;
    mayGoOn()
      .then((may) => {
        if (!may) end();
      })
      // The database is away: nothing can be sent either, and the next time decides.
      .catch((error: unknown) => logger.debug({ err: error }, 'asking for a stream failed'))
      .finally(() => {
        asking = false;
      });
  }, RECHECK_MS);
}

async function send(
  response: ServerResponse,
  signal: AbortSignal,
  event: string,
  data: unknown,
  id: string | undefined,
): Promise<void> {
  if (signal.aborted) return;
  const head = id === undefined ? '' : `id: ${id}\n`;
  // JSON has no line feed outside of strings, and none unescaped inside.
  const taken = response.write(`${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  if (taken) return;
  const patience = AbortSignal.timeout(STALLED_MS);
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, patience]) });
  } catch {
    if (patience.aborted) response.destroy();
  }
}
