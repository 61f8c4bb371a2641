// Runs duties on a timer: one orchestrator at a time does each.
import { createLimiter, createService, type Logger, type Service, sleep } from '@rivet/base';
import { type Database, withDutyLock } from '@rivet/store';

export interface Duty {
  readonly name: string;
  readonly everyMs: number;
  /** A look that costs less than the lock: whether there is anything to do. Absent: always. */
  due?(): Promise<boolean>;
  /** Must be right when two do it at once: the lock only saves work. */
  run(): Promise<void>;
}

/** The duties as one service. A duty that fails is logged and tried again at its next time. */
export function createDuties(database: Database, duties: readonly Duty[], logger: Logger): Service {
  const stopping = new AbortController();
  // A duty holds a connection for its lock and works with another: where the locks took all of
  // them, each duty would wait for the others, and whoever wants a connection for all of them.
  const locksMax = Math.max(1, Math.floor(database.connectionsMax / 2));
  const limited = createLimiter(locksMax);
  let loops: Promise<void>[] = [];
  const loop = async (duty: Duty): Promise<void> => {
    while (!stopping.signal.aborted) {
      // Spread, so that several orchestrators do not come together.
      await sleep(duty.everyMs * (0.5 + Math.random() / 2), stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        if ((await duty.due?.()) === false) continue;
        await limited(async () => {
          if (stopping.signal.aborted) return;
          await withDutyLock(database, duty.name, () => duty.run());
        });
      } catch (error) {
        logger.warn({ err: error, duty: duty.name }, 'a duty failed and will be tried again');
      }
    }
  };
  return createService('duties', {
    async start() {
      loops = duties.map(loop);
    },
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  });
}
