// Options that a function of the pipeline gives, from the values of the inputs before.
import type { LuaValue } from '@rivet/lua';
import type {
  DefinitionIssue,
  InputDefinition,
  InputValues,
  PipelineDefinition,
} from '@rivet/protocol';
import { showValue } from '../definition/show-value.ts';
import { inputIssue } from './input-issues.ts';
import type { LuaRules } from './lua-rules.ts';
import { type Scalar, type ScalarRules, scalarBreach } from './scalar-rules.ts';

const OPTIONS_MAX = 1000;

/** The input with the options that its function gives; as it is when it has none. */
export async function withOptions(
  definition: PipelineDefinition,
  input: InputDefinition,
  known: InputValues,
  lua: LuaRules,
): Promise<InputDefinition | { readonly issue: DefinitionIssue }> {
  if (input.has_options !== true) return input;
  const returned = await lua.options(input.name, valuesBefore(definition, input, known));
  const wrong = (problem: string, found?: string): { readonly issue: DefinitionIssue } => {
    const rest = found === undefined ? {} : { found, expected: `a list of ${WORDS[input.type]}` };
    return { issue: inputIssue(input.name, problem, rest) };
  };
  if (isRefusal(returned)) return wrong(`has options that could not be asked: ${returned.refusal}`);
  if (!Array.isArray(returned)) {
    return wrong('has an options function that returned no list', showValue(returned));
  }
  if (returned.length === 0) return wrong('has no options for the values of the inputs before it');
  if (returned.length > OPTIONS_MAX) {
    return wrong(`has ${returned.length} options; expected at most ${OPTIONS_MAX}`);
  }
  const rules: ScalarRules = { ...input, type: input.type === 'number' ? 'number' : 'string' };
  const bad = returned.find((option) => scalarBreach(option, rules) !== undefined);
  if (bad !== undefined) {
    return wrong('has an options function that returned what cannot be a value', showValue(bad));
  }
  return { ...input, options: returned as Scalar[] };
}

const WORDS = { string: 'texts', number: 'numbers', bool: 'bools', list: 'texts' } as const;

function isRefusal(returned: LuaValue | { refusal: string }): returned is { refusal: string } {
  return (
    typeof returned === 'object' &&
    returned !== null &&
    Object.getPrototypeOf(returned) === Object.prototype &&
    'refusal' in returned
  );
}

/** Given ones and defaults, without those of secret inputs: options are shown to people. */
function valuesBefore(
  { inputs }: PipelineDefinition,
  { name }: InputDefinition,
  known: InputValues,
): InputValues {
  const at = inputs.findIndex((input) => input.name === name);
  const before: InputValues = Object.create(null) as InputValues;
  for (const input of inputs.slice(0, at)) {
    const value = Object.hasOwn(known, input.name) ? known[input.name] : input.default;
    if (value !== undefined && !input.secret) before[input.name] = value;
  }
  return before;
}
