// The module `process`: commands in the innermost container of the calling branch.
import {
  commandRequest,
  programArguments,
  runOptions,
  shOptions,
  showScript,
  spawnOptions,
} from '../commands/command-request.ts';
import { type CommandResult, resultRecord, runCommand } from '../commands/run-command.ts';
import { trackSpawned } from '../commands/spawned-command.ts';
import { startCommand, untilStarted } from '../commands/start-command.ts';
import {
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
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

const run = hostFunction(
  [commandList, required('options', runOptions)],
  async (call, list, given) => {
    const program = programArguments(call.name, list, given);
    const request = commandRequest(call.name, program, given, { check: false });
    return commandResults(call, await runCommand(call, request), request.shown);
  },
  { effect: true },
);

const sh = hostFunction(
  [required('script', text), optional('options', shOptions)],
  async (call, script, given = {}) => {
    const argv = ['sh', '-eu', '-c', script];
    const defaults = { check: true, shown: showScript(script) };
    const request = commandRequest(call.name, argv, given, defaults);
    return commandResults(call, await runCommand(call, request), request.shown);
  },
  { effect: true },
);

/** How long process.spawn waits for the process id of what it started, in milliseconds. */
const STARTED_WAIT_MS = 2000;

const spawn = hostFunction(
  [commandList, required('options', spawnOptions)],
  async (call, list, given) => {
    const program = programArguments(call.name, list, given);
    const request = commandRequest(call.name, program, given, { check: false });
    const started = await startCommand(call, request);
    const id = call.job.nextId();
    const command = trackSpawned(request, started, call.job.clock);
    call.branch.stage.spawned.set(id, command);
    await untilStarted(started.running, STARTED_WAIT_MS);
    return [id, command.pid ?? null];
  },
  { effect: true },
);

const checked = hostFunction(
  [required('id', integer(1, Number.MAX_SAFE_INTEGER))],
  ({ branch }, id) => {
    branch.stage.unchecked.delete(id);
    return [];
  },
  { public: false },
);

export const processModule: HostModule = {
  name: 'process',
  functions: { run, sh, spawn, checked, ...handleFunctions, ...parallelFunctions },
  source: moduleSource('process'),
};
