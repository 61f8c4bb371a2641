// Ends a process at once and waits until the kernel has let go of it.
import { setTimeout as delay } from 'node:timers/promises';
import { isProcessAlive, type ProcessIdentity } from './identity.ts';

/** The first looks are close together: most processes are gone within a millisecond or two. */
const LOOK_MS_MIN = 1;
const LOOK_MS_MAX = 50;

/**
 * Sends KILL to the very process that `identity` was taken from. The first process of a PID
 * namespace takes all others of it along, and has ended only when they have.
 * @param deadlineMs how long its end is waited for
 * @returns whether it has ended; false when it may not be killed from here, or did not end in time
 */
export async function killProcess(identity: ProcessIdentity, deadlineMs: number): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  for (let pauseMs = LOOK_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, LOOK_MS_MAX)) {
    if (!(await isProcessAlive(identity))) return true;
    try {
      process.kill(identity.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') return false;
    }
    if (performance.now() > deadline) return false;
    await delay(pauseMs);
  }
}
