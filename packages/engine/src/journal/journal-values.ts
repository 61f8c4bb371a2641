// Lua values as JSON of the journal and back.
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';

/**
 * JSON of a value. What JSON has no word for is a tagged object: `{"$": "bytes", "base64": …}`,
 * `{"$": "number", "text": "nan" | "inf" | "-inf" | "-0"}`, `{"$": "function", "id": …, …}`, and
 * `{"$": "record", "entries": [[key, value], …]}` for a record that itself has a key `$` or
 * `__proto__`.
 */
export function encodeValue(value: LuaValue): unknown {
  if (typeof value === 'number') return encodeNumber(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint8Array) {
    return { $: 'bytes', base64: Buffer.from(value).toString('base64') };
  }
  if (value instanceof LuaFunction) {
    return { $: 'function', id: value.id, position: value.position };
  }
  if (Array.isArray(value)) return value.map(encodeValue);
  const entries = Object.entries(value).map(([key, entry]) => [key, encodeValue(entry)] as const);
  if (Object.hasOwn(value, '$') || Object.hasOwn(value, '__proto__')) {
    return { $: 'record', entries };
  }
  return Object.fromEntries(entries);
}

function encodeNumber(value: number): unknown {
  if (Object.is(value, -0)) return { $: 'number', text: '-0' };
  if (Number.isFinite(value)) return value;
  const text = Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  return { $: 'number', text };
}

const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

/** The value behind JSON of the journal; what no writer wrote comes back as `null`. */
export function decodeValue(json: unknown): LuaValue {
  if (json === null || json === undefined) return null;
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') {
    return json;
  }
  if (Array.isArray(json)) return json.map(decodeValue);
  const tagged = json as Record<string, unknown>;
  switch (tagged.$) {
    case undefined:
      return record(Object.entries(tagged));
    case 'bytes':
      return new Uint8Array(Buffer.from(String(tagged.base64), 'base64'));
    case 'number':
      return NUMBERS.get(tagged.text) ?? null;
    case 'function':
      return new LuaFunction(
        Number(tagged.id),
        tagged.position as ConstructorParameters<typeof LuaFunction>[1],
      );
    case 'record':
      return record(tagged.entries as [string, unknown][]);
    default:
      return null;
  }
}

function record(entries: readonly (readonly [string, unknown])[]): LuaRecord {
  const decoded = Object.create(null) as LuaRecord;
  for (const [key, value] of entries) decoded[key] = decodeValue(value);
  return decoded;
}
