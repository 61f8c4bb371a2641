// How fast the heap of this process grows: slowly while little is to be done, so that thousands of
// waiting polls and streams cost what they hold and not what V8 keeps free; fast under load.
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { releaseMemory } from '@rivet/base';

/** How often it is looked how much is to be done. */
const LOOK_MS = 250;
/**
 * Shares of the time in which the process works: above the one, and again below the other. A single
 * job with a large log keeps it busy for a third, as it waits for the database between reports.
 */
const BUSY = 0.25;
const QUIET = 0.15;
/** So many quiet looks after load, or after the start, what it needed is given back, once. */
const QUIET_LOOKS = 40;
/**
 * What the young generation grows by when much of it is alive, and by how many percent the old one
 * may grow before it is collected. Quiet: hardly, as what dies in the old one are answered polls,
 * one each in a minute. Busy: as V8 would have it, which lets the old one grow to several times
 * what is alive; the bytes of large reports count there too, and would have it collected again and
 * again.
 */
const GROWTH = {
  quiet: ['--semi-space-growth-factor=1', '--heap-growing-percent=20'],
  busy: ['--semi-space-growth-factor=2', '--heap-growing-percent=0'],
} as const;

export interface HeapGrowthOptions {
  /** Sets an option of V8; those used here are read each time that the heap is collected. */
  readonly setFlag?: (flag: string) => void;
  /** The share of the time, from 0 to 1, that the process has worked since it was asked last. */
  readonly utilization?: () => number;
  /** Collects the whole heap and gives back what is free: about 100 ms in which nothing else runs. */
  readonly collect?: () => void;
}

/** Makes the heap grow slowly from now on; what it returns looks again how much is to be done. */
export function limitHeapGrowth(options: HeapGrowthOptions = {}): () => void {
  const { setFlag = setFlagsFromString, utilization = createUtilization() } = options;
  const { collect = releaseMemory } = options;
  let quietLooks = 0;
  let pace: keyof typeof GROWTH | undefined;
  const become = (next: keyof typeof GROWTH): void => {
    if (next === pace) return;
    pace = next;
    for (const flag of GROWTH[next]) setFlag(flag);
  };
  become('quiet');
  return () => {
    const share = utilization();
    if (share > BUSY) become('busy');
    else if (share < QUIET) become('quiet');
    if (pace === 'busy') quietLooks = 0;
    else if (share < QUIET) quietLooks += 1;
    // The young generation would else keep the size that loading the program gave it.
    if (quietLooks === QUIET_LOOKS && share < QUIET) {
      collect();
      quietLooks += 1;
    }
  };
}

/** The same for as long as this process runs. */
export function keepHeapSmall(): void {
  setInterval(limitHeapGrowth(), LOOK_MS).unref();
}

function createUtilization(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
