// The methods of the handle that process.spawn returns.
import { RivetError } from '@rivet/base';
import { resultRecord } from '../commands/run-command.ts';
import type { SpawnedCommand } from '../commands/spawned-command.ts';
import {
  type HostFunction,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { duration, integer, type Reader, text, wrongValue } from '../value-readers.ts';
import { commandResults, restoreResults } from './process.ts';

const id = required('handle', integer(1, Number.MAX_SAFE_INTEGER));

function commandOf({ branch, name }: ModuleCall, handle: number): SpawnedCommand {
  const command = branch.stage.spawned.get(handle);
  if (command !== undefined) return command;
  throw RivetError.of('RIVET_PROCESS_HANDLE', { function: name });
}

const signalName: Reader<string> = {
  expected: 'the name of a signal, such as "TERM", "INT" or "HUP"',
  read(value, place) {
    const name = text.read(value, place).replace(/^SIG/, '');
    if (/^[A-Z][A-Z0-9+-]{1,9}$/.test(name)) return name;
    throw wrongValue(value, this.expected, place);
  },
};

const RECENT_DEFAULT = 100;

export const handleFunctions: Readonly<Record<string, HostFunction>> = {
  handle_running: hostFunction([id], (call, handle) => [commandOf(call, handle).running], {
    public: false,
  }),
  handle_wait: hostFunction(
    [id, optional('timeout', duration)],
    async (call, handle, timeoutMs) => {
      const command = commandOf(call, handle);
      const result = await command.wait(timeoutMs, call.branch.signal);
      return result === undefined ? [null] : commandResults(call, result, command.request.shown);
    },
    {
      public: false,
      effect: true,
      interrupted: 'resume',
      replay: (call, results, handle) =>
        restoreResults(call, results, call.branch.stage.spawned.get(handle)?.request.shown ?? ''),
    },
  ),
  handle_signal: hostFunction(
    [id, required('name', signalName)],
    async (call, handle, name) => {
      await commandOf(call, handle).signal(name);
      return [];
    },
    { public: false, interrupted: 'give-up' },
  ),
  handle_stop: hostFunction(
    [id, optional('grace', duration)],
    async (call, handle, graceMs) => {
      const { killGraceMs } = call.job.host.limits;
      return [resultRecord(await commandOf(call, handle).stop(graceMs ?? killGraceMs))];
    },
    { public: false },
  ),
  handle_logs: hostFunction(
    [id, optional('count', integer(1, 1000))],
    (call, handle, count = RECENT_DEFAULT) => [commandOf(call, handle).recent(count)],
    { public: false },
  ),
};
