// Values on the engine's side of the wire: to JSON, and back from JSON that is not trusted.
import { RivetError } from '@rivet/base';
import { LuaFunction, type LuaRecord, type LuaValue } from '../values.ts';
import type { WireValue } from './messages.ts';

const DEPTH_MAX = 100;

/**
 * The wire form of a value.
 * @param path what an error calls the value
 * @throws RIVET_LUA_VALUE for what Lua has no value for: undefined, symbols, dates, cycles, …
 */
export function toWire(value: unknown, path: string, depth = 0): WireValue {
  if (depth > DEPTH_MAX) refuse(path, 'nested too deep or contains itself', 'at most 100 levels');
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return numberToWire(value);
  if (typeof value === 'string') return value.isWellFormed() ? value : refuseLone(path);
  if (value instanceof Uint8Array) return { b: Buffer.from(value).toString('base64') };
  if (value instanceof LuaFunction) {
    return { f: [value.id, value.position.file, value.position.line] };
  }
  if (Array.isArray(value)) {
    return value.map((item, i) => toWire(item ?? null, `${path}[${i + 1}]`, depth + 1));
  }
  if (isPlainObject(value)) {
    const fields = Object.entries(value).map(
      ([key, item]) => [key, toWire(item, `${path}.${key}`, depth + 1)] as const,
    );
    return { r: fields };
  }
  return refuse(path, describe(value), 'a value that Lua has');
}

/**
 * The value of a wire form.
 * @throws RangeError when it is none
 */
export function fromWire(wire: unknown, depth = 0): LuaValue {
  if (depth > DEPTH_MAX + 1) throw new RangeError('a value nested too deep');
  if (wire === null) return null;
  if (typeof wire === 'boolean' || typeof wire === 'number' || typeof wire === 'string') {
    return wire;
  }
  if (Array.isArray(wire)) return wire.map((item) => fromWire(item, depth + 1));
  if (typeof wire === 'object') return fromTagged(wire, depth);
  throw new RangeError(`a value of the type ${typeof wire}`);
}

function fromTagged(wire: object, depth: number): LuaValue {
  if ('r' in wire && Array.isArray(wire.r)) return recordFrom(wire.r, depth);
  if ('b' in wire && typeof wire.b === 'string')
    return new Uint8Array(Buffer.from(wire.b, 'base64'));
  if ('n' in wire && typeof wire.n === 'string') return specialNumber(wire.n);
  if ('f' in wire && Array.isArray(wire.f)) {
    const [id, file, line] = wire.f as unknown[];
    if (isCount(id) && typeof file === 'string' && isCount(line)) {
      return new LuaFunction(id, { file, line });
    }
  }
  throw new RangeError('a value with an unknown tag');
}

function recordFrom(fields: unknown[], depth: number): LuaRecord {
  const record: LuaRecord = Object.create(null);
  for (const field of fields) {
    if (!Array.isArray(field) || typeof field[0] !== 'string') throw new RangeError('a bad field');
    record[field[0]] = fromWire(field[1], depth + 1);
  }
  return record;
}

function numberToWire(n: number): WireValue {
  if (Number.isFinite(n)) return Object.is(n, -0) ? { n: '-0' } : n;
  return { n: Number.isNaN(n) ? 'nan' : n > 0 ? 'inf' : '-inf' };
}

function specialNumber(text: string): number {
  if (text === 'nan') return Number.NaN;
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  if (text === '-0') return -0;
  throw new RangeError('an unknown number');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (typeof value === 'object') return `an object of the class ${value?.constructor.name}`;
  return `a ${typeof value}`;
}

function refuseLone(path: string): never {
  return refuse(path, 'text with half a surrogate pair', 'well-formed text');
}

function refuse(path: string, found: string, expected: string): never {
  throw RivetError.of('RIVET_LUA_VALUE', { where: 'host', path, found, expected });
}
