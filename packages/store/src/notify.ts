// Tells the orchestrators that something changed: this one at once, the others after the commit
// through a connection that does nothing else.
import { type Logger, sleep, uuidv7 } from '@rivet/base';
import type { Client } from 'pg';
import type { Database } from './database.ts';
import { NotifyPace } from './notify-pace.ts';
import { HELLO_MS, OtherListeners } from './other-listeners.ts';

/** Jobs can be claimed. */
export const QUEUE_CHANNEL = 'rivet_queue';
/** Jobs changed or logged: who says so and their ids with spaces between, or `*` for too many. */
export const JOB_CHANNEL = 'rivet_job';
/** Runners changed: revoked, connected, with another token. As of jobs. */
export const RUNNER_CHANNEL = 'rivet_runner';
/** An orchestrator listens; said again every 10 seconds. */
export const HELLO_CHANNEL = 'rivet_hello';

export interface Notifier {
  queueChanged(): void;
  /** @param isLogTold whether those who follow its log here have the lines already */
  jobChanged(jobId: string, isLogTold?: boolean): void;
  /** Tells only the others. */
  runnerChanged(runnerId: string): void;
  /** Our own connection for listening was made, or is gone: what nobody hears is not sent. */
  listening(is: boolean): void;
  /**
   * What another one told: ids with spaces between, `*` for too many to name. Undefined when it
   * came from here, and was told here already.
   */
  heard(payload: string): string | undefined;
  /** Sends what waits. */
  close(): Promise<void>;
}

export interface NotifierOptions {
  /** False: nobody is told anything, and everybody finds out by the slow polls. True when absent. */
  readonly enabled?: boolean;
  /** Tells this orchestrator itself, in the same turn. */
  readonly onQueue?: () => void;
  readonly onJob?: (jobId: string, isLogTold: boolean) => void;
  /** Whether others listen; found out by what is heard when absent. */
  readonly others?: OtherListeners;
}

/** A payload of PostgreSQL holds 8000 bytes: the sender and 200 ids of 36 characters. */
const IDS_MAX = 200;
const SEND_MS_MAX = 5000;

const NOTIFY = `SELECT pg_notify(channel, payload)
  FROM unnest($1::text[], $2::text[]) AS n(channel, payload)`;

/** What waits to be told. */
interface Waiting {
  hello: boolean;
  queue: boolean;
  jobs: Set<string>;
  runners: Set<string>;
}

const nothing = (): Waiting => ({
  ...{ hello: false, queue: false },
  ...{ jobs: new Set<string>(), runners: new Set<string>() },
});

/** One that is lost costs a listener a second, its slow poll: failures are only logged. */
export function createNotifier(
  database: Pick<Database, 'connect'>,
  logger: Logger,
  { enabled = true, others = new OtherListeners(), ...here }: NotifierOptions = {},
): Notifier {
  const sender = uuidv7();
  const connection = createSender(database);
  const pace = new NotifyPace();
  let waiting = nothing();
  let sending: Promise<void> | undefined;
  let closing = false;
  let hello: NodeJS.Timeout | undefined;

  const sendAll = async (): Promise<void> => {
    for (let isFirst = true; ; isFirst = false) {
      // What the same turn brings goes with it.
      await Promise.resolve();
      const waitMs = closing ? 0 : pace.waitMs(performance.now());
      if (waitMs > 0) await sleep(waitMs);
      const [channels, payloads] = messagesOf(waiting, sender);
      if (channels.length === 0) return;
      waiting = nothing();
      pace.sent(performance.now(), waitMs > 0 || !isFirst);
      try {
        await connection.send(channels, payloads);
      } catch (error) {
        pace.failed(performance.now());
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
    if (!others.any) waiting = { ...nothing(), hello: waiting.hello };
    schedule();
  };
  const sayHello = (): void =>
    tell(() => {
      waiting.hello = true;
    });
  return {
    queueChanged: () =>
      tell(() => {
        waiting.queue = true;
        here.onQueue?.();
      }),
    jobChanged: (jobId, isLogTold = false) =>
      tell(() => {
        waiting.jobs.add(jobId);
        here.onJob?.(jobId, isLogTold);
      }),
    runnerChanged: (runnerId) =>
      tell(() => {
        waiting.runners.add(runnerId);
      }),
    listening(is) {
      others.connected(is);
      clearInterval(hello);
      if (!is) return;
      hello = setInterval(sayHello, HELLO_MS).unref();
      // Whoever was alone until now must tell us.
      sayHello();
    },
    heard(payload) {
      const [from, ...told] = payload.split(' ');
      if (from === sender) return undefined;
      others.heard();
      return told.join(' ');
    },
    async close() {
      closing = true;
      clearInterval(hello);
      while (sending !== undefined) await sending;
      await connection.close();
    },
  };
}

function messagesOf(
  { hello, queue, jobs, runners }: Waiting,
  sender: string,
): [channels: string[], payloads: string[]] {
  const channels: string[] = [];
  const payloads: string[] = [];
  for (const [channel, is] of [
    [HELLO_CHANNEL, hello],
    [QUEUE_CHANNEL, queue],
  ] as const) {
    if (!is) continue;
    channels.push(channel);
    payloads.push(sender);
  }
  for (const [channel, ids] of [
    [JOB_CHANNEL, jobs],
    [RUNNER_CHANNEL, runners],
  ] as const) {
    if (ids.size === 0) continue;
    channels.push(channel);
    payloads.push([sender, ...(ids.size > IDS_MAX ? ['*'] : ids)].join(' '));
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
