// Reads the default of an input and holds it against the input's own rules.
import type { LuaRecord, LuaValue } from '@rivet/lua';
import type { InputValue } from '@rivet/protocol';
import { type Scalar, type ScalarRules, scalarBreach } from '../inputs/scalar-rules.ts';
import { LIST_ITEMS_MAX, type ListInputRules } from './input-rules.ts';
import { fieldPath, type IssueList, itemPath } from './issue-list.ts';
import type { PatternCheck } from './lua-checks.ts';
import { fieldOf, labelOf, listReader } from './read-fields.ts';
import { showValue } from './show-value.ts';

/** A default that keeps its rules, as far as they can be checked without Lua. */
export interface ReadDefault {
  readonly value: InputValue;
  readonly patternChecks: readonly PatternCheck[];
}

/** Reads the default of an input; undefined without one, or after a mistake was reported. */
export function readDefault(
  record: LuaRecord,
  rules: ScalarRules | undefined,
  list: ListInputRules | undefined,
  parent: string,
  issues: IssueList,
): ReadDefault | undefined {
  const value = fieldOf(record, 'default');
  const path = fieldPath(parent, 'default');
  if (value === undefined) return undefined;
  if (list !== undefined) return readListDefault(value, list, path, issues);
  if (rules === undefined) return undefined;
  const scalar = readScalar(value, rules, path, issues);
  return scalar === undefined
    ? undefined
    : { value: scalar, patternChecks: patternCheck(scalar, rules, path) };
}

function readListDefault(
  value: LuaValue,
  list: ListInputRules,
  path: string,
  issues: IssueList,
): ReadDefault | undefined {
  const max = list.max_items ?? LIST_ITEMS_MAX;
  const min = list.min_items ?? 0;
  const before = issues.length;
  const items = listReader<Scalar>({
    expected: 'a list such as { "linux" }',
    countMax: max,
    item: (element, at) => readScalar(element, list.items, at, issues),
  })(value, path, issues);
  if (items === undefined || issues.length > before) return undefined;
  if (items.length < min) {
    issues.add(path, {
      message: 'default has too few items',
      found: String(items.length),
      expected: `at least ${min}`,
    });
    return undefined;
  }
  const patternChecks = items.flatMap((item, index) =>
    patternCheck(item, list.items, itemPath(path, index)),
  );
  return { value: items, patternChecks };
}

function readScalar(
  value: LuaValue,
  rules: ScalarRules,
  path: string,
  issues: IssueList,
): Scalar | undefined {
  const breach = scalarBreach(value, rules);
  if (breach === undefined) return value as Scalar;
  const { problem, ...rest } = breach;
  issues.add(path, { message: `${labelOf(path)} ${problem}`, found: showValue(value), ...rest });
  return undefined;
}

function patternCheck(value: Scalar, rules: ScalarRules, path: string): PatternCheck[] {
  return rules.pattern === undefined || typeof value !== 'string'
    ? []
    : [{ path, pattern: rules.pattern, text: value }];
}

/** Options that must match the pattern beside them. */
export function optionChecks(rules: ScalarRules, path: string): PatternCheck[] {
  const { pattern, options } = rules;
  if (pattern === undefined || options === undefined) return [];
  const at = fieldPath(path, 'options');
  return options.map((text, index) => ({ path: itemPath(at, index), pattern, text: String(text) }));
}
