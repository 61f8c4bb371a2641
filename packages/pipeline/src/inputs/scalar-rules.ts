// Holds one scalar against its rules: type, options, range, whole numbers. Patterns need Lua.
import type { InputDefinition } from '@rivet/protocol';
import { showText, showValue } from '../definition/show-value.ts';

export type Scalar = string | number | boolean;
export type ScalarType = 'string' | 'number' | 'bool';
/** The rules of a scalar input or of a list's items. */
export type ScalarRules = Pick<
  InputDefinition,
  'options' | 'pattern' | 'min' | 'max' | 'integer'
> & { readonly type: ScalarType };

/** A broken rule. */
export interface RuleBreach {
  /** Ends the sentence "the value …". */
  readonly problem: string;
  readonly expected: string;
  readonly misspelt?: { readonly name: string; readonly known: string[] };
}

const TYPE_WORDS = { string: 'text', number: 'a number', bool: 'true or false' } as const;

/** UTF-8 bytes of one text value. */
const INPUT_TEXT_BYTES_MAX = 64 * 1024;

/** The first rule that `value` breaks, patterns left out. */
export function scalarBreach(value: unknown, rules: ScalarRules): RuleBreach | undefined {
  const expected = TYPE_WORDS[rules.type];
  if (rules.type === 'bool') {
    return typeof value === 'boolean' ? undefined : { problem: `is not ${expected}`, expected };
  }
  if (rules.type === 'number') {
    if (typeof value !== 'number') return { problem: `is not ${expected}`, expected };
    return numberBreach(value, rules) ?? optionBreach(value, rules);
  }
  if (typeof value !== 'string') return { problem: `is not ${expected}`, expected };
  return textBreach(value) ?? optionBreach(value, rules);
}

function numberBreach(value: number, rules: ScalarRules): RuleBreach | undefined {
  if (!Number.isFinite(value)) return { problem: 'is not finite', expected: 'a finite number' };
  if (rules.integer === true && !Number.isInteger(value)) {
    return { problem: 'is not a whole number', expected: 'a whole number' };
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return { problem: 'is too large to be kept exactly', expected: 'at most 2^53 - 1' };
  }
  if (rules.min !== undefined && value < rules.min) {
    return { problem: 'is too small', expected: `at least ${rules.min}` };
  }
  if (rules.max !== undefined && value > rules.max) {
    return { problem: 'is too large', expected: `at most ${rules.max}` };
  }
  return undefined;
}

function textBreach(value: string): RuleBreach | undefined {
  if (value.includes('\0')) {
    return { problem: 'has a zero byte', expected: 'text without zero bytes' };
  }
  if (!value.isWellFormed()) {
    return { problem: 'is not valid Unicode', expected: 'text that can be written as UTF-8' };
  }
  const bytes = Buffer.byteLength(value);
  if (bytes <= INPUT_TEXT_BYTES_MAX) return undefined;
  return { problem: `is too long (${bytes} bytes)`, expected: 'at most 64KB' };
}

function optionBreach(value: Scalar, rules: ScalarRules): RuleBreach | undefined {
  const { options } = rules;
  if (options === undefined || options.includes(value)) return undefined;
  const breach = {
    problem: 'is none of the options',
    expected: `one of ${options.map((option) => showValue(option)).join(', ')}`,
  };
  if (typeof value !== 'string') return breach;
  return { ...breach, misspelt: { name: value, known: options.map(String) } };
}

/** What is expected of a value that a pattern refuses. */
export function patternExpected(pattern: string): string {
  return `text that matches the Lua pattern ${showText(pattern)}`;
}
