// How fast the heap of this process grows: slowly while little is to be done, so that thousands of
// waiting polls and streams cost what they hold and not what V8 keeps free; fast under load.
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { releaseMemory } from '@rivet/base';

/** How often it is looked how much is to be done. */
const LOOK_MS = 1000;
/** Shares of the time in which the process works: above the one, and again below the other. */
const BUSY = 0.5;
const QUIET = 0.25;
/** So many quiet looks after load, or after the start, what it needed is given back, once. */
const QUIET_LOOKS = 10;
/**
 * The old generation is collected when it has grown by so much, in percent. V8 would let it grow to
 * several times what is alive; what dies there are answered polls, one each in a minute.
 */
const OLD_GROWTH_PERCENT = 20;

/** What the young generation grows by when much of it is alive: not at all, and V8's own factor. */
const YOUNG_GROWTH = { quiet: 1, busy: 2 } as const;

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
  let pace: keyof typeof YOUNG_GROWTH | undefined;
  const become = (next: keyof typeof YOUNG_GROWTH): void => {
    if (next === pace) return;
    pace = next;
    setFlag(`--semi-space-growth-factor=${YOUNG_GROWTH[next]}`);
  };
  setFlag(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`);
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
