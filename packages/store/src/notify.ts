// Tells the orchestrators that something changed: this one at once, the others after the commit
// through a connection that does nothing else.
import { type Logger, sleep, uuidv7 } from '@rivet/base';
import type { Client } from 'pg';
import type { Database } from './database.ts';

/** Jobs can be claimed. */
export const QUEUE_CHANNEL = 'rivet_queue';
/** Jobs changed or logged: their ids with spaces between, or `*` for too many to name. */
export const JOB_CHANNEL = 'rivet_job';
/** Runners changed: revoked, connected, with another token. Their ids, as of jobs. */
export const RUNNER_CHANNEL = 'rivet_runner';

export interface Notifier {
  queueChanged(): void;
  jobChanged(jobId: string): void;
  /** Tells only the others. */
  runnerChanged(runnerId: string): void;
  /** Whether a payload came from here, and was told here already. */
  isOwn(payload: string): boolean;
  /** Sends what waits. */
  close(): Promise<void>;
}

export interface NotifierOptions {
  /** False: nobody is told anything, and everybody finds out by the slow polls. True when absent. */
  readonly enabled?: boolean;
  /** Tells this orchestrator itself, in the same turn. */
  readonly onQueue?: () => void;
  readonly onJob?: (jobId: string) => void;
}

/** A payload of PostgreSQL holds 8000 bytes: the sender and 200 ids of 36 characters. */
const IDS_MAX = 200;
/**
 * Two statements begin so far apart at least; what comes meanwhile is one statement. The first
 * after a pause goes at once.
 */
const GAP_MS = 5;
/** After one with so many jobs there is more to come: each costs as much as a claim. */
const MANY = 32;
const GAP_AFTER_MANY_MS = 15;
/** After a failure: the database has other worries. */
const FAILED_GAP_MS = 500;
const SEND_MS_MAX = 5000;

const NOTIFY = `SELECT pg_notify(channel, payload)
  FROM unnest($1::text[], $2::text[]) AS n(channel, payload)`;

/** What waits to be told. */
interface Waiting {
  queue: boolean;
  jobs: Set<string>;
  runners: Set<string>;
}

const nothing = (): Waiting => ({ queue: false, jobs: new Set(), runners: new Set() });

/** One that is lost costs a listener a second, its slow poll: failures are only logged. */
export function createNotifier(
  database: Pick<Database, 'connect'>,
  logger: Logger,
  { enabled = true, ...here }: NotifierOptions = {},
): Notifier {
  const sender = uuidv7();
  const connection = createSender(database);
  let waiting = nothing();
  let nextAtMs = 0;
  let sending: Promise<void> | undefined;
  let closing = false;

  const sendAll = async (): Promise<void> => {
    for (;;) {
      // What the same turn brings goes with it.
      await Promise.resolve();
      const pauseMs = nextAtMs - performance.now();
      if (pauseMs > 0 && !closing) await sleep(pauseMs);
      const [channels, payloads] = messagesOf(waiting, sender);
      if (channels.length === 0) return;
      const gapMs = waiting.jobs.size > MANY ? GAP_AFTER_MANY_MS : GAP_MS;
      waiting = nothing();
      nextAtMs = performance.now() + gapMs;
      try {
        await connection.send(channels, payloads);
      } catch (error) {
        nextAtMs = performance.now() + FAILED_GAP_MS;
        logger.debug({ err: error }, 'a notification was lost');
      }
    }
  };
  const schedule = (): void => {
    sending ??= sendAll().finally(() => {
      sending = undefined;
      // Something may have come after it had looked for the last time.
      if (messagesOf(waiting, sender)[0].length > 0) schedule();
    });
  };
  const tell = (note: () => void): void => {
    if (!enabled || closing) return;
    note();
    schedule();
  };
  return {
    queueChanged: () =>
      tell(() => {
        waiting.queue = true;
        here.onQueue?.();
      }),
    jobChanged: (jobId) =>
      tell(() => {
        waiting.jobs.add(jobId);
        here.onJob?.(jobId);
      }),
    runnerChanged: (runnerId) =>
      tell(() => {
        waiting.runners.add(runnerId);
      }),
    isOwn: (payload) => payload.startsWith(sender),
    async close() {
      closing = true;
      while (sending !== undefined) await sending;
      await connection.close();
    },
  };
}

function messagesOf(
  { queue, jobs, runners }: Waiting,
  sender: string,
): [channels: string[], payloads: string[]] {
  const channels: string[] = [];
  const payloads: string[] = [];
  if (queue) {
    channels.push(QUEUE_CHANNEL);
    payloads.push(sender);
  }
  for (const [channel, ids] of [
    [JOB_CHANNEL, jobs],
    [RUNNER_CHANNEL, runners],
  ] as const) {
    if (ids.size === 0) continue;
    channels.push(channel);
    payloads.push(ids.size > IDS_MAX ? '*' : [sender, ...ids].join(' '));
  }
  return [channels, payloads];
}

interface Sender {
  send(channels: readonly string[], payloads: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** A connection that is made with the first notification, and anew when it has broken. */
function createSender(database: Pick<Database, 'connect'>): Sender {
  let client: Client | undefined;
  const end = async (): Promise<void> => {
    const ending = client;
    client = undefined;
    await ending?.end().catch(() => undefined);
  };
  const open = async (): Promise<Client> => {
    const opened = await database.connect();
    client = opened;
    // A notification that a crash of the database loses has nobody left to hear it: waiting for
    // the disk would keep it, and with it every commit that waits for the same disk.
    await opened.query('SET synchronous_commit = off');
    return opened;
  };
  return {
    async send(channels, payloads) {
      const values = [channels, payloads];
      const statement = { name: 'notify', text: NOTIFY, values, query_timeout: SEND_MS_MAX };
      const kept = client;
      try {
        await (kept ?? (await open())).query(statement);
      } catch (error) {
        await end();
        // One that was kept may have broken since: nothing says so before it is used.
        if (kept === undefined) throw error;
        await (await open()).query(statement);
      }
    },
    close: end,
  };
}
