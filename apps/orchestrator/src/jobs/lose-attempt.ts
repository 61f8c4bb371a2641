// Ends an attempt whose runner is gone or does not end it, and tells those who wait for it.

import type { FinalJobState } from '@rivet/protocol';
import {
  type AttemptRow,
  type Database,
  type JobRow,
  lockJob,
  type Notifier,
  type Queryable,
  readAttempt,
} from '@rivet/store';
import type { Metrics } from '../metrics.ts';
import { type Loss, lose } from './transitions.ts';

export interface LoseServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
}

/**
 * Ends the attempt as lost when it is still the current one, has no end yet and `isLost` holds under
 * the lock of its job. Undefined when it does not: much may happen since an attempt was found.
 * @param loss what became of the runner; the lease ran out when absent
 */
export function loseAttempt(
  services: LoseServices,
  attempt: { id: string; attempt: number },
  isLost: (job: JobRow, current: AttemptRow) => boolean,
  loss?: Loss,
): Promise<'failed' | 'canceled' | 'queued' | undefined> {
  return endCurrent(services, attempt, async (tx, job, current) =>
    isLost(job, current) ? lose(tx, job, current.last_seq === 0, loss) : undefined,
  );
}

/**
 * Ends an attempt for whoever is not its runner, and tells those who wait for it.
 * @param end what is done under the lock of the job to an attempt that has no end yet; gives
 *   undefined to leave it
 */
export async function endCurrent<T extends FinalJobState | 'queued'>(
  { database, notifier, metrics }: LoseServices,
  { id, attempt }: { id: string; attempt: number },
  end: (tx: Queryable, job: JobRow, current: AttemptRow) => Promise<T | undefined>,
): Promise<T | undefined> {
  const ending = await database.transaction(
    async (tx) => {
      const job = await lockJob(tx, id);
      const current = await readAttempt(tx, id, attempt);
      if (job?.state !== 'running' || job.attempt !== attempt) return undefined;
      return current?.result === null ? end(tx, job, current) : undefined;
    },
    { repeatable: true },
  );
  if (ending === undefined) return undefined;
  notifier.jobChanged(id);
  if (ending === 'queued') notifier.queueChanged();
  else metrics.finished(ending);
  return ending;
}
