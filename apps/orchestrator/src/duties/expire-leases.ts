// Ends attempts whose lease has run out: their runner died, or cannot reach us.
import type { Logger } from '@rivet/base';
import { beatCluster, listExpiredAttempts } from '@rivet/store';
import { type LoseServices, loseAttempt } from '../jobs/lose-attempt.ts';
import type { Duty } from './duty.ts';

export interface ExpireLeasesServices extends LoseServices {
  readonly logger: Logger;
  readonly leaseSeconds: number;
}

const BATCH = 100;
/** The duty comes every second; so long without it, nobody could renew a lease either. */
const GAP_SECONDS_MAX = 5;

/**
 * The duty. When nobody could report, because the database or all orchestrators were away, the
 * leases have run out too: all of them begin anew before any of them ends.
 */
export function expireLeases(services: ExpireLeasesServices): Duty {
  const { database, leaseSeconds, logger } = services;
  const beat = async (): Promise<boolean> => {
    const limits = { gapSecondsMax: GAP_SECONDS_MAX, leaseSeconds };
    const { expired, ...found } = await beatCluster(database, limits);
    if (found.extended > 0) logger.warn(found, 'after a gap all leases begin anew');
    return expired;
  };
  return {
    name: 'expire-leases',
    everyMs: 1000,
    due: beat,
    async run() {
      // Again: it may be long ago that it was looked.
      await beat();
      await expireOnce(services);
    },
  };
}

/** Ends every attempt whose lease has run out by now. Returns how many it ended. */
export async function expireOnce(
  services: Omit<ExpireLeasesServices, 'leaseSeconds'>,
): Promise<number> {
  const { database, logger } = services;
  for (let ended = 0; ; ) {
    const expired = await listExpiredAttempts(database, BATCH);
    for (const { job_id: id, attempt } of expired) {
      const ending = await loseAttempt(services, { id, attempt }, (_, current) => current.expired);
      if (ending === undefined) continue;
      ended += 1;
      logger.warn({ job: id, attempt, ending }, 'the lease of an attempt ran out');
    }
    if (expired.length < BATCH) return ended;
  }
}
