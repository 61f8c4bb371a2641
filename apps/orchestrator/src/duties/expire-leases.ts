// Ends attempts whose lease has run out: their runner died, or cannot reach us.
import type { Logger } from '@rivet/base';
import {
  type Database,
  listExpiredAttempts,
  lockJob,
  type Notifier,
  readAttempt,
} from '@rivet/store';
import { lose } from '../jobs/transitions.ts';
import type { Metrics } from '../metrics.ts';
import type { Duty } from './duty.ts';

export interface ExpireLeasesServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly leaseSeconds: number;
}

const BATCH = 100;
/** Longer than the pauses of a runner that tries to deliver. */
const AFTER_OUTAGE_MS_MAX = 15_000;

/**
 * The duty. When nobody could report, because the database or all orchestrators were away, the
 * leases have run out too: for a while after that, runners may still deliver what they have.
 */
export function expireLeases(services: ExpireLeasesServices): Duty {
  const waitMs = Math.min(AFTER_OUTAGE_MS_MAX, services.leaseSeconds * 500);
  let backSince: number | undefined;
  return {
    name: 'expire-leases',
    everyMs: 1000,
    async run() {
      backSince ??= performance.now();
      if (performance.now() - backSince >= waitMs) await expireOnce(services);
    },
    failed() {
      backSince = undefined;
    },
  };
}

/** Ends every attempt whose lease has run out by now. */
export async function expireOnce(
  services: Omit<ExpireLeasesServices, 'leaseSeconds'>,
): Promise<void> {
  const { database, notifier, metrics, logger } = services;
  for (;;) {
    const expired = await listExpiredAttempts(database, BATCH);
    for (const { job_id: id, attempt } of expired) {
      const ending = await expire(database, id, attempt);
      if (ending === undefined) continue;
      logger.warn({ job: id, attempt, ending }, 'the lease of an attempt ran out');
      notifier.jobChanged(id);
      if (ending === 'queued') notifier.queueChanged();
      else metrics.finished(ending);
    }
    if (expired.length < BATCH) return;
  }
}

function expire(
  database: Database,
  id: string,
  attempt: number,
): Promise<'failed' | 'canceled' | 'queued' | undefined> {
  return database.transaction(
    async (tx) => {
      const job = await lockJob(tx, id);
      const current = await readAttempt(tx, id, attempt);
      // It may have reported since it was found.
      const over = current?.result === null && current.expired;
      if (job?.state !== 'running' || job.attempt !== attempt || !over) return undefined;
      return lose(tx, job, current.last_seq === 0);
    },
    { repeatable: true },
  );
}
