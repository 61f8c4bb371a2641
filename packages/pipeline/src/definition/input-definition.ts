// Reads one input of a definition: its type, its rules, and a default that keeps them.
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import { type InputDefinition, inputTypes } from '@rivet/protocol';
import { optionChecks, readDefault } from './input-default.ts';
import { inputRules, readListRules, readRules } from './input-rules.ts';
import { fieldPath, type IssueList } from './issue-list.ts';
import type { PatternCheck } from './lua-checks.ts';
import {
  choiceReader,
  fieldOf,
  labelOf,
  optional,
  present,
  type Reader,
  readBoolean,
  readRecord,
  required,
  textReader,
  wrong,
} from './read-fields.ts';

/** An input as it was read, and what is left to be checked in Lua. */
export interface ReadInput {
  readonly definition: InputDefinition;
  readonly validate: LuaFunction | undefined;
  /** Gives the options from the values of the inputs before it. */
  readonly options: LuaFunction | undefined;
  readonly patternChecks: readonly PatternCheck[];
}

const COMMON = ['type', 'description', 'required', 'default', 'secret', 'validate'] as const;
const ALL = [...COMMON, ...new Set(Object.values(inputRules).flat())];
const EXPECTED = 'a table such as { type = "string", default = "main" }';

/** Reads `inputs.<name>`; undefined when it has a mistake that hides the rest. */
export function readInput(
  name: string,
  value: LuaValue,
  path: string,
  issues: IssueList,
): ReadInput | undefined {
  const record = readRecord(value, path, issues, EXPECTED, ALL);
  if (record === undefined) return undefined;
  const typeExpected = `one of ${inputTypes.map((type) => `"${type}"`).join(', ')}`;
  const type = required(record, 'type', path, issues, typeExpected, choiceReader(inputTypes));
  const description = optional(record, 'description', path, issues, readDescription);
  const isRequired = optional(record, 'required', path, issues, readBoolean);
  const secret = optional(record, 'secret', path, issues, readBoolean) ?? false;
  const validate = optional(record, 'validate', path, issues, readFunction);
  if (type === undefined) return undefined;
  refuseRulesOfOtherTypes(record, type, path, issues);
  if (secret) checkSecret(record, type, path, issues);
  const before = issues.length;
  const given = fieldOf(record, 'options');
  const options = given instanceof LuaFunction ? given : undefined;
  if (options !== undefined && secret) refuseSecretOptions(path, issues);
  const rules = type === 'list' ? undefined : readRules(record, type, path, issues);
  const list = type === 'list' ? readListRules(record, path, issues) : undefined;
  const checks = rules === undefined ? [] : optionChecks(rules, path);
  const itemChecks = list === undefined ? [] : optionChecks(list.items, fieldPath(path, 'items'));
  // By broken rules a default cannot be judged, by its type it can.
  const broken = issues.length > before;
  const judges = broken && rules !== undefined ? { type: rules.type } : rules;
  const items = broken && list !== undefined ? { items: { type: list.items.type } } : list;
  const chosen = readDefault(record, judges, items, path, issues);
  const fallback = chosen?.value;
  const definition: InputDefinition = {
    name,
    type,
    required: fieldOf(record, 'default') === undefined && (isRequired ?? true),
    secret,
    ...present({ description, default: fallback }),
    ...present({ ...rules, ...list, type }),
    has_validate: validate !== undefined,
    ...(options === undefined ? {} : { has_options: true }),
  };
  return {
    definition,
    validate,
    options,
    patternChecks: [...checks, ...itemChecks, ...(chosen?.patternChecks ?? [])],
  };
}

/** Its message would show which values there are, and a wrong one beside them. */
function refuseSecretOptions(path: string, issues: IssueList): void {
  issues.add(fieldPath(path, 'options'), {
    message: 'a secret input has options: whoever launches the pipeline would see them',
    expected: 'no options, or no secret = true',
  });
}

const readDescription = textReader({ expected: 'text', lengthMax: 10_000 });

/** A function of the pipeline. */
export const readFunction: Reader<LuaFunction> = (value, path, issues) =>
  value instanceof LuaFunction
    ? value
    : wrong(issues, path, `${labelOf(path)} is not a function`, value, 'a function');

function refuseRulesOfOtherTypes(
  record: LuaRecord,
  type: InputDefinition['type'],
  path: string,
  issues: IssueList,
): void {
  const own: readonly string[] = [...COMMON, ...inputRules[type]];
  for (const key of ALL) {
    if (fieldOf(record, key) === undefined || own.includes(key)) continue;
    const listHint = type === 'list' && !key.endsWith('items') ? `; put ${key} under items` : '';
    issues.add(fieldPath(path, key), {
      message: `${key} has no meaning for an input of type ${type}${listHint}`,
      expected: `one of ${own.join(', ')}`,
    });
  }
}

function checkSecret(
  record: LuaRecord,
  type: InputDefinition['type'],
  path: string,
  issues: IssueList,
): void {
  if (type !== 'string') {
    issues.add(fieldPath(path, 'secret'), {
      message: `an input of type ${type} cannot be secret`,
      expected: 'secret = true only with type = "string"',
    });
  }
  if (fieldOf(record, 'default') !== undefined) {
    issues.add(fieldPath(path, 'default'), {
      message: 'a secret input has a default: whoever reads the pipeline would know it',
      expected: 'no default, or no secret = true',
    });
  }
}
