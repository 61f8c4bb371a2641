// Ctrl-C and its relatives: the first asks the command to stop, the second forces, the third ends
// at once.
import { RivetError } from '@rivet/base';

export interface Interrupt {
  /** Aborted by the first signal, with RIVET_INTERRUPTED as its reason. */
  readonly signal: AbortSignal;
  /** Aborted by the second signal: give up waiting, clean up what can be cleaned up at once. */
  readonly force: AbortSignal;
  /** Counts as the first signal; `by` says what it was, for the message. */
  trigger(by: string): void;
  /** Stops listening to signals. */
  close(): void;
}

const SIGNALS = { SIGINT: 'Ctrl-C', SIGTERM: 'SIGTERM', SIGHUP: 'SIGHUP' } as const;

/**
 * Listens to the signals that end a program.
 * @param endNow called for the third one
 */
export function listenForInterrupts(endNow: () => void): Interrupt {
  const first = new AbortController();
  const second = new AbortController();
  const trigger = (by: string): void => {
    if (!first.signal.aborted) first.abort(RivetError.of('RIVET_INTERRUPTED', { by }));
  };
  const handlers = Object.entries(SIGNALS).map(([name, by]) => {
    const handler = (): void => {
      if (!first.signal.aborted) trigger(by);
      else if (!second.signal.aborted) second.abort(first.signal.reason);
      else endNow();
    };
    process.on(name, handler);
    return { name, handler };
  });
  return {
    signal: first.signal,
    force: second.signal,
    trigger,
    close() {
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}
