// Ends attempts that go on after a timeout: their runner should have ended them long ago.
import { formatDuration, RivetError } from '@rivet/base';
import { listOverdueAttempts, type OverdueAttempt } from '@rivet/store';
import { endCurrent, type LoseServices } from '../jobs/lose-attempt.ts';
import { finish } from '../jobs/transitions.ts';
import type { Services } from '../services.ts';
import type { Duty } from './duty.ts';

export type EndOverdueServices = LoseServices &
  Pick<Services, 'logger' | 'timeoutGraceMs' | 'attemptTimeMsMax'>;

const EVERY_MS = 5000;
const BATCH = 100;

export function endOverdue(services: EndOverdueServices): Duty {
  return {
    name: 'end-overdue',
    everyMs: EVERY_MS,
    due: async () => (await listOverdue(services, 1)).length > 0,
    run: () => endOverdueOnce(services),
  };
}

/** Ends those that are overdue now; a pipeline may give them another attempt. */
export async function endOverdueOnce(services: EndOverdueServices): Promise<void> {
  for (;;) {
    const overdue = await listOverdue(services, BATCH);
    const endings = [];
    for (const one of overdue) endings.push(await endOne(services, one));
    const ended = endings.filter((ending) => ending !== undefined).length;
    if (ended > 0) services.logger.warn({ ended }, 'attempts were ended after their timeouts');
    if (overdue.length < BATCH || ended === 0) return;
  }
}

function listOverdue(services: EndOverdueServices, limit: number): Promise<OverdueAttempt[]> {
  const { database, timeoutGraceMs: graceMs, attemptTimeMsMax: defaultMs } = services;
  return listOverdueAttempts(database, { defaultMs, graceMs }, limit);
}

function endOne(
  services: EndOverdueServices,
  overdue: OverdueAttempt,
): Promise<'failed' | 'canceled' | 'queued' | undefined> {
  const { job_id: id, attempt } = overdue;
  return endCurrent(services, { id, attempt }, async (tx, job) => {
    const { message, code } = whyEnded(overdue, job.runner_name, services.timeoutGraceMs);
    const canceled = job.cancel_requested;
    const outcome = canceled
      ? ({ state: 'canceled', message } as const)
      : ({ state: 'failed', reason: 'timeout', message, code } as const);
    const ending = await finish(tx, job, outcome);
    if (ending === 'queued') return 'queued';
    return canceled ? 'canceled' : 'failed';
  });
}

function whyEnded(
  { stage, timeout_ms: timeoutMs, by_default: byDefault }: OverdueAttempt,
  runner: string | null,
  graceMs: number,
): RivetError {
  const words = {
    runner: runner ?? 'that is gone',
    limit: formatDuration(timeoutMs),
    grace: formatDuration(graceMs),
  };
  if (byDefault) return RivetError.of('RIVET_JOB_ENDLESS', words);
  const what = stage === null ? 'the job' : `the stage ${stage}`;
  return RivetError.of('RIVET_JOB_OVERDUE', { ...words, what });
}
