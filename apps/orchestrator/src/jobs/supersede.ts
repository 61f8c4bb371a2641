// Ends jobs that a newer one of their concurrency group leaves no room for, where pipelines say so.
import type { Logger } from '@rivet/base';
import {
  type Database,
  type JobRow,
  listSuperseded,
  lockJob,
  type Notifier,
  type Queryable,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { PreparedLaunch } from './store-launch.ts';
import { cancel, hasEnded } from './transitions.ts';

export interface SupersedeServices {
  readonly database: Database;
  readonly notifier: Notifier;
  readonly audit: AuditLog;
  readonly logger: Logger;
}

const BATCH = 100;

/** After launches: what they leave no room for. A failure is left to the duty, which does the same. */
export async function supersedeAfter(
  services: SupersedeServices,
  launches: readonly PreparedLaunch[],
): Promise<void> {
  const rules = launches.map(({ concurrency }) => concurrency?.cancel_superseded ?? 'none');
  if (rules.every((rule) => rule === 'none')) return;
  try {
    await supersede(services);
  } catch (error) {
    services.logger.warn({ err: error }, 'superseded jobs could not be canceled yet');
  }
}

/** Cancels all jobs that are superseded now: those that wait at once, those that run are asked to. */
export async function supersede({ database, notifier, audit }: SupersedeServices): Promise<void> {
  for (;;) {
    const superseded = await listSuperseded(database, BATCH);
    let canceled = 0;
    for (const { job_id: id, group_name: group } of superseded) {
      const cancelThis = (tx: Queryable): Promise<boolean> => cancelOne(tx, audit, id, group);
      if (!(await database.transaction(cancelThis, { repeatable: true }))) continue;
      canceled += 1;
      notifier.jobChanged(id);
    }
    if (superseded.length < BATCH || canceled === 0) return;
  }
}

/** Whether it is canceled now, or asked to be: it may have ended meanwhile. */
async function cancelOne(
  tx: Queryable,
  audit: AuditLog,
  id: string,
  group: string,
): Promise<boolean> {
  const job: JobRow | undefined = await lockJob(tx, id);
  if (job === undefined || hasEnded(job) || job.cancel_requested) return false;
  await cancel(tx, job, `superseded by a newer job of the concurrency group ${group}`);
  const object = { kind: 'job', id, name: job.pipeline_name };
  const details = { superseded_in: group };
  await audit.record(tx, undefined, { action: 'job.cancel', object, details });
  return true;
}
