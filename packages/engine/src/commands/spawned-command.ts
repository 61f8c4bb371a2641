// A command that runs beside the script until it is waited for, stopped, or its container closes.
import { RivetError } from '@rivet/base';
import type { CommandExit } from '@rivet/containers';
import type { Clock } from '../clock.ts';
import type { CommandRequest } from './command-request.ts';
import type { CommandResult } from './run-command.ts';
import type { StartedCommand } from './start-command.ts';

export interface SpawnedCommand {
  readonly request: CommandRequest;
  readonly container: string;
  readonly pid: number | undefined;
  readonly running: boolean;
  /**
   * Its result; undefined when it still runs after `timeoutMs`. Rejects with the reason of
   * `signal`.
   */
  wait(timeoutMs: number | undefined, signal: AbortSignal): Promise<CommandResult | undefined>;
  signal(name: string): Promise<void>;
  /** TERM, KILL after the grace; its result. */
  stop(graceMs: number): Promise<CommandResult>;
  /** Lets go of what another process would need to go on with it. */
  forget(): void;
  /** The last lines of its output. */
  recent(count: number): string[];
}

export function trackSpawned(
  request: CommandRequest,
  started: StartedCommand,
  clock: Clock,
): SpawnedCommand {
  let running = true;
  const settled = started.exit.finally(() => {
    running = false;
  });
  settled.catch(() => {});
  const resultOf = (exit: CommandExit): CommandResult => ({
    exitCode: exit.exitCode,
    durationMs: exit.durationMs,
    timedOut: false,
    signal: exit.signal,
    cause: exit.cause,
    output: started.output,
  });
  return {
    request,
    container: started.container,
    get pid() {
      return started.running.pid;
    },
    get running() {
      return running;
    },
    async wait(timeoutMs, signal) {
      const ended = await waitFor(settled, clock, timeoutMs, signal);
      return ended === undefined ? undefined : resultOf(ended);
    },
    signal: (name) => started.running.signal(name),
    async stop(graceMs) {
      return resultOf(running ? await started.stop(graceMs) : await settled);
    },
    forget: () => started.running.forget(),
    recent: (count) => started.output.recent(count),
  };
}

/** A command that an earlier process started, and of which nobody knows how it ended. */
export function lostSpawned(request: CommandRequest, pid: number | undefined): SpawnedCommand {
  const lost = (): Promise<never> =>
    Promise.reject(
      RivetError.of('RIVET_JOB_INTERRUPTED', {
        call: request.shown,
        reason: 'it ended while no runner watched it',
      }),
    );
  return {
    request,
    container: '',
    pid,
    running: false,
    wait: lost,
    signal: async () => {},
    stop: lost,
    forget: () => {},
    recent: () => [],
  };
}

async function waitFor(
  exit: Promise<CommandExit>,
  clock: Clock,
  timeoutMs: number | undefined,
  signal: AbortSignal,
): Promise<CommandExit | undefined> {
  signal.throwIfAborted();
  const other = Promise.withResolvers<undefined>();
  const abort = (): void => other.reject(signal.reason);
  const cancelTimeout =
    timeoutMs === undefined ? undefined : clock.after(timeoutMs, () => other.resolve(undefined));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([exit, other.promise]);
  } finally {
    cancelTimeout?.();
    signal.removeEventListener('abort', abort);
    other.promise.catch(() => {});
  }
}
