// Keeps a line to the server while a runner is full: it asks for no jobs then, and would hear of a
// cancel only with the answer to its next report.
import { sleep } from '@rivet/base';

/** A runner whose jobs are short is never full for so long; in milliseconds. */
const QUIET_MS = 500;
/** After a failure, and between two answers that came at once. */
const PAUSE_MS = 2000;

export interface FullWatchOptions {
  /** Asks the server for nothing and waits; resolves when it has answered. */
  readonly wait: (signal: AbortSignal) => Promise<unknown>;
  /** Something may have become of the jobs that run. */
  readonly onNews: () => void;
  /** Of the machine when absent. */
  readonly pause?: typeof sleep;
}

/** Waits for news until `over` aborts. Never throws: what it does not hear comes with reports. */
export async function watchWhileFull(
  { wait, onNews, pause = sleep }: FullWatchOptions,
  over: AbortSignal,
): Promise<void> {
  await pause(QUIET_MS, over);
  while (!over.aborted) {
    // A cancel that came before the server knew of this line.
    const early = setTimeout(onNews, QUIET_MS / 2);
    const askedAt = performance.now();
    const answered = await wait(over).then(
      () => true,
      () => false,
    );
    clearTimeout(early);
    if (over.aborted) return;
    if (answered) onNews();
    if (performance.now() - askedAt < PAUSE_MS) await pause(PAUSE_MS, over);
  }
}
