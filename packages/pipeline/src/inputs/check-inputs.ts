// Holds the values of a launch against the inputs of a pipeline: all mistakes at once.
import { nearest } from '@rivet/base';
import type {
  DefinitionIssue,
  InputDefinition,
  InputValue,
  InputValues,
  PipelineDefinition,
} from '@rivet/protocol';
import { LIST_ITEMS_MAX } from '../definition/input-rules.ts';
import { ISSUES_MAX, itemPath } from '../definition/issue-list.ts';
import { showValue } from '../definition/show-value.ts';
import { withOptions } from './dependent-options.ts';
import { inputIssue, inputPath, unknownInput } from './input-issues.ts';
import type { LuaRules, PatternQuestion } from './lua-rules.ts';
import { patternExpected, type ScalarRules, scalarBreach } from './scalar-rules.ts';

export type InputCheck =
  | { readonly ok: true; readonly values: InputValues }
  | {
      readonly ok: false;
      readonly issues: DefinitionIssue[];
      /** Names of the required inputs without a value; they are among the issues too. */
      readonly missing: string[];
    };

/** Every mistake in `given`, or the values with defaults filled in. */
export async function checkInputs(
  definition: PipelineDefinition,
  given: unknown,
  lua: LuaRules,
): Promise<InputCheck> {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    const expected = 'values by the name of the input';
    const message = 'the inputs are not a table';
    const issue = { path: 'inputs', message, found: showValue(given), expected };
    return { ok: false, issues: [issue], missing: [] };
  }
  const issues = unknownNames(definition, given);
  const missing: string[] = [];
  /** The good ones: options of later inputs may depend on them. */
  const values: InputValues = {};
  for (const input of definition.inputs) {
    const own = ownValue(given, input.name);
    const value = own === undefined ? input.default : own;
    if (value === undefined) {
      if (!input.required) continue;
      missing.push(input.name);
      issues.push(
        inputIssue(input.name, 'is required and has no value', { expected: kind(input) }),
      );
      continue;
    }
    const found = await valueIssues(definition, input, value, values, lua);
    issues.push(...found);
    if (found.length === 0) values[input.name] = value as InputValue;
  }
  return issues.length > 0 ? { ok: false, issues, missing } : { ok: true, values };
}

/**
 * The mistakes in one value; the rules of Lua are asked only when the others hold.
 * @param known values of other inputs, from which options may follow
 */
export async function valueIssues(
  definition: PipelineDefinition,
  written: InputDefinition,
  value: unknown,
  known: InputValues,
  lua: LuaRules,
): Promise<DefinitionIssue[]> {
  const input = await withOptions(definition, written, known, lua);
  if ('issue' in input) return [input.issue];
  const issues = staticIssues(input, value);
  if (issues.length > 0) return issues;
  const rules = input.type === 'list' ? input.items : input;
  const pattern = rules?.pattern;
  if (pattern !== undefined) {
    const broken = await patternIssues(input, value as InputValue, pattern, lua);
    if (broken.length > 0) return broken;
  }
  // A default was validated when the pipeline was created.
  if (!input.has_validate || value === input.default) return [];
  const refusal = await lua.validate(input.name, value as InputValue);
  if (refusal === undefined) return [];
  return [inputIssue(input.name, withoutSecret(input, value, refusal), shown(input, value))];
}

/** The reason of a `validate` function, which may have quoted the value. */
function withoutSecret(input: InputDefinition, value: unknown, reason: string): string {
  if (!input.secret || typeof value !== 'string' || value === '') return reason;
  return reason.replaceAll(value, '***');
}

/** The required inputs that `given` has no value for, in the order of the file. */
export function missingInputs(
  definition: PipelineDefinition,
  given: Readonly<Record<string, unknown>>,
): InputDefinition[] {
  return definition.inputs.filter(
    (input) =>
      input.required && input.default === undefined && ownValue(given, input.name) === undefined,
  );
}

/** The values with `***` in place of those of secret inputs. */
export function maskSecretInputs(definition: PipelineDefinition, values: InputValues): InputValues {
  const secrets = new Set(definition.inputs.filter(({ secret }) => secret).map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, secrets.has(name) ? '***' : value]),
  );
}

