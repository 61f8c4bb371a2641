// Hears what other orchestrators notify: one connection that comes back by itself.
import { backoffMs, createService, type Logger, type Service, sleep } from '@rivet/base';
import type { Client } from 'pg';
import type { Database } from './database.ts';

export interface ListenerOptions {
  /** For tests. */
  readonly askEveryMs?: number;
  readonly database: Database;
  readonly channels: readonly string[];
  readonly logger: Logger;
  readonly onNotification: (channel: string, payload: string) => void;
  /** After each (re)connection: whatever was notified in between was not heard. */
  readonly onConnected: () => void;
  /** The connection is gone: nothing is heard until the next one. */
  readonly onDisconnected?: () => void;
}

/** The listening connection is asked so often whether it is still there, in milliseconds. */
const ASK_EVERY_MS = 15_000;
const QUESTION = { text: 'SELECT 1', values: [], query_timeout: 5000 };

/**
 * The listening connection. Starting does not wait for it: without it everything still works, found
 * by
 * the slower polls.
 */
export function createListener(options: ListenerOptions): Service {
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  return createService('listener', {
    async start() {
      loop = keepListening(options, stopping.signal);
    },
    async stop() {
      stopping.abort();
      await loop;
    },
  });
}

async function keepListening(options: ListenerOptions, signal: AbortSignal): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const client = await options.database.connect();
      const ended = endOf(client, signal);
      try {
        client.on('notification', ({ channel, payload }) =>
          options.onNotification(channel, payload ?? ''),
        );
        for (const channel of options.channels) {
          await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
        }
        failures = 0;
        options.onConnected();
        await untilSilent(client, ended, options).finally(options.onDisconnected);
      } finally {
        await client.end().catch(() => undefined);
      }
    } catch (error) {
      options.logger.debug({ err: error }, 'the listening connection failed');
    }
    if (!signal.aborted) await sleep(backoffMs(failures + 1, { baseMs: 100, maxMs: 5000 }), signal);
  }
}

/**
 * Resolves when the connection has ended. One whose other side is gone without a word says nothing
 * for ever: it is asked now and then.
 * @throws what becomes of a question that is not answered
 */
async function untilSilent(
  client: Client,
  ended: Promise<void>,
  { askEveryMs = ASK_EVERY_MS }: ListenerOptions,
): Promise<void> {
  const over = new AbortController();
  void ended.then(() => over.abort());
  for (;;) {
    await sleep(askEveryMs, over.signal);
    if (over.signal.aborted) return;
    await client.query(QUESTION);
  }
}

function endOf(client: Client, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    client.once('end', () => resolve());
    client.once('error', () => resolve());
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
