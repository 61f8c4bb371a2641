// Whose turn it is to start a process: a start keeps the event loop until the new process runs its
// program, which takes a tenth of a second where the processors are busy.
import { setImmediate } from 'node:timers';

const waiting: (() => void)[] = [];
/** Of this turn of the event loop. */
let isTaken = false;

/**
 * Resolves when a process may be started: at once, or in one of the next turns of the event loop,
 * first come, first served. Many starts at the same time keep timers, such as those of leases, and
 * requests waiting for one start and not for all.
 */
export function startTurn(): Promise<void> | undefined {
  if (isTaken) return new Promise((resolve) => waiting.push(resolve));
  isTaken = true;
  setImmediate(giveTurn);
  return undefined;
}

function giveTurn(): void {
  const next = waiting.shift();
  isTaken = next !== undefined;
  if (next === undefined) return;
  // Timers and what comes over the network are between this turn and the next.
  setImmediate(giveTurn);
  next();
}
