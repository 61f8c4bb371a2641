// Writes server-sent events to one client, no faster than it reads.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setInterval } from 'node:timers';
import type { FastifyReply } from 'fastify';

export interface EventStream {
  /** Aborts when the client is gone or the server stops. */
  readonly signal: AbortSignal;
  /** Resolves when the client can take more; ends the stream when it reads nothing for a while. */
  send(event: string, data: unknown, id?: string): Promise<void>;
}

/** Comment lines keep the connection open through proxies, and tell the client that we live. */
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so long is let go; it resumes by its last event id. */
const STALLED_MS = 30_000;
/** What clients wait before they connect again, in milliseconds. */
const RETRY_MS = 500;

/**
 * Takes over the reply and runs `write` until it returns, the client leaves or `stopping` aborts.
 * An error ends the stream: its client connects again and is then told.
 */
export async function streamEvents(
  reply: FastifyReply,
  stopping: AbortSignal,
  write: (stream: EventStream) => Promise<void>,
): Promise<void> {
  reply.hijack();
  const response = reply.raw;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  response.on('error', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, stopping]);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${RETRY_MS}\n\n`);
  const heartbeat = setInterval(() => {
    if (response.writableLength === 0) response.write(': \n\n');
  }, HEARTBEAT_MS);
  try {
    await write({ signal, send: (event, data, id) => send(response, signal, event, data, id) });
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
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
