// Runs a command to its end: output, timeout, cancellation, and what its exit means.
import { RivetError } from '@rivet/base';
import type { CommandExit } from '@rivet/containers';
import type { ExpectedAnswer, LuaRecord, LuaValue } from '@rivet/lua';
import { lineOf } from '../branch.ts';
import type { ModuleCall } from '../host-function.ts';
import type { CommandOutput } from './command-output.ts';
import type { CommandRequest } from './command-request.ts';
import { type StartedCommand, startCommand } from './start-command.ts';

/** What a command that was stopped by its own timeout gives, as `timeout(1)` does. */
const TIMED_OUT_EXIT_CODE = 124;

export interface CommandResult {
  readonly exitCode: number;
  readonly durationMs: number;
  readonly timedOut: boolean;
  readonly signal: string | undefined;
  readonly cause: CommandExit['cause'];
  readonly output: CommandOutput;
}

/**
 * @throws the reason of the branch's signal when that aborts (the command has ended by then),
 *   RIVET_PROCESS_FAILED with `check`, RIVET_PROCESS_CAPTURE_LIMIT, and like `startCommand`
 */
export async function runCommand(
  call: ModuleCall,
  request: CommandRequest,
): Promise<CommandResult> {
  const started = await startCommand(call, request);
  call.onRecorded(() => started.running.forget());
  const result = await waitForEnd(call, request, started);
  await explainEnd(call, request, result);
  if (request.check && result.exitCode !== 0) throw commandFailed(request, result);
  return result;
}

async function waitForEnd(
  call: ModuleCall,
  request: CommandRequest,
  started: StartedCommand,
): Promise<CommandResult> {
  const { signal } = call.branch;
  const { killGraceMs } = call.job.host.limits;
  let timedOut = false;
  const interrupted = Promise.withResolvers<CommandExit>();
  const stop = (): void => {
    started.stop(killGraceMs).then(interrupted.resolve, interrupted.reject);
  };
  const expire = (): void => {
    timedOut = true;
    stop();
  };
  const { timeoutMs } = request;
  const ranMs = call.begunAtMs === undefined ? 0 : call.job.clock.now() - call.begunAtMs;
  const cancelTimeout =
    timeoutMs === undefined
      ? undefined
      : call.job.clock.after(Math.max(0, timeoutMs - Math.max(0, ranMs)), expire);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    const exit = await Promise.race([started.exit, interrupted.promise]);
    signal.throwIfAborted();
    if (started.output.overflow !== undefined) throw started.output.overflow;
    // It had succeeded before it was stopped.
    if (exit.followed === true) timedOut = false;
    return {
      exitCode: timedOut ? TIMED_OUT_EXIT_CODE : exit.exitCode,
      durationMs: exit.durationMs,
      timedOut,
      signal: exit.signal,
      cause: exit.cause,
      output: started.output,
    };
  } finally {
    cancelTimeout?.();
    signal.removeEventListener('abort', stop);
    interrupted.promise.catch(() => {});
  }
}

/** Says in the log what the exit code alone does not. */
async function explainEnd(
  call: ModuleCall,
  request: CommandRequest,
  result: CommandResult,
): Promise<void> {
  const known =
    result.timedOut ||
    result.cause === 'out-of-memory' ||
    result.cause === 'process-limit' ||
    result.cause === 'disk-full' ||
    result.signal !== undefined;
  if (!known) return;
  await call.job.log.write(
    lineOf(call.branch, 'error'),
    `${request.shown} ${describeEnd(request, result)}`,
  );
}

/** How a command ended, as it continues its name. */
function describeEnd(
  request: Pick<CommandRequest, 'timeoutMs' | 'limits'>,
  result: Pick<CommandResult, 'exitCode' | 'timedOut' | 'signal' | 'cause'>,
): string {
  if (result.timedOut) {
    return `was stopped at its timeout of ${(request.timeoutMs ?? 0) / 1000} s (exit code 124)`;
  }
  const code = `(exit code ${result.exitCode})`;
  const ownLimit = request.limits.memory !== undefined;
  const [whose, option] = ownLimit ? ['it', 'limits.memory'] : ['its container', 'memory'];
  switch (result.cause) {
    case 'out-of-memory':
      return `was killed because ${whose} ran out of memory ${code}; raise \`${option}\``;
    case 'process-limit': {
      const limit = request.limits.pids === undefined ? 'pids' : 'limits.pids';
      return `failed after its limit of processes was reached ${code}; raise \`${limit}\``;
    }
    case 'disk-full':
      return `failed on a full disk ${code}; free space where the runner keeps its jobs, output may be missing`;
    case 'not-found':
      return `was not found in the container ${code}`;
    case 'not-executable':
      return `cannot be executed ${code}`;
    case undefined:
      return result.signal === undefined
        ? `failed with exit code ${result.exitCode}`
        : `was ended by ${result.signal} ${code}`;
  }
}

const QUOTED_LINES_MAX = 10;
const QUOTED_LENGTH_MAX = 2000;

function commandFailed(request: CommandRequest, result: CommandResult): RivetError {
  const lines = result.output.recent(QUOTED_LINES_MAX, 'stderr').join('\n');
  const output = lines === '' ? '' : `:\n${lines.slice(-QUOTED_LENGTH_MAX)}`;
  return RivetError.of('RIVET_PROCESS_FAILED', {
    command: request.shown,
    how: describeEnd(request, result),
    output,
    exit_code: result.exitCode,
  });
}

/** What `resultRecord` makes of a command that succeeded and of which nothing was captured. */
export const SUCCESS: ExpectedAnswer = {
  fields: { exit_code: 0, timed_out: false },
  integers: ['duration_ms'],
};

/** The result as the script sees it; `stdout` and `stderr` only where they were captured. */
export function resultRecord(result: CommandResult): LuaRecord {
  const record = Object.create(null) as LuaRecord;
  record.exit_code = result.exitCode;
  const capturedOutput: [string, LuaValue | undefined][] = [
    ['stdout', result.output.captured('stdout')],
    ['stderr', result.output.captured('stderr')],
  ];
  for (const [name, value] of capturedOutput) if (value !== undefined) record[name] = value;
  // A whole number, as everywhere in Lua: `%d` takes no other.
  record.duration_ms = Math.round(result.durationMs);
  record.timed_out = result.timedOut;
  if (result.signal !== undefined) record.signal = result.signal;
  return record;
}
