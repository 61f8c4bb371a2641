// Lets few password hashings run at a time: each takes 19 MB and a core.
import { RivetError } from '@rivet/base';

export interface HashingQueueOptions {
  /** How many run at once. */
  readonly parallel: number;
  /** How many wait at most; more are refused at once. */
  readonly waitingMax: number;
}

export interface HashingQueue {
  /**
   * Runs `work` when its turn comes, first come first served.
   * @throws RIVET_AUTH_BUSY when too many wait already
   */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** What the refused are told to wait, in milliseconds: the queue is empty by then. */
const RETRY_AFTER_MS = 2000;

export function createHashingQueue({ parallel, waitingMax }: HashingQueueOptions): HashingQueue {
  const waiting: (() => void)[] = [];
  let running = 0;
  const enter = async (): Promise<void> => {
    if (running < parallel) {
      running += 1;
      return;
    }
    if (waiting.length >= waitingMax) {
      throw RivetError.of('RIVET_AUTH_BUSY', { retry_after_ms: RETRY_AFTER_MS });
    }
    // Whoever leaves hands the place over, so that nobody can come in between.
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return {
    async run(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
