// Typed values out of text: flags of a command line, fields of a form, answers to a prompt.
import { nearest } from '@rivet/base';
import type {
  DefinitionIssue,
  InputDefinition,
  InputValue,
  InputValues,
  PipelineDefinition,
} from '@rivet/protocol';
import { showText } from '../definition/show-value.ts';
import { inputIssue, unknownInput } from './input-issues.ts';
import type { Scalar, ScalarType } from './scalar-rules.ts';

export type InputTextResult =
  | { readonly ok: true; readonly value: InputValue }
  | { readonly ok: false; readonly issue: DefinitionIssue };

/**
 * The typed value of text: true/false/yes/no/1/0, decimal numbers, lists with commas or as a JSON
 * array. Only the form is checked here; `InputChecker` checks the rules.
 */
export function inputFromText(input: InputDefinition, text: string): InputTextResult {
  if (input.type === 'list') return listFromText(input, text);
  const value = scalarFromText(input.type, text);
  return value === undefined
    ? { ok: false, issue: wrongForm(input, input.type, text) }
    : { ok: true, value };
}

/** Like `inputFromText` for `name=value` pairs; repeating a list input adds items. */
export function inputsFromText(
  definition: PipelineDefinition,
  pairs: readonly (readonly [name: string, text: string])[],
): { readonly values: InputValues; readonly issues: DefinitionIssue[] } {
  const values = new Map<string, InputValue>();
  const issues: DefinitionIssue[] = [];
  for (const [name, text] of pairs) {
    const input = definition.inputs.find((candidate) => candidate.name === name);
    if (input === undefined) {
      issues.push(unknownInput(definition, name));
      continue;
    }
    const result = inputFromText(input, text);
    const before = values.get(name);
    if (!result.ok) {
      issues.push(result.issue);
    } else if (before === undefined) {
      values.set(name, result.value);
    } else if (Array.isArray(before) && Array.isArray(result.value)) {
      values.set(name, [...before, ...result.value]);
    } else {
      issues.push(
        inputIssue(name, 'is given twice', { expected: 'one value; only lists can be repeated' }),
      );
    }
  }
  return { values: Object.fromEntries(values), issues };
}

const BOOLS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['0', false],
]);

function scalarFromText(type: ScalarType, text: string): Scalar | undefined {
  if (type === 'string') return text;
  const trimmed = text.trim();
  if (type === 'bool') return BOOLS.get(trimmed.toLowerCase());
  if (!/^[+-]?\d+(\.\d+)?$/.test(trimmed)) return undefined;
  const value = Number(trimmed);
  // A whole number that would come out as another one is refused, never rounded.
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : value;
}

const FORMS = {
  string: 'text',
  number: 'a decimal number such as 4 or 2.5, whole ones below 2^53',
  bool: 'true or false (also yes, no, 1, 0)',
} as const;

function wrongForm(input: InputDefinition, type: ScalarType, text: string): DefinitionIssue {
  const what = { string: 'is not text', number: 'is not a number', bool: 'is not a bool' }[type];
  const near = type === 'bool' ? nearest(text.trim(), BOOLS.keys()) : undefined;
  const whose = input.type === 'list' ? 'has an item that ' : '';
  return inputIssue(input.name, whose + what, {
    found: input.secret ? 'a value that is not shown' : showText(text),
    expected: FORMS[type],
    ...(near === undefined ? {} : { nearest: near }),
  });
}

function listFromText(input: InputDefinition, text: string): InputTextResult {
  const type = input.items?.type ?? 'string';
  const trimmed = text.trim();
  if (trimmed === '') return { ok: true, value: [] };
  if (trimmed.startsWith('[')) return listFromJson(input, trimmed);
  const items: Scalar[] = [];
  for (const part of trimmed.split(',')) {
    const item = scalarFromText(type, part.trim());
    if (item === undefined) return { ok: false, issue: wrongForm(input, type, part.trim()) };
    items.push(item);
  }
  return { ok: true, value: items };
}

function listFromJson(input: InputDefinition, text: string): InputTextResult {
  const refuse = (problem: string): InputTextResult => ({
    ok: false,
    issue: inputIssue(input.name, problem, {
      found: showText(text),
      expected: 'items with commas, or a JSON array such as ["a", "b"]',
    }),
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('begins with "[" and is not a JSON array');
  }
  if (!Array.isArray(value)) return refuse('is not a JSON array');
  const items: Scalar[] = [];
  for (const item of value) {
    const scalar = ['string', 'number', 'boolean'].includes(typeof item);
    if (!scalar) return refuse('is a JSON array with an item that is no text, number or bool');
    items.push(item);
  }
  return { ok: true, value: items };
}
