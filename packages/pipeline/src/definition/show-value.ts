// Shows a Lua value in a message: short, on one line, and harmless to a terminal.
import { LuaFunction } from '@rivet/lua';

const TEXT_LENGTH_MAX = 80;

/** Control and invisible characters, which could rewrite the line they are shown in. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu;

/** Text in quotes, shortened, with unseen characters as escapes. */
export function showText(text: string): string {
  const points = [...text.slice(0, TEXT_LENGTH_MAX * 2)];
  const short = points.slice(0, TEXT_LENGTH_MAX).join('');
  const quoted = short.replaceAll(/["\\]/g, '\\$&').replaceAll(UNSEEN, escaped);
  return `"${quoted}${short.length < text.length ? '…' : ''}"`;
}

/**
 * What kind of thing a value is, and which one when that is short: `"tset"`, `4.5`, `a list of 3`.
 */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return showText(value);
  if (typeof value === 'number') return showNumber(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Uint8Array) return 'text that is not UTF-8';
  if (value instanceof LuaFunction) return 'a function';
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty table' : `a list of ${value.length}`;
  }
  if (typeof value !== 'object') return `a ${typeof value}`;
  const [first] = Object.keys(value);
  return first === undefined ? 'an empty table' : `a table with the key ${showText(first)}`;
}

function showNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN (not a number)';
  if (!Number.isFinite(value)) return value > 0 ? 'infinity' : '-infinity';
  return String(value);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return `\\u{${code.toString(16)}}`;
}
