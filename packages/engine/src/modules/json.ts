// The module `json`: text of values and values of text.
import { RivetError } from '@rivet/base';
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
import { moduleSource } from './sources.ts';

export const jsonModule: HostModule = {
  name: 'json',
  functions: {
    encode: hostFunction(
      [
        optional('value', anyValue),
        optional('options', options({ pretty: boolean })),
        required('null', luaFunction),
      ],
      (_, value, given, nullValue) => {
        const plain = toJson(value ?? null, 'value', nullValue.id);
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
function toJson(value: LuaValue, path: string, nullId: number): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) throw notJson(path, String(value));
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof LuaFunction) {
    if (value.id === nullId) return null;
    throw notJson(path, 'a function');
  }
  if (value instanceof Uint8Array) throw notJson(path, describeValue(value));
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
  let parsed: unknown;
  try {
    parsed = parse(source, (_, value, { source: written }) => {
      if (typeof value === 'number' && written !== undefined && !isExact(value, written)) {
        inexact ??= written;
      }
      return value;
    });
  } catch (error) {
    throw decodeError(source, error);
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
  return !/^-?\d+$/.test(written) || Number.isSafeInteger(value);
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

/** V8's messages end with the position, or say that the input ended. */
function decodeError(source: string, error: unknown): RivetError {
  const message = error instanceof Error ? error.message : String(error);
  const at = /at position (\d+)/.exec(message)?.[1];
  const position = at === undefined ? source.length : Number(at);
  const reason = message
    .replace(/ (in JSON )?at position .*$/s, '')
    .replace(/, ?(\.\.\.)?".*" is not valid JSON$/s, '');
  return RivetError.of('RIVET_JSON_DECODE', { reason, ...lineAndColumn(source, position) });
}

function lineAndColumn(source: string, position: number): { line: number; column: number } {
  const before = source.slice(0, position);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: position - lineStart + 1 };
}
