// Starts a command in the innermost container of a branch, and stops it.
import { formatDuration, RivetError, sleep, withDeadline } from '@rivet/base';
import type { CommandExit, RunningCommand } from '@rivet/containers';
import type { ModuleCall } from '../host-function.ts';
import { provideSecretFiles } from '../secrets/secret-file.ts';
import { type CommandContainer, containerFor } from './command-container.ts';
import { type CommandOutput, createCommandOutput } from './command-output.ts';
import type { CommandRequest } from './command-request.ts';

/** How long a killed command may take to be reported as ended, in milliseconds. */
const KILLED_WAIT_MS = 15_000;

/** How long what a stopped command has written is still taken, in milliseconds. */
const DRAIN_MS = 5_000;

/** A command that was started. */
export interface StartedCommand {
  readonly running: RunningCommand;
  /** Name of the container that it ends with. */
  readonly container: string;
  readonly output: CommandOutput;
  /** Its end, when all its output is in the log. Rejects when the container went away. */
  readonly exit: Promise<CommandExit>;
  /** TERM to its process group, KILL after the grace; resolves when it has ended. */
  stop(graceMs: number): Promise<CommandExit>;
}

/**
 * @throws RIVET_POLICY_DENIED, and what starting the container or the command raises
 */
export async function startCommand(
  call: ModuleCall,
  request: CommandRequest,
): Promise<StartedCommand> {
  const { branch } = call;
  branch.stage.policy.checkCommand(request.argv[0] ?? '');
  const place = await containerFor(call, request);
  try {
    return await startIn(call, request, place);
  } catch (error) {
    await place.release();
    throw error;
  }
}

async function startIn(
  call: ModuleCall,
  request: CommandRequest,
  { container, endsWith, release }: CommandContainer,
): Promise<StartedCommand> {
  const { job, branch } = call;
  await provideSecretFiles(call, container);
  branch.signal.throwIfAborted();
  const place = { log: job.log, stage: branch.stage.stage, groups: branch.groups };
  await job.log.write({ ...place, level: 'info', stream: 'system' }, `$ ${request.shown}`);

  // Output may overflow before `running` is known.
  let stopNow: () => void = () => {};
  const overflowed = new Promise<void>((resolve) => {
    stopNow = resolve;
  });
  const output = createCommandOutput(request, place, () => stopNow());
  const running = await container.run(
    {
      id: commandId(call),
      argv: request.argv,
      env: { RIVET_STAGE: branch.stage.stage, ...request.env },
      cwd: request.cwd,
      stdin: request.stdin,
    },
    output.sink,
  );
  const exit = running.exit
    .then(async (ended) => {
      await output.end();
      return ended;
    })
    .finally(release);
  const started: StartedCommand = {
    running,
    container: endsWith,
    output,
    exit,
    stop: createStop(running, exit, output, request),
  };
  branch.stage.running.add(started);
  const forget = (): boolean => branch.stage.running.delete(started);
  // Whoever needs the end awaits it; until then a rejection must not be an unhandled one.
  exit.then(forget, forget);
  void overflowed.then(() => started.stop(job.host.limits.killGraceMs)).catch(() => {});
  return started;
}

function createStop(
  running: RunningCommand,
  exit: Promise<CommandExit>,
  output: CommandOutput,
  request: CommandRequest,
) {
  return async (graceMs: number): Promise<CommandExit> => {
    await untilStarted(running, graceMs);
    await running.signal('TERM');
    const kill = setTimeout(() => void running.signal('KILL').catch(() => {}), graceMs);
    const drained = setTimeout(() => output.giveUp(), graceMs + DRAIN_MS);
    try {
      return await withDeadline(exit, graceMs + KILLED_WAIT_MS, () =>
        RivetError.of('RIVET_TIMEOUT', {
          what: `the killed command ${request.shown}`,
          limit: formatDuration(KILLED_WAIT_MS),
        }),
      );
    } finally {
      clearTimeout(kill);
      clearTimeout(drained);
    }
  };
}

const STARTED_POLL_MS = 10;

/**
 * Resolves when the command has a process, which a signal can reach, or has ended; at the latest
 * after `ms`.
 */
export async function untilStarted(running: RunningCommand, ms: number): Promise<void> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  running.exit.then(end, end);
  const deadline = performance.now() + ms;
  while (running.pid === undefined && !ended && performance.now() < deadline) {
    await sleep(STARTED_POLL_MS);
  }
}

/**
 * Unique in every container of the job: branches are unique in an attempt, sequences in a branch.
 */
function commandId(call: ModuleCall): string {
  const branch = call.branch.name.replaceAll(/[^a-zA-Z0-9]/g, '-');
  return `${branch}-${call.job.nextId()}`;
}
