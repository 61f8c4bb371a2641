// Follows server-sent events to their end, connecting again where a connection breaks.
import { backoffMs, isRivetError, RivetError, sleep } from '@rivet/base';
import { createEventParser, type RawEvent } from './event-parser.ts';
import type { Answer } from './fetch.ts';
import { describeNetworkError, originOf } from './send.ts';

/** An event with its data read as JSON. */
export interface StreamedEvent {
  readonly event: string;
  /** Pass as `lastEventId` to go on after it. */
  readonly id: string | undefined;
  readonly data: unknown;
}

export interface FollowOptions {
  readonly url: string;
  /** Opens the stream after the event with that id. */
  readonly connect: (lastEventId: string | undefined) => Promise<Answer>;
  readonly lastEventId: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Without a byte for so long (the server sends heartbeats), the connection counts as broken. */
  readonly idleMs: number;
  /** Without an event or heartbeat over all connections for so long, it gives up. */
  readonly giveUpMs: number;
}

/**
 * Yields each event once, in order, `end` as the last.
 * @throws what `connect` throws on the first connection or as a refusal, RIVET_SERVER_UNREACHABLE
 *   after `giveUpMs`, or the reason of `signal`
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<StreamedEvent> {
  let lastEventId = options.lastEventId;
  let response = await options.connect(lastEventId);
  let progressAt = performance.now();
  let reason = 'the connection was closed';
  let retryMs: number | undefined;
  for (let failures = 0; ; ) {
    const parser = createEventParser();
    try {
      for await (const text of readText(response, options)) {
        progressAt = performance.now();
        failures = 0;
        for (const raw of parser.push(text)) {
          lastEventId = raw.id ?? lastEventId;
          yield parseEvent(raw, lastEventId, options.url);
          if (raw.event === 'end') return;
        }
        retryMs = parser.retryMs ?? retryMs;
      }
    } catch (error) {
      if (isRivetError(error)) throw error;
      reason = describeNetworkError(error);
    }
    options.signal?.throwIfAborted();
    for (;;) {
      failures += 1;
      if (performance.now() - progressAt > options.giveUpMs) {
        throw RivetError.of('RIVET_SERVER_UNREACHABLE', { url: originOf(options.url), reason });
      }
      await sleep(
        (retryMs ?? 0) + backoffMs(failures, { baseMs: 250, maxMs: 5000 }),
        options.signal,
      );
      options.signal?.throwIfAborted();
      const next = await reconnect(options, lastEventId);
      if (typeof next !== 'string') {
        response = next;
        break;
      }
      reason = next;
    }
  }
}

/** The new connection, or why there is none yet. Refusals (not found and the like) are final. */
async function reconnect(
  options: FollowOptions,
  lastEventId: string | undefined,
): Promise<Answer | string> {
  try {
    return await options.connect(lastEventId);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isRivetError(error) && error.entry.status >= 500) {
      return typeof error.details.reason === 'string' ? error.details.reason : error.message;
    }
    throw error;
  }
}

/**
 * The body as text; stops after `idleMs` of silence and closes the connection when the reader
 * leaves.
 */
async function* readText(response: Answer, options: FollowOptions): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const leave = (): void => void reader.cancel().catch(() => undefined);
  options.signal?.addEventListener('abort', leave, { once: true });
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(leave, options.idleMs);
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', leave);
    leave();
  }
}

function parseEvent(raw: RawEvent, id: string | undefined, url: string): StreamedEvent {
  try {
    return { event: raw.event, id, data: JSON.parse(raw.data) };
  } catch (error) {
    const found = `an event that is not JSON: ${JSON.stringify(raw.data.slice(0, 60))}`;
    throw RivetError.of('RIVET_SERVER_ANSWER_INVALID', { url: originOf(url), found }, error);
  }
}