/** A property of its own, never one of the prototype's; null is kept, as a value of no type. */
function ownValue(given: object, name: string): unknown {
  return Object.hasOwn(given, name) ? (given as Record<string, unknown>)[name] : undefined;
}

function unknownNames(definition: PipelineDefinition, given: object): DefinitionIssue[] {
  const known = new Set(definition.inputs.map((input) => input.name));
  const unknown = Object.keys(given).filter((name) => !known.has(name));
  const issues = unknown.slice(0, ISSUES_MAX).map((name) => unknownInput(definition, name));
  if (unknown.length > ISSUES_MAX) {
    const more = unknown.length - ISSUES_MAX;
    issues.push({ path: 'inputs', message: `${more} more unknown inputs are not listed` });
  }
  return issues;
}

/** What redaction in the log has to go by: see the engine's secret-forms.ts. */
const SECRET_BYTES_MIN = 4;

/** An empty value is no secret. */
function isTooShort(value: string): boolean {
  return value !== '' && Buffer.byteLength(value.trim()) < SECRET_BYTES_MIN;
}

function staticIssues(input: InputDefinition, value: unknown): DefinitionIssue[] {
  if (input.secret && typeof value === 'string' && isTooShort(value)) {
    const expected = `at least ${SECRET_BYTES_MIN} bytes, as less cannot be kept out of the log`;
    return [inputIssue(input.name, 'is too short for a secret', { expected })];
  }
  if (input.type !== 'list') {
    return scalarIssue(input, value, { ...input, type: input.type }, inputPath(input.name));
  }
  if (!Array.isArray(value)) {
    return [
      inputIssue(input.name, 'is not a list', { ...shown(input, value), expected: 'a list' }),
    ];
  }
  const max = input.max_items ?? LIST_ITEMS_MAX;
  const min = input.min_items ?? 0;
  if (value.length > max || value.length < min) {
    const problem = value.length > max ? 'has too many items' : 'has too few items';
    const expected = value.length > max ? `at most ${max}` : `at least ${min}`;
    return [inputIssue(input.name, problem, { found: String(value.length), expected })];
  }
  const rules = input.items ?? { type: 'string' as const };
  return Array.from(value).flatMap((item, index) =>
    scalarIssue(input, item, rules, itemPath(inputPath(input.name), index)),
  );
}

function scalarIssue(
  input: InputDefinition,
  value: unknown,
  rules: ScalarRules,
  path: string,
): DefinitionIssue[] {
  const breach = scalarBreach(value, rules);
  if (breach === undefined) return [];
  const { problem, expected, misspelt } = breach;
  const meant = misspelt === undefined ? undefined : nearest(misspelt.name, misspelt.known);
  const near = input.secret || meant === undefined ? {} : { nearest: meant };
  return [inputIssue(input.name, problem, { ...shown(input, value), expected, ...near }, path)];
}

async function patternIssues(
  input: InputDefinition,
  value: InputValue,
  pattern: string,
  lua: LuaRules,
): Promise<DefinitionIssue[]> {
  const texts = Array.isArray(value) ? value : [value];
  const questions: PatternQuestion[] = texts.map((text) => ({ text: String(text), pattern }));
  const refusals = await lua.matchAll(questions);
  return refusals.flatMap((refusal, index) => {
    if (refusal === undefined) return [];
    const path = Array.isArray(value) ? itemPath(inputPath(input.name), index) : undefined;
    const rest = { ...shown(input, texts[index]), expected: patternExpected(pattern) };
    return [inputIssue(input.name, refusal, rest, path)];
  });
}

/** The value as it may be shown: a secret's never. */
function shown(input: InputDefinition, value: unknown): { found: string } {
  return { found: input.secret ? 'a value that is not shown' : showValue(value) };
}

function kind(input: InputDefinition): string {
  const kinds = { string: 'text', number: 'a number', bool: 'true or false', list: 'a list' };
  return input.options === undefined
    ? kinds[input.type]
    : `one of ${input.options.map((option) => showValue(option)).join(', ')}`;
}
