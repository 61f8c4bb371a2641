// Ends what a revoked runner ran, as when it had been lost: at once, not when its leases run out.
import {
  type Database,
  listAttemptsOfRunner,
  lockJob,
  type Notifier,
  readAttempt,
} from '@rivet/store';
import { lose } from '../jobs/transitions.ts';
import type { Metrics } from '../metrics.ts';

const BATCH = 100;

export interface RevokeServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
}

/**
 * Ends every attempt of a runner that was revoked: nothing it sends is taken any more. What a crash
 * leaves of this ends when the leases run out. Returns how many there were.
 */
export async function loseJobsOf(services: RevokeServices, runnerId: string): Promise<number> {
  const { database, notifier, metrics } = services;
  for (let count = 0; ; ) {
    const before = count;
    const attempts = await listAttemptsOfRunner(database, runnerId, BATCH);
    for (const { job_id: id, attempt } of attempts) {
      const ending = await loseAttempt(database, runnerId, id, attempt);
      if (ending === undefined) continue;
      count += 1;
      notifier.jobChanged(id);
      if (ending === 'queued') notifier.queueChanged();
      else metrics.finished(ending);
    }
    if (count === before) return count;
  }
}

function loseAttempt(
  database: Database,
  runnerId: string,
  id: string,
  attempt: number,
): Promise<'failed' | 'canceled' | 'queued' | undefined> {
  return database.transaction(
    async (tx) => {
      const job = await lockJob(tx, id);
      const current = await readAttempt(tx, id, attempt);
      // It may have ended since it was found.
      const stillRuns = job?.state === 'running' && job.runner_id === runnerId;
      if (!stillRuns || job.attempt !== attempt || current?.result !== null) return undefined;
      return lose(tx, job, current.last_seq === 0, 'was revoked');
    },
    { repeatable: true },
  );
}
