// Signals a process, and no other that has got its id since; ends one at once and waits until the
// kernel has let go of it.
import { setTimeout as delay } from 'node:timers/promises';
import { isProcessAlive, type ProcessIdentity } from './identity.ts';

/** Most processes are gone within some milliseconds, for which somebody waits: looks are close. */
const LOOK_MS_MIN = 1;
const CLOSE_LOOKS = 12;
const LOOK_MS_MAX = 50;

/**
 * Sends a signal to the very process that `identity` was taken from.
 * @returns false when it has ended, or may not be signalled from here
 */
export async function signalProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
): Promise<boolean> {
  if (!(await isProcessAlive(identity))) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch {
    return false;
  }
}

/**
 * Sends KILL to the very process that `identity` was taken from. The first process of a PID
 * namespace takes all others of it along, and has ended only when they have.
 * @param deadlineMs how long its end is waited for
 * @returns whether it has ended; false when it may not be killed from here, or did not end in time
 */
export async function killProcess(identity: ProcessIdentity, deadlineMs: number): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  let pauseMs = LOOK_MS_MIN;
  for (let look = 1; ; look += 1) {
    if (!(await isProcessAlive(identity))) return true;
    try {
      process.kill(identity.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') return false;
    }
    if (performance.now() > deadline) return false;
    await delay(pauseMs);
    if (look >= CLOSE_LOOKS) pauseMs = Math.min(pauseMs * 2, LOOK_MS_MAX);
  }
}
