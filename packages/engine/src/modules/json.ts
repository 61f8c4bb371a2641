// The module `json`: text of values and values of text.
import { describeThrown, RivetError, SecretText } from '@rivet/base';
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import { type HostModule, hostFunction, optional, required } from '../host-function.ts';
import {
  anyValue,
  boolean,
  describeValue,
  luaFunction,
  options,
  plainText,
} from '../value-readers.ts';
import { findJsonMistake, JSON_DEPTH_MAX, type JsonMistake } from './json-syntax.ts';
import { moduleSource } from './sources.ts';

export const jsonModule: HostModule = {
  name: 'json',
  functions: {
    encode: hostFunction(
      [
        required('value', anyValue),
        optional('options', options({ pretty: boolean })),
        required('null', luaFunction),
      ],
      (_, value, given, nullValue) => {
        const plain = toJson(value, 'value', nullValue.id);
        return [JSON.stringify(plain, undefined, given?.pretty === true ? 2 : undefined)];
      },
    ),
    decode: hostFunction(
      [required('text', plainText), required('null', luaFunction)],
      (_, source, nullValue) => [decodeJson(source, nullValue)],
    ),
  },
  luaFunctions: ['null'],
  source: moduleSource('json'),
};

/** @throws RIVET_JSON_ENCODE with the path of what JSON has no word for */
export function toJson(value: LuaValue, path: string, nullId: number): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw notJson(path, String(value));
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof LuaFunction) {
    if (value.id === nullId) return null;
    throw notJson(path, 'a function');
  }
  if (value instanceof Uint8Array || (value as unknown) instanceof SecretText) {
    throw notJson(path, describeValue(value));
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => toJson(item, `${path}[${index + 1}]`, nullId));
  }
  const plain = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of Object.entries(value)) {
    plain[key] = toJson(entry, `${path}.${key}`, nullId);
  }
  return plain;
}

function notJson(path: string, found: string): RivetError {
  return RivetError.of('RIVET_JSON_ENCODE', { path, found });
}

/**
 * @param nullValue stands in the result wherever the text has `null`
 * @throws RIVET_JSON_DECODE, RIVET_JSON_NUMBER with line and column
 */
export function decodeJson(source: string, nullValue: LuaFunction): LuaValue {
  let inexact: string | undefined;
  let mistake: JsonMistake | undefined;
  let parsed: unknown;
  try {
    parsed = parse(source, (_, value, { source: written }) => {
      if (typeof value === 'number' && written !== undefined && !isExact(value, written)) {
        inexact ??= written;
      }
      return value;
    });
  } catch (error) {
    mistake = findJsonMistake(source) ?? { position: 0, reason: describeThrown(error) };
  }
  mistake ??= tooDeep(source);
  if (mistake !== undefined) {
    const { position, reason } = mistake;
    throw RivetError.of('RIVET_JSON_DECODE', { reason, ...lineAndColumn(source, position) });
  }
  if (inexact !== undefined) {
    const place = lineAndColumn(source, numberPosition(source, inexact));
    throw RivetError.of('RIVET_JSON_NUMBER', { found: inexact, ...place });
  }
  return fromJson(parsed, nullValue);
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Node gives revivers the text of the value; the types of the language do not know it yet. */
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** Whole numbers must be exact; fractions are the nearest double, as everywhere. */
function isExact(value: number, written: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (!/^-?\d+$/.test(written)) return true;
  return String(value) === written || BigInt(written) === BigInt(value);
}

/** Few texts have enough brackets to be nested too deeply; only those are looked at again. */
function tooDeep(source: string): JsonMistake | undefined {
  let brackets = 0;
  for (const character of source) if (character === '[' || character === '{') brackets += 1;
  return brackets > JSON_DEPTH_MAX ? findJsonMistake(source) : undefined;
}

/** Where a number stands that is no part of a string. */
function numberPosition(source: string, written: string): number {
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs;
  for (const token of source.matchAll(tokens)) if (token[0] === written) return token.index;
  return 0;
}

function fromJson(value: unknown, nullValue: LuaFunction): LuaValue {
  if (value === null) return nullValue;
  if (Array.isArray(value)) return value.map((item) => fromJson(item, nullValue));
  if (typeof value !== 'object') return value as LuaValue;
  const record = Object.create(null) as LuaRecord;
  for (const [key, entry] of Object.entries(value)) record[key] = fromJson(entry, nullValue);
  return record;
}

function lineAndColumn(source: string, position: number): { line: number; column: number } {
  const before = source.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: position - lineStart + 1 };
}
