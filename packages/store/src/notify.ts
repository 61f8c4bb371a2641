// Tells the other orchestrators that something changed: after the commit, many changes as one
// statement.
import type { Logger } from '@rivet/base';
import type { Database } from './database.ts';
import { repeatable } from './statement.ts';

/** Jobs can be claimed; without a payload. */
export const QUEUE_CHANNEL = 'rivet_queue';
/** Jobs changed or logged: their ids with spaces between, or `*` for too many to name. */
export const JOB_CHANNEL = 'rivet_job';

export interface Notifier {
  queueChanged(): void;
  jobChanged(jobId: string): void;
  /** Sends what waits. */
  close(): Promise<void>;
}

/** A payload of PostgreSQL holds 8000 bytes: 200 ids of 36 characters. */
const IDS_MAX = 200;
/** What happens within so many milliseconds is told once. */
const COALESCE_MS = 20;

const notify = repeatable(
  'notify',
  `SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n(channel, payload)`,
);

/**
 * Coalesces notifications. One that is lost costs a listener a second, its slow poll: failures are
 * only
 * logged.
 */
export function createNotifier(database: Database, logger: Logger): Notifier {
  let queue = false;
  let jobs = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let sending = Promise.resolve();

  const flush = async (): Promise<void> => {
    const channels: string[] = [];
    const payloads: string[] = [];
    if (queue) {
      channels.push(QUEUE_CHANNEL);
      payloads.push('');
    }
    if (jobs.size > 0) {
      channels.push(JOB_CHANNEL);
      payloads.push(jobs.size > IDS_MAX ? '*' : [...jobs].join(' '));
    }
    queue = false;
    jobs = new Set();
    if (channels.length === 0) return;
    await database
      .query(notify, [channels, payloads])
      .catch((error: unknown) => logger.debug({ err: error }, 'a notification was lost'));
  };
  const schedule = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      sending = sending.then(flush);
    }, COALESCE_MS);
  };
  return {
    queueChanged() {
      queue = true;
      schedule();
    },
    jobChanged(jobId) {
      jobs.add(jobId);
      schedule();
    },
    async close() {
      clearTimeout(timer);
      sending = sending.then(flush);
      await sending;
    },
  };
}
