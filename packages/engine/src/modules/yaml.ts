// The module `yaml`: text of values and values of text, which a process of the job works on.
import { formatSize, RivetError } from '@rivet/base';
import type { LuaFunction, LuaValue } from '@rivet/lua';
import {
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { anyValue, boolean, luaFunction, options, plainText } from '../value-readers.ts';
import { fromLua, toLua } from '../yaml/convert-yaml.ts';
import type { YamlAnswer, YamlRequest } from '../yaml/yaml-value.ts';
import { moduleSource } from './sources.ts';

/** Reading a megabyte keeps a processor busy for seconds. */
const TEXT_BYTES_MAX = 1024 * 1024;

export const yamlModule: HostModule = {
  name: 'yaml',
  functions: {
    encode: hostFunction(
      [
        required('value', anyValue),
        optional('options', options({ pretty: boolean })),
        required('null', luaFunction),
      ],
      async (call, value, given, nullValue) => {
        const { pretty = true } = given ?? {};
        const request = { type: 'encode', value: fromLua(value, 'value', nullValue.id), pretty };
        const answer = await ask(call, request as YamlRequest);
        return answer.type === 'encoded' ? [answer.text] : [];
      },
    ),
    decode: hostFunction(
      [required('text', plainText), required('null', luaFunction)],
      async (call, text, nullValue) => [await decode(call, text, false, nullValue)],
    ),
    decode_all: hostFunction(
      [required('text', plainText), required('null', luaFunction)],
      async (call, text, nullValue) => [await decode(call, text, true, nullValue)],
    ),
  },
  source: moduleSource('yaml'),
};

async function decode(
  call: ModuleCall,
  text: string,
  all: boolean,
  nullValue: LuaFunction,
): Promise<LuaValue> {
  const bytes = Buffer.byteLength(text);
  if (bytes > TEXT_BYTES_MAX) {
    throw overLimit(call, `has ${formatSize(bytes)}`, formatSize(TEXT_BYTES_MAX));
  }
  const answer = await ask(call, { type: 'decode', text, all });
  return answer.type === 'decoded' ? toLua(answer.value, nullValue) : null;
}

/** @throws RIVET_YAML_DECODE, RIVET_YAML_LIMIT, or why the branch was stopped */
async function ask(call: ModuleCall, request: YamlRequest): Promise<YamlAnswer> {
  const answer = await call.job.yaml.ask(request, call.branch.signal);
  if (answer.type === 'limit') throw overLimit(call, answer.found, answer.limit);
  if (answer.type === 'mistake') {
    throw RivetError.of('RIVET_YAML_DECODE', { function: call.name, ...answer.mistake });
  }
  return answer;
}

function overLimit(call: ModuleCall, found: string, limit: string): RivetError {
  return RivetError.of('RIVET_YAML_LIMIT', { function: call.name, found, limit });
}
