// Ends an attempt whose runner is gone, whoever found that out, and tells those who wait for it.
import {
  type AttemptRow,
  type Database,
  type JobRow,
  lockJob,
  type Notifier,
  readAttempt,
} from '@rivet/store';
import type { Metrics } from '../metrics.ts';
import { lose } from './transitions.ts';

export interface LoseServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly metrics: Metrics;
}

/**
 * Ends the attempt when it is still the current one, has no end yet and `isLost` holds under the
 * lock of its job. Undefined when it does not: much may happen since an attempt was found.
 * @param how what became of the runner, for people; the lease ran out when absent
 */
export async function loseAttempt(
  { database, notifier, metrics }: LoseServices,
  { id, attempt }: { id: string; attempt: number },
  isLost: (job: JobRow, current: AttemptRow) => boolean,
  how?: string,
): Promise<'failed' | 'canceled' | 'queued' | undefined> {
  const ending = await database.transaction(
    async (tx) => {
      const job = await lockJob(tx, id);
      const current = await readAttempt(tx, id, attempt);
      if (job?.state !== 'running' || job.attempt !== attempt) return undefined;
      if (current?.result !== null || !isLost(job, current)) return undefined;
      return lose(tx, job, current.last_seq === 0, how);
    },
    { repeatable: true },
  );
  if (ending === undefined) return undefined;
  notifier.jobChanged(id);
  if (ending === 'queued') notifier.queueChanged();
  else metrics.finished(ending);
  return ending;
}
