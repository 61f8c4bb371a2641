// Processor time of this process, for tests of what takes long: it does not become more while
// others have the processor.

/** How many milliseconds of it the work takes, with what else this process does meanwhile. */
export async function processorMsOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  return processorMsSince(before);
}

/** What a timer has noticed of what else this process did. */
interface TimerWatch {
  /** How often it came. A wait that blocks the process takes no processor time, and is seen here. */
  readonly ticks: number;
  /** The most milliseconds of processor time from one time to the next. */
  readonly heldMs: number;
}

/** Sets a timer that comes again and again; call what is returned to end it. */
export function watchTimers(everyMs: number): () => TimerWatch {
  let ticks = 0;
  let heldMs = 0;
  let last = process.cpuUsage();
  const look = (): void => {
    heldMs = Math.max(heldMs, processorMsSince(last));
    last = process.cpuUsage();
  };
  const timer = setInterval(() => {
    ticks += 1;
    look();
  }, everyMs);
  return () => {
    clearInterval(timer);
    look();
    return { ticks, heldMs };
  };
}

function processorMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
