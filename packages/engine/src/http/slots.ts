// A number of places: who comes when all are taken waits in line.
export interface Slots {
  /**
   * Runs an action in a place of its own.
   * @throws the reason of `signal` when that aborts before there was a place; what the action throws
   */
  run<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T>;
  /** Waits for a place and gives what frees it; may be called twice. Throws like `run`. */
  take(signal: AbortSignal): Promise<() => void>;
}

/** @param count how many there are */
export function createSlots(count: number): Slots {
  const line = new Set<() => void>();
  let free = count;
  const leave = (): void => {
    const [next] = line;
    if (next === undefined) free += 1;
    else {
      line.delete(next);
      next();
    }
  };
  const enter = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const abort = (): void => {
      if (line.delete(turn.resolve)) turn.reject(signal.reason);
    };
    line.add(turn.resolve);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  };
  const take = async (signal: AbortSignal): Promise<() => void> => {
    await enter(signal);
    let taken = true;
    return () => {
      if (taken) leave();
      taken = false;
    };
  };
  return {
    take,
    async run(signal, action) {
      const leavePlace = await take(signal);
      try {
        return await action();
      } finally {
        leavePlace();
      }
    },
  };
}
