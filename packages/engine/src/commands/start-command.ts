// Starts a command in the innermost container of a branch, and stops it.
import { formatDuration, isRivetError, RivetError, sleep, withDeadline } from '@rivet/base';
import type {
  CommandExit,
  CommandSpec,
  Container,
  OutputSink,
  RunningCommand,
} from '@rivet/containers';
import { lineOf, placeOf } from '../branch.ts';
import type { ModuleCall } from '../host-function.ts';
import { interruptedCall } from '../module-call.ts';
import { provideSecretFiles } from '../secrets/secret-file.ts';
import { adoptedContainerFor, type CommandContainer, containerFor } from './command-container.ts';
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
 * Starts the command, or goes on with it when an earlier process did.
 * @throws RIVET_POLICY_DENIED, RIVET_JOB_INTERRUPTED, and what starting the container or the
 *   command raises
 */
export async function startCommand(
  call: ModuleCall,
  request: CommandRequest,
): Promise<StartedCommand> {
  const { branch } = call;
  branch.stage.policy.checkCommand(request.argv[0] ?? '');
  const ready = await call.job.ahead.take(call, request);
  if (ready !== undefined) return ready;
  const place = await containerOf(call, request);
  try {
    await provideSecretFiles(call, place.container);
    branch.signal.throwIfAborted();
    const begin = announced(call, request, place.container);
    const started = await followIn(call, request, place, begin);
    call.job.ahead.running(call, request, place, started);
    return started;
  } catch (error) {
    await place.release();
    throw error;
  }
}

/**
 * Begins a command and says so in the log: before anything that it prints, but so that its start
 * need not wait for the line.
 */
function announced(call: ModuleCall, request: CommandRequest, container: Container): Begin {
  const announce = announcement(call, request);
  return async (command, sink) => {
    setImmediate(announce);
    try {
      return await beginIn(call, container, command, async (stream, bytes) => {
        await announce();
        await sink(stream, bytes);
      });
    } finally {
      await announce();
    }
  };
}

/** Says in the log that a command begins, however often it is called. */
export function announcement(call: ModuleCall, request: CommandRequest): () => Promise<void> {
  let said: Promise<void> | undefined;
  return () => {
    said ??= call.job.log.write(lineOf(call.branch, 'info'), `$ ${request.shown}`);
    return said;
  };
}

async function containerOf(call: ModuleCall, request: CommandRequest): Promise<CommandContainer> {
  try {
    return await containerFor(call, request);
  } catch (error) {
    // The command may have run there.
    if (call.begunAtMs === undefined || !isRivetError(error, 'RIVET_CONTAINER_LOST')) throw error;
    throw interruptedCall(call, error.message);
  }
}

async function beginIn(
  call: ModuleCall,
  container: Container,
  command: CommandSpec,
  sink: OutputSink,
): Promise<RunningCommand> {
  // An earlier process may have made a command ready that its journal has no word of.
  const mayHaveBegun =
    call.begunAtMs !== undefined || (call.job.replay !== undefined && container.knows(command.id));
  if (!mayHaveBegun) return await container.run(command, sink);
  const found = await container.attach(command, sink);
  if (found === 'not-started') return await container.run(command, sink);
  if (found === 'unknown') {
    throw interruptedCall(call, 'the command may have run, and what it printed is gone');
  }
  return found;
}

/**
 * The command of a call that an earlier process answered: what it prints from now on goes on in the
 * log. Undefined when it runs no more.
 */
export async function adoptCommand(
  call: ModuleCall,
  request: CommandRequest,
): Promise<StartedCommand | undefined> {
  const place = await adoptedContainerFor(call, request);
  if (place === undefined) return undefined;
  const follow: Begin = async (command, sink) => {
    const found = await place.container.attach(command, async (stream, bytes) => {
      // Before that not every secret is known again.
      await call.job.replay?.over;
      await sink(stream, bytes);
    });
    if (typeof found === 'string') throw NOT_THERE;
    return found;
  };
  try {
    return await followIn(call, request, place, follow);
  } catch (error) {
    if (error === NOT_THERE || isRivetError(error, 'RIVET_CONTAINER_LOST')) return undefined;
    throw error;
  }
}

const NOT_THERE = new Error('the command is not there any more');

/** How a command comes to run. */
export type Begin = (command: CommandSpec, sink: OutputSink) => Promise<RunningCommand>;

/** Starts a command by `begin`, and takes what it prints to the log. */
export async function followIn(
  call: ModuleCall,
  request: CommandRequest,
  { endsWith, release }: CommandContainer,
  begin: Begin,
): Promise<StartedCommand> {
  const { job, branch } = call;
  const place = { ...placeOf(branch, call.sequence), log: job.log };
  if (request.detached) {
    // The calls that follow print their lines between those of the command.
    place.author = `${branch.name}#${call.sequence}`;
    place.base = 0;
  }

  // Output may overflow before `running` is known.
  let stopNow: () => void = () => {};
  const overflowed = new Promise<void>((resolve) => {
    stopNow = resolve;
  });
  const output = createCommandOutput(request, place, () => stopNow());
  const command = {
    id: commandId(call),
    argv: request.argv,
    env: { RIVET_STAGE: branch.stage.stage, ...request.env },
    cwd: request.cwd,
    stdin: request.stdin,
    keep: true,
  };
  const running = await begin(command, output.sink);
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
 * Unique in every container of the job, and the same in every process that runs it: branches are
 * unique in an attempt, sequences in a branch.
 */
function commandId(call: ModuleCall): string {
  const branch = call.branch.name.replaceAll(/[^a-zA-Z0-9]/g, '-');
  return `${branch}-${call.sequence}`;
}
