// Reads the rules of an input's values: options, pattern, range, number of items.
import { LuaFunction, type LuaRecord } from '@rivet/lua';
import { type Scalar, type ScalarRules, scalarBreach } from '../inputs/scalar-rules.ts';
import { fieldPath, type IssueList } from './issue-list.ts';
import { luaPatternProblem } from './lua-pattern.ts';
import {
  choiceReader,
  fieldOf,
  labelOf,
  listReader,
  numberReader,
  optional,
  present,
  type Reader,
  readBoolean,
  readNumber,
  readRecord,
  required,
  textReader,
  wrong,
} from './read-fields.ts';
import { showValue } from './show-value.ts';

/** The rules that each type has. */
export const inputRules = {
  string: ['options', 'pattern'],
  number: ['options', 'min', 'max', 'integer'],
  bool: [],
  list: ['items', 'min_items', 'max_items'],
} as const;

const ITEM_TYPES = ['string', 'number', 'bool'] as const;

/** The most items a list input can hold. */
export const LIST_ITEMS_MAX = 1000;
const OPTIONS_MAX = 1000;

/** Reads the rules of a scalar; those that its type does not have are left alone. */
export function readRules(
  record: LuaRecord,
  type: ScalarRules['type'],
  path: string,
  issues: IssueList,
): ScalarRules {
  const applies = (key: string): boolean => (inputRules[type] as readonly string[]).includes(key);
  const read = <T>(key: string, reader: Reader<T>): T | undefined =>
    applies(key) ? optional(record, key, path, issues, reader) : undefined;
  const rules: ScalarRules = {
    type,
    ...present({
      pattern: read('pattern', readPattern),
      min: read('min', readNumber),
      max: read('max', readNumber),
      integer: read('integer', readBoolean),
    }),
  };
  if (rules.min !== undefined && rules.max !== undefined && rules.min > rules.max) {
    issues.add(fieldPath(path, 'min'), {
      message: 'min is greater than max',
      found: `min = ${rules.min}, max = ${rules.max}`,
      expected: `min of at most ${rules.max}`,
    });
    return rules;
  }
  // A function gives them when the pipeline is launched.
  const isFunction =
    fieldOf(record, 'options') instanceof LuaFunction && !labelOf(path).startsWith('items');
  const options = isFunction ? undefined : read('options', readOptions(rules));
  return options === undefined ? rules : { ...rules, options };
}

function readOptions(rules: ScalarRules): Reader<Scalar[]> {
  const list = listReader<Scalar>({
    expected: 'a list such as { "debug", "release" }',
    countMax: OPTIONS_MAX,
    item: (value, path, issues) => {
      const breach = scalarBreach(value, rules);
      if (breach === undefined) return value as Scalar;
      return wrong(issues, path, `${labelOf(path)} ${breach.problem}`, value, breach.expected);
    },
    twice: (option) => `the option ${showValue(option)} is there twice`,
  });
  return (value, path, issues) => {
    const options = list(value, path, issues);
    if (!Array.isArray(value) || value.length > 0) return options;
    return wrong(issues, path, 'options is empty: no value would do', value, 'at least one option');
  };
}

const readPattern: Reader<string> = (value, path, issues) => {
  const expected = 'a Lua pattern such as "^%d+$"';
  const text = textReader({ expected, lengthMax: 1000 })(value, path, issues);
  const problem = text === undefined ? undefined : luaPatternProblem(text);
  if (problem === undefined) return text;
  return wrong(issues, path, `the pattern ${problem}`, value, expected);
};

/** The rules of a list input. */
export interface ListInputRules {
  readonly items: ScalarRules;
  readonly min_items?: number;
  readonly max_items?: number;
}

/** The rules of a list; its items are text when `items` is not there. */
export function readListRules(record: LuaRecord, path: string, issues: IssueList): ListInputRules {
  const count = numberReader(0, LIST_ITEMS_MAX, true);
  const items = optional(record, 'items', path, issues, readItems) ?? { type: 'string' };
  const limits = present({
    min_items: optional(record, 'min_items', path, issues, count),
    max_items: optional(record, 'max_items', path, issues, count),
  });
  const { min_items, max_items } = limits;
  if (min_items !== undefined && max_items !== undefined && min_items > max_items) {
    issues.add(fieldPath(path, 'min_items'), {
      message: 'min_items is greater than max_items',
      found: `min_items = ${min_items}, max_items = ${max_items}`,
      expected: `min_items of at most ${max_items}`,
    });
  }
  return { items, ...limits };
}

const readItems: Reader<ScalarRules> = (value, path, issues) => {
  const expected = 'a table such as { type = "string" }';
  const known = [
    'type',
    ...inputRules.string,
    ...inputRules.number.filter((key) => key !== 'options'),
  ];
  const record = readRecord(value, path, issues, expected, known);
  if (record === undefined) return undefined;
  const typeExpected = `one of ${ITEM_TYPES.map((type) => `"${type}"`).join(', ')}`;
  const type = required(record, 'type', path, issues, typeExpected, choiceReader(ITEM_TYPES));
  if (type === undefined) return undefined;
  for (const key of known) {
    const own: readonly string[] = ['type', ...inputRules[type]];
    if (fieldOf(record, key) === undefined || own.includes(key)) continue;
    issues.add(fieldPath(path, key), {
      message: `${key} has no meaning for items of type ${type}`,
      expected: own.length === 1 ? 'only type' : `one of ${own.join(', ')}`,
    });
  }
  return readRules(record, type, path, issues);
};
