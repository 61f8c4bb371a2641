// The clock that leases are measured with: it never jumps, and it goes on while the machine sleeps.
import { uptime } from 'node:os';

/** Milliseconds since some fixed point in the past. */
export type Clock = () => number;

/** How old a reading may be, in milliseconds: the kernel tells it in hundredths of a second. */
const READING_MS = 5;

/**
 * Time since the machine booted (CLOCK_BOOTTIME): unlike `performance.now()` it counts a suspend,
 * so a runner that wakes up knows that its leases are over.
 */
export const bootClock: Clock = createBootClock(
  () => uptime() * 1000,
  () => performance.now(),
);

/**
 * A clock that is read again when its last reading is old: each opens, reads and closes a file, and
 * busy runners ask thousands of times a second.
 * @param read the time since the boot, in milliseconds
 * @param now a cheap clock that may stand still while the machine sleeps
 */
export function createBootClock(read: Clock, now: Clock): Clock {
  let reading = 0;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const at = now();
    if (at - readAt >= READING_MS) {
      reading = read();
      readAt = at;
    }
    return reading;
  };
}
