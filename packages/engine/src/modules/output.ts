// The module `output`: typed values for later stages, the API and the job page.
import { didYouMean, RivetError } from '@rivet/base';
import type { LuaRecord, LuaValue } from '@rivet/lua';
import { lineOf } from '../branch.ts';
import {
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { anyValue, type Reader, text, wrongValue } from '../value-readers.ts';
import { moduleSource } from './sources.ts';

const NAME_LENGTH_MAX = 100;

const outputName: Reader<string> = {
  expected: `a name of 1 to ${NAME_LENGTH_MAX} characters without control characters`,
  read(value, place) {
    const found = text.read(value, place);
    if (found !== '' && found.length <= NAME_LENGTH_MAX && !/\p{Cc}/u.test(found)) return found;
    throw wrongValue(value, this.expected, place);
  },
};

const name = required('name', outputName);

/** Everybody who sees the job sees its outputs. */
async function withoutSecrets(
  { job, branch, name }: ModuleCall,
  output: string,
  value: LuaValue,
): Promise<LuaValue> {
  const shown = job.redactor.value(value) as LuaValue;
  if (shown !== value) {
    await job.log.write(
      lineOf(branch, 'warning'),
      `${name}: "${output}" holds a secret, which is stored as ***; pass secrets on by secret.get`,
    );
  }
  return shown;
}

export const outputModule: HostModule = {
  name: 'output',
  functions: {
    set: hostFunction(
      [name, required('value', anyValue)],
      async (call, output, value) => {
        const { job } = call;
        await job.outputs.set(output, await withoutSecrets(call, output, value));
        return [];
      },
      { replay: 'again' },
    ),
    get: hostFunction([name, optional('default', anyValue)], ({ job }, output, fallback) => [
      job.outputs.get(output) ?? fallback ?? null,
    ]),
    require: hostFunction([name], ({ job }, output) => {
      const value = job.outputs.get(output);
      if (value !== undefined) return [value];
      const known = job.outputs.keys();
      throw RivetError.of('RIVET_OUTPUT_NOT_SET', {
        output,
        nearest: didYouMean(output, known),
        hint: `Set it in an earlier stage with output.set. Outputs that are set: ${known.join(', ') || 'none'}.`,
      });
    }),
    has: hostFunction([name], ({ job }, output) => [job.outputs.get(output) !== undefined]),
    all: hostFunction([], ({ job }) => {
      const all = Object.create(null) as LuaRecord;
      for (const key of job.outputs.keys()) all[key] = job.outputs.get(key) ?? null;
      return [all];
    }),
    keys: hostFunction([], ({ job }) => [job.outputs.keys()]),
    clear: hostFunction(
      [name],
      async ({ job }, output) => {
        await job.outputs.clear(output);
        return [];
      },
      { replay: 'again' },
    ),
    clear_all: hostFunction(
      [],
      async ({ job }) => {
        for (const key of job.outputs.keys()) await job.outputs.clear(key);
        return [];
      },
      { replay: 'again' },
    ),
  },
  source: moduleSource('output'),
};
