// Lua values to their form on the wire and back. Tables are read raw: metatables have no say.
import fengari, {
  type LClosure,
  type LuaState,
  type Table,
  type TString,
  type TValue,
} from '../../vendor/fengari/src/index.js';
import type { WirePlace, WireValue } from '../wire/messages.ts';
import { chunkName, wirePlace } from './places.ts';
import { bytesOf, exactTextOf, textOf } from './text.ts';

const { lua, lobject } = fengari;

const DEPTH_MAX = 100;
const VALUES_MAX = 250_000;
const POSITIONS_MAX = 50_000;
/** A list may have this many holes, and as many again as it has items. */
const HOLES_MAX = 16;

/** A value that can't leave the VM. `path` starts with what `rootName` called the value. */
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
  readonly #byId = new Map<number, TValue>();
  readonly #ids = new Map<unknown, number>();

  idOf(fn: TValue): number {
    const known = this.#ids.get(fn.value);
    if (known !== undefined) return known;
    const id = this.#byId.size + 1;
    this.#ids.set(fn.value, id);
    this.#byId.set(id, new lobject.TValue(fn.type, fn.value));
    return id;
  }

  find(id: number): TValue | undefined {
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

  constructor(functions: FunctionRegistry, withPositions = false) {
    this.#functions = functions;
    this.#withPositions = withPositions;
  }

  /** @throws ValueError */
  read(value: TValue, path: string): WireValue {
    this.#count += 1;
    if (this.#count > VALUES_MAX) {
      throw new ValueError(path, `one of more than ${VALUES_MAX} values`, 'fewer values');
    }
    if (value.ttisnil()) return null;
    if (value.ttisboolean()) return value.value === true;
    if (value.ttisinteger() || value.ttisfloat()) return wireNumber(value.value as number);
    if (value.ttisstring()) return wireString(value.svalue());
    if (value.ttistable()) return this.#readTable(value.value as Table, path);
    if (value.ttisfunction()) return { f: [this.#functions.idOf(value), ...definedAt(value)] };
    const found = value.ttisthread() ? 'a coroutine' : 'a userdata value';
    throw new ValueError(path, found, 'a string, number, boolean, table or function');
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
    const first = table.f;
    const wire =
      first === undefined
        ? []
        : first.key.ttisstring()
          ? this.#readRecord(table, path)
          : this.#readList(table, path);
    this.#open.delete(table);
    return wire;
  }

  #readRecord(table: Table, path: string): WireValue {
    const fields: [string, WireValue][] = [];
    for (let entry = table.f; entry !== undefined; entry = entry.n) {
      if (!entry.key.ttisstring()) {
        const isItem = entry.key.ttisinteger();
        const what = isItem ? BOTH_KINDS : `both string keys and ${describeKey(entry.key)}`;
        throw new ValueError(path, `a table with ${what}`, ONE_KIND);
      }
      const key = exactTextOf(entry.key.svalue());
      if (key === undefined)
        throw new ValueError(path, 'a table with a key that is not UTF-8', 'UTF-8 keys');
      const fieldPath = pathOfKey(path, key);
      this.#mark(table, `|${latin1(entry.key.svalue())}`, entry.value, fieldPath);
      fields.push([key, this.read(entry.value, fieldPath)]);
    }
    return { r: fields };
  }

  #readList(table: Table, path: string): WireValue {
    let length = 0;
    for (let entry = table.f; entry !== undefined; entry = entry.n) {
      const index = entry.key.value;
      if (!entry.key.ttisinteger() || typeof index !== 'number' || index < 1) {
        const what = entry.key.ttisstring() ? BOTH_KINDS : describeKey(entry.key);
        throw new ValueError(path, `a table with ${what}`, ONE_KIND);
      }
      length = Math.max(length, index);
    }
    if (length > 2 * table.strong.size + HOLES_MAX) {
      const found = `a list of ${table.strong.size} items up to index ${length}`;
      throw new ValueError(path, found, 'a list with few holes');
    }
    const items: WireValue[] = new Array(length).fill(null);
    for (let entry = table.f; entry !== undefined; entry = entry.n) {
      const index = entry.key.value as number;
      const itemPath = `${path}[${index}]`;
      this.#mark(table, index, entry.value, itemPath);
      items[index - 1] = this.read(entry.value, itemPath);
    }
    return items;
  }

  #mark(table: Table, key: unknown, value: TValue, path: string): void {
    if (!this.#withPositions || this.positions.length >= POSITIONS_MAX) return;
    const born = value.ttistable() ? (value.value as Table).born : null;
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

function describeKey(key: TValue): string {
  if (key.ttisinteger() || key.ttisfloat()) return `the key ${String(key.value)}`;
  if (key.ttisboolean()) return 'a boolean key';
  return key.ttistable() ? 'a table as key' : 'a key that is no string or number';
}

function wireNumber(n: number): WireValue {
  if (Number.isFinite(n)) return Object.is(n, -0) ? { n: '-0' } : n;
  return { n: Number.isNaN(n) ? 'nan' : n > 0 ? 'inf' : '-inf' };
}

function wireString(bytes: Uint8Array): WireValue {
  return exactTextOf(bytes) ?? { b: Buffer.from(bytes).toString('base64') };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** File and line where a function was written. */
function definedAt(fn: TValue): [string, number] {
  if (!fn.ttisLclosure()) return ['[built-in]', 1];
  const { p } = fn.value as LClosure;
  return [chunkName((p.source as TString).getstr()), Math.max(1, p.linedefined)];
}

/** Puts a value from the engine on top of the stack. */
export function pushWire(L: LuaState, value: WireValue, functions: FunctionRegistry): void {
  lua.lua_checkstack(L, 4);
  if (value === null) lua.lua_pushnil(L);
  else if (typeof value === 'boolean') lua.lua_pushboolean(L, value);
  else if (typeof value === 'number') pushNumber(L, value);
  else if (typeof value === 'string') fengari.pushbytes(L, bytesOf(value));
  else if (Array.isArray(value)) pushList(L, value as readonly WireValue[], functions);
  else if ('b' in value) fengari.pushbytes(L, new Uint8Array(Buffer.from(value.b, 'base64')));
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
  const fn = functions.find(id);
  if (fn === undefined) lua.lua_pushnil(L);
  else lobject.pushobj2s(L, fn);
}

/** A short text that shows a value, for messages. */
export function describeValue(value: TValue, max: number): string {
  if (value.ttisnil()) return 'nil';
  if (value.ttisstring()) return textOf(value.svalue().subarray(0, max));
  if (value.ttisboolean()) return String(value.value);
  if (value.ttisinteger() || value.ttisfloat()) return String(value.value);
  if (value.ttisfunction()) return 'a function';
  return value.ttistable() ? 'a table' : 'a value';
}
