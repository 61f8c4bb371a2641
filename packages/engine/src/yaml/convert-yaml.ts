// Values of YAML to values of Lua and back.
import { RivetError, SecretText } from '@rivet/base';
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import { describeValue } from '../value-readers.ts';
import { isList, type YamlValue } from './yaml-value.ts';

const NUMBERS = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};

/** @param nullValue stands wherever the text has null */
export function toLua(value: YamlValue, nullValue: LuaFunction): LuaValue {
  if (value === null) return nullValue;
  if (typeof value !== 'object') return value;
  if (isList(value)) return value.map((item) => toLua(item, nullValue));
  if ('n' in value) return NUMBERS[value.n];
  const record = Object.create(null) as LuaRecord;
  for (const [key, entry] of value.o) record[key] = toLua(entry, nullValue);
  return record;
}

/** @throws RIVET_YAML_ENCODE with the path of what YAML has no word for */
export function fromLua(value: LuaValue, path: string, nullId: number): YamlValue {
  if (value === null) return null;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { n: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
  }
  if (typeof value !== 'object') return value;
  if (value instanceof LuaFunction && value.id === nullId) return null;
  if (isOpaque(value)) {
    throw RivetError.of('RIVET_YAML_ENCODE', { path, found: describeValue(value) });
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => fromLua(item, `${path}[${index + 1}]`, nullId));
  }
  const entries = Object.entries(value).map(
    ([key, entry]) => [key, fromLua(entry, `${path}.${key}`, nullId)] as const,
  );
  return { o: entries };
}

function isOpaque(value: unknown): value is LuaFunction | Uint8Array {
  return value instanceof LuaFunction || value instanceof Uint8Array || value instanceof SecretText;
}
