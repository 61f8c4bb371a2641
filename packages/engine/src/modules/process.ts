// The module `process`: commands in the innermost container of the calling branch.
import { asRecord, type LuaValue } from '@rivet/lua';
import {
  type CommandRequest,
  commandRequest,
  programArguments,
  runOptions,
  shOptions,
  showScript,
  spawnOptions,
} from '../commands/command-request.ts';
import { type CommandResult, resultRecord, runCommand } from '../commands/run-command.ts';
import { lostSpawned, trackSpawned } from '../commands/spawned-command.ts';
import { adoptCommand, startCommand, untilStarted } from '../commands/start-command.ts';
import {
  type Arguments,
  type HostFunction,
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  type Parameter,
  required,
} from '../host-function.ts';
import { argument, integer, listOf, text } from '../value-readers.ts';
import { handleFunctions } from './process-handle.ts';
import { parallelFunctions } from './process-parallel.ts';
import { moduleSource } from './sources.ts';

const commandList = optional('command', listOf(argument));

/**
 * The results of a call that ran a command: the record, and the number under which a non-zero exit
 * code waits to be looked at.
 */
export function commandResults(
  { job, branch, position }: ModuleCall,
  result: CommandResult,
  shown: string,
): [ReturnType<typeof resultRecord>, number | null] {
  const record = resultRecord(result);
  if (result.exitCode === 0) return [record, null];
  const id = job.nextId();
  branch.stage.unchecked.set(id, { shown, exitCode: result.exitCode, position });
  return [record, id];
}

/** Remembers the exit code of a command that an earlier process ran, as long as it is unchecked. */
export function restoreResults(
  { branch, position }: ModuleCall,
  [record = null, id]: readonly LuaValue[],
  shown: string,
): void {
  if (typeof id !== 'number') return;
  const exitCode = Number(asRecord(record)?.exit_code);
  branch.stage.unchecked.set(id, { shown, exitCode, position });
}

async function restoreSpawned(
  call: ModuleCall,
  [id, pid]: readonly LuaValue[],
  list: readonly string[] | undefined,
  given: Parameters<typeof commandRequest>[2] & Parameters<typeof programArguments>[2],
): Promise<void> {
  const program = programArguments(call.name, list, given);
  const request = commandRequest(call.name, program, given, { check: false, detached: true });
  const started = await adoptCommand(call, request);
  const command =
    started === undefined
      ? lostSpawned(request, typeof pid === 'number' ? pid : undefined)
      : trackSpawned(request, started, call.job.clock);
  call.branch.stage.spawned.set(Number(id), command);
}

/** A function that runs one command to its end and does nothing else. */
function commandFunction<const P extends readonly Parameter<unknown>[]>(
  parameters: P,
  command: (name: string, ...args: Arguments<P>) => CommandRequest,
): HostFunction {
  return hostFunction(
    parameters,
    async (call, ...args) => {
      const request = command(call.name, ...args);
      return commandResults(call, await runCommand(call, request), request.shown);
    },
    {
      effect: true,
      interrupted: 'resume',
      replay: (call, results, ...args) =>
        restoreResults(call, results, command(call.name, ...args).shown),
      command,
    },
  );
}

const run = commandFunction([commandList, required('options', runOptions)], (name, list, given) =>
  commandRequest(name, programArguments(name, list, given), given, { check: false }),
);

const sh = commandFunction(
  [required('script', text), optional('options', shOptions)],
  (name, script, given = {}) =>
    commandRequest(name, ['sh', '-eu', '-c', script], given, {
      check: true,
      shown: showScript(script),
    }),
);

/** How long process.spawn waits for the process id of what it started, in milliseconds. */
const STARTED_WAIT_MS = 2000;

const spawn = hostFunction(
  [commandList, required('options', spawnOptions)],
  async (call, list, given) => {
    const program = programArguments(call.name, list, given);
    const request = commandRequest(call.name, program, given, { check: false, detached: true });
    const started = await startCommand(call, request);
    const id = call.job.nextId();
    const command = trackSpawned(request, started, call.job.clock);
    call.branch.stage.spawned.set(id, command);
    await untilStarted(started.running, STARTED_WAIT_MS);
    return [id, command.pid ?? null];
  },
  { effect: true, interrupted: 'resume', replay: restoreSpawned },
);

const checked = hostFunction(
  [required('id', integer(1, Number.MAX_SAFE_INTEGER))],
  ({ branch }, id) => {
    branch.stage.unchecked.delete(id);
    return [];
  },
  { public: false, replay: 'again' },
);

export const processModule: HostModule = {
  name: 'process',
  functions: { run, sh, spawn, checked, ...handleFunctions, ...parallelFunctions },
  source: moduleSource('process'),
};
