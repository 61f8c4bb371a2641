// The module `secret`: values that commands get and logs never show.
import { asRecord, type LuaRecord } from '@rivet/lua';
import { lineOf } from '../branch.ts';
import {
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { restoreSecretFile, writeSecretFile } from '../secrets/secret-file.ts';
import { asLuaValue } from '../secrets/secret-values.ts';
import {
  environmentName,
  listOf,
  type Reader,
  secretValue,
  text,
  wrongValue,
} from '../value-readers.ts';
import { moduleSource } from './sources.ts';

const name = required('name', text);

/** Names of secrets, each with the name of the variable that it is for. */
const names: Reader<ReadonlyMap<string, string>> = {
  expected: 'a list of names of secrets, or a table of them by the name of the variable',
  read(value, place) {
    if (Array.isArray(value) && value.length > 0) {
      return new Map(
        listOf(text)
          .read(value, place)
          .map((each) => [each, each]),
      );
    }
    const record = asRecord(value);
    if (record === undefined) throw wrongValue(value, this.expected, place);
    return new Map(
      Object.entries(record).map(([variable, secret]) => {
        const path = `${place.path}.${variable}`;
        environmentName.read(variable, { ...place, path: `a name in ${place.path}` });
        return [variable, text.read(secret, { ...place, path })];
      }),
    );
  },
};

/** Says in the log who looked at a secret, and where. */
async function noteReveal({ job, branch, position }: ModuleCall, label: string): Promise<void> {
  const where = position === undefined ? '' : ` at ${position.file}:${position.line}`;
  await job.log.write(lineOf(branch, 'info'), `${label} was revealed to the script${where}`);
}

/** The value is asked for again, so that it is hidden again. */
const hidesFromNow = { replay: 'again' } as const;

export const secretModule: HostModule = {
  name: 'secret',
  functions: {
    get: hostFunction(
      [name],
      async (call, secret) => [asLuaValue(await call.job.secrets.get(secret, call.name))],
      hidesFromNow,
    ),
    has: hostFunction(
      [name],
      async (call, secret) => [await call.job.secrets.has(secret, call.name)],
      hidesFromNow,
    ),
    env: hostFunction(
      [required('names', names)],
      async (call, wanted) => {
        const env: LuaRecord = Object.create(null);
        for (const [variable, secret] of wanted) {
          env[variable] = asLuaValue(await call.job.secrets.get(secret, call.name));
        }
        return [env];
      },
      hidesFromNow,
    ),
    file: hostFunction(
      [required('secret', text), optional('path', text)],
      async (call, secret, path) => [
        await writeSecretFile(call, await call.job.secrets.get(secret, call.name), secret, path),
      ],
      {
        effect: true,
        replay: async (call, [written], secret, path) =>
          restoreSecretFile(call, {
            path: String(written),
            secret: await call.job.secrets.get(secret, call.name),
            everywhere: path === undefined,
          }),
      },
    ),
    reveal: hostFunction([required('secret', secretValue)], async (call, secret) => {
      await noteReveal(call, call.job.secrets.labelOf(secret));
      return [secret.reveal()];
    }),
  },
  source: moduleSource('secret', ['secret-value']),
};
