// Ends attempts that go on after a timeout: their runner should have ended them long ago.
import { formatDuration, type Logger, RivetError } from '@rivet/base';
import { listOverdueAttempts, type OverdueAttempt } from '@rivet/store';
import { endCurrent, type LoseServices } from '../jobs/lose-attempt.ts';
import { finish } from '../jobs/transitions.ts';
import type { Duty } from './duty.ts';

export interface EndOverdueServices extends LoseServices {
  readonly logger: Logger;
  /** What an attempt may take beyond its timeouts, for `always` stages and to stop commands. */
  readonly timeoutGraceMs: number;
}

const EVERY_MS = 5000;
const BATCH = 100;

export function endOverdue(services: EndOverdueServices): Duty {
  return { name: 'end-overdue', everyMs: EVERY_MS, run: () => endOverdueOnce(services) };
}

/** Ends those that are overdue now; a pipeline may give them another attempt. */
export async function endOverdueOnce(services: EndOverdueServices): Promise<void> {
  const { database, timeoutGraceMs, logger } = services;
  for (;;) {
    const overdue = await listOverdueAttempts(database, timeoutGraceMs, BATCH);
    const endings = [];
    for (const one of overdue) endings.push(await endOne(services, one));
    const ended = endings.filter((ending) => ending !== undefined).length;
    if (ended > 0) logger.warn({ ended }, 'attempts were ended after their timeouts');
    if (overdue.length < BATCH || ended === 0) return;
  }
}

function endOne(
  services: EndOverdueServices,
  { job_id: id, attempt, stage, timeout_ms: timeoutMs }: OverdueAttempt,
): Promise<'failed' | 'canceled' | 'queued' | undefined> {
  return endCurrent(services, { id, attempt }, async (tx, job) => {
    const { message, code } = RivetError.of('RIVET_JOB_OVERDUE', {
      runner: job.runner_name ?? 'that is gone',
      what: stage === null ? 'the job' : `the stage ${stage}`,
      limit: formatDuration(timeoutMs),
      grace: formatDuration(services.timeoutGraceMs),
    });
    const canceled = job.cancel_requested;
    const outcome = canceled
      ? ({ state: 'canceled', message } as const)
      : ({ state: 'failed', reason: 'timeout', message, code } as const);
    const ending = await finish(tx, job, outcome);
    if (ending === 'queued') return 'queued';
    return canceled ? 'canceled' : 'failed';
  });
}
