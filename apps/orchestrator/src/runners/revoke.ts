// Ends what a revoked runner ran, as when it had been lost: at once, not when its leases run out.
import { type JobRow, listAttemptsOfRunner } from '@rivet/store';
import { type LoseServices, loseAttempt } from '../jobs/lose-attempt.ts';
import type { Loss } from '../jobs/transitions.ts';

const BATCH = 100;
const REVOKED: Loss = { how: 'was revoked', blameless: true };

/**
 * Ends every attempt of a runner that was revoked: nothing it sends is taken any more. What a crash
 * leaves of this ends when the leases run out. Returns how many there were.
 */
export async function loseJobsOf(services: LoseServices, runnerId: string): Promise<number> {
  for (let count = 0; ; ) {
    const before = count;
    const attempts = await listAttemptsOfRunner(services.database, runnerId, BATCH);
    for (const { job_id: id, attempt } of attempts) {
      const isLost = (job: JobRow): boolean => job.runner_id === runnerId;
      const ending = await loseAttempt(services, { id, attempt }, isLost, REVOKED);
      if (ending !== undefined) count += 1;
    }
    if (count === before) return count;
  }
}
