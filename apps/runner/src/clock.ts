// The clock that leases are measured with: it never jumps, and it goes on while the machine sleeps.
import { uptime } from 'node:os';

/** Milliseconds since some fixed point in the past. */
export type Clock = () => number;

/**
 * Time since the machine booted (CLOCK_BOOTTIME): unlike `performance.now()` it counts a suspend,
 * so a runner that wakes up knows that its leases are over.
 */
export const bootClock: Clock = () => uptime() * 1000;
