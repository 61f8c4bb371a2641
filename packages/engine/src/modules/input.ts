// The module `input`: the values that the job was launched with.
import { didYouMean, RivetError } from '@rivet/base';
import type { LuaRecord, LuaValue } from '@rivet/lua';
import type { InputValue } from '@rivet/protocol';
import { lineOf } from '../branch.ts';
import {
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { asLuaValue } from '../secrets/secret-values.ts';
import { anyValue, text } from '../value-readers.ts';
import { moduleSource } from './sources.ts';

const name = required('name', text);

/** Of a secret input a value without text. */
function inputValue({ job }: ModuleCall, input: string): InputValue | LuaValue | undefined {
  const secret = job.secrets.ofInput(input);
  if (secret !== undefined) return asLuaValue(secret);
  return Object.hasOwn(job.spec.inputs, input) ? job.spec.inputs[input] : undefined;
}

/** In the order of the file. */
function keys({ job }: ModuleCall): string[] {
  return job.definition.inputs
    .map((input) => input.name)
    .filter((input) => Object.hasOwn(job.spec.inputs, input));
}

/** A slip in a name would otherwise look like an input without a value. */
async function warnUndeclared(call: ModuleCall, input: string): Promise<void> {
  const declared = call.job.definition.inputs.map((definition) => definition.name);
  if (call.argumentCount > 1 || declared.includes(input)) return;
  await call.job.log.write(
    lineOf(call.branch, 'warning'),
    `${call.name}: the pipeline declares no input "${input}"${didYouMean(input, declared)}`,
  );
}

/** Scripts hold the handles of secret inputs that they were given. */
const handsOut = { replay: 'again' } as const;

export const inputModule: HostModule = {
  name: 'input',
  functions: {
    get: hostFunction(
      [name, optional('default', anyValue)],
      async (call, input, fallback) => {
        const value = inputValue(call, input);
        if (value === undefined) await warnUndeclared(call, input);
        return [value ?? fallback ?? null];
      },
      handsOut,
    ),
    require: hostFunction(
      [name],
      (call, input) => {
        const value = inputValue(call, input);
        if (value !== undefined) return [value];
        const known = keys(call);
        throw RivetError.of('RIVET_INPUT_NOT_SET', {
          input,
          nearest: didYouMean(input, known),
          hint: `Give it at launch, or declare it with a \`default\`. Inputs with a value: ${known.join(', ') || 'none'}.`,
        });
      },
      handsOut,
    ),
    has: hostFunction([name], (call, input) => [inputValue(call, input) !== undefined]),
    all: hostFunction(
      [],
      (call) => {
        const all = Object.create(null) as LuaRecord;
        for (const key of keys(call)) all[key] = inputValue(call, key) as LuaValue;
        return [all];
      },
      handsOut,
    ),
    keys: hostFunction([], (call) => [keys(call)]),
  },
  source: moduleSource('input', ['secret-value']),
};
