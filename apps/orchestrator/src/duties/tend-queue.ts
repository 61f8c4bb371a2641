// Looks after jobs that wait: ends those that wait too long, and lets groups go on whose places are
// free.
import {
  admitWaiting,
  forgetGroups,
  listExpiredInQueue,
  lockJob,
  needsTending,
  type Queryable,
} from '@rivet/store';
import { type SupersedeServices, supersede } from '../jobs/supersede.ts';
import { expire } from '../jobs/transitions.ts';
import type { Metrics } from '../metrics.ts';
import type { Duty } from './duty.ts';

export interface TendQueueServices extends SupersedeServices {
  readonly metrics: Metrics;
}

const BATCH = 100;

/** Only what nobody could do at once, or what time does, is left for this. */
export function tendQueue(services: TendQueueServices): Duty {
  return {
    name: 'tend-queue',
    everyMs: 1000,
    due: () => needsTending(services.database),
    run: () => tendQueueOnce(services),
  };
}

/** Does all of it, once. */
export async function tendQueueOnce(services: TendQueueServices): Promise<void> {
  const { database, notifier } = services;
  await endExpired(services);
  await supersede(services);
  if ((await admitWaiting(database)) > 0) notifier.queueChanged();
  await forgetGroups(database);
}

async function endExpired({ database, notifier, metrics }: TendQueueServices): Promise<void> {
  for (;;) {
    const ids = await listExpiredInQueue(database, BATCH);
    let ended = 0;
    for (const id of ids) {
      const end = async (tx: Queryable): Promise<boolean> => {
        const job = await lockJob(tx, id);
        return job !== undefined && expire(tx, job);
      };
      if (!(await database.transaction(end, { repeatable: true }))) continue;
      ended += 1;
      metrics.finished('failed');
      notifier.jobChanged(id);
    }
    if (ids.length < BATCH || ended === 0) return;
  }
}
