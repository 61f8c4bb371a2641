// What all open streams have in common: heartbeats, the end of those whose follower may not go on,
// the end of all.
import { createService, type Logger, type Service } from '@rivet/base';
import type { FastifyRequest } from 'fastify';
import type { Authenticator } from '../auth/authenticate.ts';
import type { EventStream } from './event-stream.ts';

/** Whoever loses the right to see something sees no more of it after this and a moment. */
export const RECHECK_MS = 3000;
const TICK_MS = 1000;
/** Each stream has a heartbeat every so many ticks: not all at once. */
const HEARTBEAT_TICKS = 15;
/** Senders that are asked for at the same time. */
const ASKED_AT_ONCE = 4;

interface KeptStream {
  readonly stream: EventStream;
  readonly request: FastifyRequest;
  /** Name of the pipeline that its follower must be allowed to see. */
  readonly pipeline: string;
  readonly tick: number;
}

export interface StreamKeeper extends Service {
  /**
   * Looks after a stream until it has closed, or what is returned is called.
   * @param pipeline what its follower must be allowed to see
   */
  keep(stream: EventStream, request: FastifyRequest, pipeline: string): () => void;
  /** Ends all of them, and those that come later. */
  endAll(): void;
}

export function createStreamKeeper(authenticator: Authenticator, logger: Logger): StreamKeeper {
  const kept = new Set<KeptStream>();
  let ticks = 0;
  let ended = false;
  let rechecking: Promise<void> | undefined;
  let timers: NodeJS.Timeout[] = [];

  const tick = (): void => {
    ticks = (ticks + 1) % HEARTBEAT_TICKS;
    const now = performance.now();
    for (const { stream, tick: own } of kept) {
      stream.letGoWhenStalled(now);
      if (own === ticks) stream.heartbeat();
    }
  };
  /** One question for all streams of one sender. */
  const recheckSender = async (streams: readonly KeptStream[]): Promise<void> => {
    const [first] = streams;
    if (first === undefined) return;
    try {
      const now = await authenticator.stillValid(first.request);
      for (const { stream, pipeline } of streams) {
        const may = now?.kind === 'person' && now.access.mayOn('pipelines.view', pipeline);
        if (!may) stream.destroy();
      }
    } catch (error) {
      // The database is away: nothing can be sent either, and the next time decides.
      logger.debug({ err: error }, 'asking for the sender of a stream failed');
    }
  };
  const recheck = async (): Promise<void> => {
    const senders = Map.groupBy(kept, ({ request }) => senderOf(request)).values();
    const ask = async (): Promise<void> => {
      for (const streams of senders) await recheckSender(streams);
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
  };
  const service = createService('streams', {
    async start() {
      timers = [
        setInterval(tick, TICK_MS),
        setInterval(() => {
          rechecking ??= recheck().finally(() => {
            rechecking = undefined;
          });
        }, RECHECK_MS),
      ];
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await rechecking;
    },
  });
  return {
    ...service,
    keep(stream, request, pipeline) {
      const entry = { stream, request, pipeline, tick: kept.size % HEARTBEAT_TICKS };
      if (ended) stream.end();
      kept.add(entry);
      return () => kept.delete(entry);
    },
    endAll() {
      ended = true;
      for (const { stream } of kept) stream.end();
    },
  };
}

/** What a request is known by; the same for all requests of one token or browser. */
function senderOf({ headers }: FastifyRequest): string {
  const { authorization, cookie = '' } = headers;
  return authorization === undefined ? `cookie ${cookie}` : `header ${authorization}`;
}
