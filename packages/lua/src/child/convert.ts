// Lua values to their form on the wire and back. Tables are read raw: metatables have no say.
import fengari, {
  type LuaState,
  type Table,
  type TString,
  type Value,
} from '../../vendor/fengari/src/index.js';
import { CHILD_FRAME_BYTES_MAX } from '../wire/frames.ts';
import type { WirePlace, WireValue } from '../wire/messages.ts';
import { chunkName, wirePlace } from './places.ts';
import { bytesOf, exactTextOf, textOf } from './text.ts';

const { lua, ltable, lvalue } = fengari;

const DEPTH_MAX = 100;
const VALUES_MAX = 250_000;
/** Bytes of all strings; as JSON they have at least as many. */
const STRING_BYTES_MAX = CHILD_FRAME_BYTES_MAX;
export const TOO_LARGE = 'more than 8 MB as JSON';
const POSITIONS_MAX = 50_000;
/** A list may have this many holes, and as many again as it has items. */
const HOLES_MAX = 16;

/** A value that cannot leave the VM. `path` starts with what `rootName` called the value. */
export class ValueError extends Error {
  readonly path: string;
  readonly found: string;
  readonly expected: string;

  constructor(path: string, found: string, expected: string) {
    super(`${path} is ${found}; expected ${expected}`);
    this.path = path;
    this.found = found;
    this.expected = expected;
  }
}

/** The functions that the engine knows by number. */
export class FunctionRegistry {
  readonly #byId = new Map<number, Value>();
  readonly #ids = new Map<unknown, number>();

  idOf(fn: Value): number {
    const known = this.#ids.get(fn);
    if (known !== undefined) return known;
    const id = this.#byId.size + 1;
    this.#ids.set(fn, id);
    this.#byId.set(id, fn);
    return id;
  }

  find(id: number): Value {
    return this.#byId.get(id);
  }
}

/** Takes values out of the VM; one reader a set of values, as it counts them. */
export class ValueReader {
  /** Where fields were set, by path, as far as it was recorded. */
  readonly positions: [string, WirePlace][] = [];
  readonly #functions: FunctionRegistry;
  readonly #withPositions: boolean;
  readonly #open = new Set<Table>();
  #count = 0;
  #stringBytes = 0;

  constructor(functions: FunctionRegistry, withPositions = false) {
    this.#functions = functions;
    this.#withPositions = withPositions;
  }

  /** @throws ValueError */
  read(value: Value, path: string): WireValue {
    this.#count += 1;
    if (this.#count > VALUES_MAX) {
      throw new ValueError(path, `one of more than ${VALUES_MAX} values`, 'fewer values');
    }
    if (value === undefined) return null;
    if (typeof value === 'boolean') return value;
    if (lvalue.isnumber(value)) return wireNumber(lvalue.numberof(value));
    if (typeof value === 'string') return this.#readString(value, path);
    if (value instanceof lvalue.Table) return this.#readTable(value, path);
    if (lvalue.isfunction(value)) return { f: [this.#functions.idOf(value), ...definedAt(value)] };
    const found = value instanceof fengari.lstate.lua_State ? 'a coroutine' : 'a userdata value';
    throw new ValueError(path, found, 'a string, number, boolean, table or function');
  }

  #readString(value: string, path: string): WireValue {
    this.#stringBytes += value.length;
    if (this.#stringBytes > STRING_BYTES_MAX) {
      throw new ValueError(
        path,
        TOO_LARGE,
        'smaller values, or data that commands read from files',
      );
    }
    return wireString(lvalue.tobytes(value));
  }

  #readTable(table: Table, path: string): WireValue {
    if (this.#open.has(table)) {
      throw new ValueError(path, 'a table that contains itself', 'a table without cycles');
    }
    if (this.#open.size >= DEPTH_MAX) {
      throw new ValueError(path, `nested more than ${DEPTH_MAX} tables deep`, 'fewer levels');
    }
    this.#open.add(table);
    if (this.#withPositions && path === '1' && table.born !== null) {
      this.positions.push([path, wirePlace(table.born)]);
    }
    const [first] = ltable.luaH_entries(table);
    const wire =
      first === undefined
        ? []
        : typeof first[0] === 'string'
          ? this.#readRecord(table, path)
          : this.#readList(table, path);
    this.#open.delete(table);
    return wire;
  }

