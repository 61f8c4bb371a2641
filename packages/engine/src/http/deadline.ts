// A time limit that can be held: waiting for one's turn does not count.

export interface Deadline {
  hold(): void;
  goOn(): void;
  /** Ends it; it never expires afterwards. */
  clear(): void;
}

/** Calls `expire` once `ms` have passed, those not counted in which it was held. */
export function createDeadline(ms: number, expire: () => void): Deadline {
  let leftMs = ms;
  let since = performance.now();
  let timer: NodeJS.Timeout | undefined = setTimeout(expire, leftMs);
  const stop = (): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    leftMs -= performance.now() - since;
  };
  let ended = false;
  return {
    hold: stop,
    goOn() {
      if (ended || timer !== undefined) return;
      since = performance.now();
      timer = setTimeout(expire, Math.max(0, leftMs));
    },
    clear() {
      ended = true;
      stop();
    },
  };
}
