// Ends attempts whose lease has run out: their runner died, or cannot reach us.
import type { Logger } from '@rivet/base';
import { listExpiredAttempts } from '@rivet/store';
import { type LoseServices, loseAttempt } from '../jobs/lose-attempt.ts';
import type { Duty } from './duty.ts';

export interface ExpireLeasesServices extends LoseServices {
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
  const { database, logger } = services;
  for (;;) {
    const expired = await listExpiredAttempts(database, BATCH);
    for (const { job_id: id, attempt } of expired) {
      const ending = await loseAttempt(services, { id, attempt }, (_, current) => current.expired);
      if (ending === undefined) continue;
      logger.warn({ job: id, attempt, ending }, 'the lease of an attempt ran out');
    }
    if (expired.length < BATCH) return;
  }
}
