// Decides whether a running job goes on: failures, cancellation, timeout, grace of `always` stages.
import { formatDuration, RivetError } from '@rivet/base';
import type { Clock } from '../clock.ts';
import type { StageRun } from './stage-run.ts';

export interface JobControlOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** How much of it has passed already; 0 when absent. */
  readonly elapsedMs?: number;
  /** What `always` stages have after a cancel or a timeout, in milliseconds. */
  readonly cancelGraceMs: number;
  /** Aborting cancels the job. */
  readonly signal: AbortSignal;
}

export interface JobControl {
  /** Why no further stage begins; undefined while all is well. The first error counts. */
  readonly halted: RivetError | undefined;
  readonly canceled: boolean;
  /** A stage failed: no other begins, running ones go on. */
  stageFailed(error: RivetError): void;
  /** The job must end: running stages are stopped, `always` ones after their grace. */
  stop(error: RivetError): void;
  /** Puts a stage under control until the returned function is called. */
  enter(run: StageRun, always: boolean): () => void;
  /** Whether no other stage runs. */
  isAlone(run: StageRun): boolean;
  /** Resolves when the job is halted. */
  readonly halt: Promise<void>;
  close(): void;
}

export function createJobControl(options: JobControlOptions): JobControl {
  const running = new Map<StageRun, boolean>();
  const halt = Promise.withResolvers<void>();
  let halted: RivetError | undefined;
  /** Why running stages are stopped, which may come after `halted`. */
  let stopped: RivetError | undefined;
  let graceOver: RivetError | undefined;
  let endOfGrace: (() => void) | undefined;

  const stageFailed = (error: RivetError): void => {
    halted ??= error;
    halt.resolve();
  };
  const stop = (error: RivetError): void => {
    stageFailed(error);
    if (stopped !== undefined) return;
    stopped = error;
    for (const [run, always] of running) if (!always) run.stop(error);
    endOfGrace = options.clock.after(options.cancelGraceMs, endGrace);
  };
  const endGrace = (): void => {
    graceOver = stopped;
    for (const run of running.keys()) run.stop(stopped ?? timeout());
  };
  const timeout = (): RivetError =>
    RivetError.of('RIVET_JOB_TIMEOUT', { limit: formatDuration(options.timeoutMs) });
  const cancel = (): void => stop(RivetError.of('RIVET_JOB_CANCELED', {}));

  const leftMs = Math.max(0, options.timeoutMs - (options.elapsedMs ?? 0));
  const cancelTimeout = options.clock.after(leftMs, () => stop(timeout()));
  options.signal.addEventListener('abort', cancel, { once: true });
  if (options.signal.aborted) cancel();

  return {
    get halted() {
      return halted;
    },
    get canceled() {
      return halted?.code === 'RIVET_JOB_CANCELED';
    },
    stageFailed,
    stop,
    enter(run, always) {
      running.set(run, always);
      const reason = always ? graceOver : stopped;
      if (reason !== undefined) run.stop(reason);
      return () => running.delete(run);
    },
    isAlone: (run) => [...running.keys()].every((other) => other === run),
    halt: halt.promise,
    close() {
      cancelTimeout();
      endOfGrace?.();
      options.signal.removeEventListener('abort', cancel);
    },
  };
}