  #readRecord(table: Table, path: string): WireValue {
    const fields: [string, WireValue][] = [];
    for (const [key, value] of ltable.luaH_entries(table)) {
      if (typeof key !== 'string') {
        const what = lvalue.isinteger(key)
          ? BOTH_KINDS
          : `both string keys and ${describeKey(key)}`;
        throw new ValueError(path, `a table with ${what}`, ONE_KIND);
      }
      const name = exactTextOf(lvalue.tobytes(key));
      if (name === undefined)
        throw new ValueError(path, 'a table with a key that is not UTF-8', 'UTF-8 keys');
      const fieldPath = pathOfKey(path, name);
      this.#mark(table, key, value, fieldPath);
      fields.push([name, this.read(value, fieldPath)]);
    }
    return { r: fields };
  }

  #readList(table: Table, path: string): WireValue {
    let length = 0;
    for (const [index] of ltable.luaH_entries(table)) {
      if (!lvalue.isinteger(index) || index < 1) {
        const what = typeof index === 'string' ? BOTH_KINDS : describeKey(index);
        throw new ValueError(path, `a table with ${what}`, ONE_KIND);
      }
      length = Math.max(length, index);
    }
    const count = ltable.luaH_count(table);
    if (length > 2 * count + HOLES_MAX) {
      const found = `a list of ${count} items up to index ${length}`;
      throw new ValueError(path, found, 'a list with few holes');
    }
    const items: WireValue[] = new Array(length).fill(null);
    for (const [key, value] of ltable.luaH_entries(table)) {
      const index = key as number;
      const itemPath = `${path}[${index}]`;
      this.#mark(table, index, value, itemPath);
      items[index - 1] = this.read(value, itemPath);
    }
    return items;
  }

  #mark(table: Table, key: unknown, value: Value, path: string): void {
    if (!this.#withPositions || this.positions.length >= POSITIONS_MAX) return;
    const born = value instanceof lvalue.Table ? value.born : null;
    const place = table.marks?.get(key) ?? born;
    if (place !== null && place !== undefined) this.positions.push([path, wirePlace(place)]);
  }
}

const BOTH_KINDS = 'both a list and string keys';
const ONE_KIND = 'a list with the keys 1, 2, 3, … or a table whose keys are strings';
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The path of a field, such as `a.b` or `a["b c"]`. */
function pathOfKey(path: string, key: string): string {
  return IDENTIFIER.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function describeKey(key: Value): string {
  if (lvalue.isnumber(key)) return `the key ${lvalue.numberof(key)}`;
  if (typeof key === 'boolean') return 'a boolean key';
  return key instanceof lvalue.Table ? 'a table as key' : 'a key that is no string or number';
}

function wireNumber(n: number): WireValue {
  if (Number.isFinite(n)) return Object.is(n, -0) ? { n: '-0' } : n;
  return { n: Number.isNaN(n) ? 'nan' : n > 0 ? 'inf' : '-inf' };
}

function wireString(bytes: Uint8Array): WireValue {
  return exactTextOf(bytes) ?? { b: Buffer.from(bytes).toString('base64') };
}

/** File and line where a function was written. */
function definedAt(fn: Value): [string, number] {
  if (!(fn instanceof lvalue.LClosure)) return ['[built-in]', 1];
  const { p } = fn;
  return [chunkName((p.source as TString).getstr()), Math.max(1, p.linedefined)];
}

/** Puts a value from the engine on top of the stack. */
export function pushWire(L: LuaState, value: WireValue, functions: FunctionRegistry): void {
  lua.lua_checkstack(L, 4);
  if (value === null) lua.lua_pushnil(L);
  else if (typeof value === 'boolean') lua.lua_pushboolean(L, value);
  else if (typeof value === 'number') pushNumber(L, value);
  else if (typeof value === 'string') lua.lua_pushstring(L, bytesOf(value));
  else if (Array.isArray(value)) pushList(L, value as readonly WireValue[], functions);
  else if ('b' in value) lua.lua_pushstring(L, Buffer.from(value.b, 'base64'));
  else if ('n' in value) lua.lua_pushnumber(L, SPECIAL_NUMBERS[value.n]);
  else if ('r' in value) pushRecord(L, value.r, functions);
  else if ('f' in value) pushFunction(L, value.f[0], functions);
}

const SPECIAL_NUMBERS = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  '-0': -0,
} as const;

function pushNumber(L: LuaState, n: number): void {
  if (Number.isSafeInteger(n)) lua.lua_pushinteger(L, n);
  else lua.lua_pushnumber(L, n);
}

function pushList(L: LuaState, items: readonly WireValue[], functions: FunctionRegistry): void {
  lua.lua_createtable(L, items.length, 0);
  items.forEach((item, i) => {
    pushWire(L, item, functions);
    lua.lua_rawseti(L, -2, i + 1);
  });
}

function pushRecord(
  L: LuaState,
  fields: readonly (readonly [string, WireValue])[],
  functions: FunctionRegistry,
): void {
  lua.lua_createtable(L, 0, fields.length);
  for (const [key, value] of fields) {
    lua.lua_pushstring(L, bytesOf(key));
    pushWire(L, value, functions);
    lua.lua_rawset(L, -3);
  }
}

function pushFunction(L: LuaState, id: number, functions: FunctionRegistry): void {
  lua.lua_pushraw(L, functions.find(id));
}

/** A short text that shows a value, for messages. */
export function describeValue(value: Value, max: number): string {
  if (value === undefined) return 'nil';
  if (typeof value === 'string') return textOf(lvalue.tobytes(value.slice(0, max)));
  if (typeof value === 'boolean') return String(value);
  if (lvalue.isnumber(value)) return String(lvalue.numberof(value));
  if (lvalue.isfunction(value)) return 'a function';
  return value instanceof lvalue.Table ? 'a table' : 'a value';
}
