// The Lua state of a program and what its globals are: nothing that reaches outside of the VM, and
// built-in tables that cannot be changed.
import fengari, { type LuaState, type Table } from '../../vendor/fengari/src/index.js';
import { OutOfTime, outOfMemory } from './limits.ts';
import { tracebackOf } from './places.ts';
import { topOf } from './raised.ts';
import { bytesOf } from './text.ts';

const { lua, lauxlib, libraries, ltable, lvalue, math_seed: seedRandom } = fengari;

/**
 * A Lua state with the standard library that scripts may use; `os` has `getenv` alone.
 * @param env may be filled later
 */
export function createState(env: ReadonlyMap<string, string>): LuaState {
  const L = lauxlib.luaL_newstate();
  for (const [name, open] of Object.entries(libraries)) {
    lauxlib.luaL_requiref(L, bytesOf(name === 'base' ? '_G' : name), open, true);
    lua.lua_pop(L, 1);
  }
  defineTable(L, 'os', { getenv: (state) => getenv(state, env) });
  defineTable(L, 'debug', { traceback });
  lua.lua_atnativeerror(L, nativeError);
  return L;
}

/** Has `math.random` begin anew, of whichever state of this process. */
export function seedRandomness(seed: string): void {
  seedRandom(hash(seed));
}

/**
 * Makes the built-in tables read-only; call it when the modules are complete.
 * @param names globals that are tables
 */
export function freeze(L: LuaState, names: Iterable<string>): void {
  for (const name of names) {
    lua.lua_getglobal(L, bytesOf(name));
    const value = topOf(L);
    if (value instanceof lvalue.Table) value.readonly = name;
    lua.lua_pop(L, 1);
  }
  freezeStringMetatable(L);
}

/**
 * Pushes a new table with a copy of every global: what Rivet's own Lua sees, whatever scripts do.
 */
export function pushPristineGlobals(L: LuaState): void {
  lua.lua_createtable(L, 0, 0);
  lua.lua_pushglobaltable(L);
  const globals = topOf(L) as Table;
  lua.lua_pop(L, 1);
  for (const [key, value] of ltable.luaH_entries(globals)) {
    lua.lua_pushraw(L, key);
    lua.lua_pushraw(L, value);
    lua.lua_rawset(L, -3);
  }
  (topOf(L) as Table).readonly = 'the globals of Rivet';
}

/** Adds functions to a global table, which is made when there is none. */
function defineTable(
  L: LuaState,
  name: string,
  functions: Readonly<Record<string, (L: LuaState) => number>>,
): void {
  pushGlobalTable(L, name);
  for (const [key, fn] of Object.entries(functions)) {
    lua.lua_pushcfunction(L, fn);
    lua.lua_setfield(L, -2, bytesOf(key));
  }
  lua.lua_pop(L, 1);
}

/** Pushes the table with this global name; it is made when there is none. */
export function pushGlobalTable(L: LuaState, name: string): void {
  lua.lua_getglobal(L, bytesOf(name));
  if (lua.lua_istable(L, -1)) return;
  lua.lua_pop(L, 1);
  lua.lua_createtable(L, 0, 0);
  lua.lua_pushvalue(L, -1);
  lua.lua_setglobal(L, bytesOf(name));
}

function freezeStringMetatable(L: LuaState): void {
  lua.lua_pushliteral(L, '');
  const metatable = metatableOfTop(L);
  lua.lua_pop(L, 1);
  if (metatable === null) throw new Error('strings have no metatable');
  metatable.readonly = 'the metatable of strings';
}

function metatableOfTop(L: LuaState): Table | null {
  lua.lua_getmetatable(L, -1);
  const metatable = topOf(L) as Table;
  lua.lua_pushboolean(L, false);
  lua.lua_setfield(L, -2, bytesOf('__metatable'));
  lua.lua_pop(L, 1);
  return metatable;
}

function getenv(L: LuaState, env: ReadonlyMap<string, string>): number {
  const name = Buffer.from(lauxlib.luaL_checkstring(L, 1)).toString('utf8');
  const value = env.get(name);
  if (value === undefined) lua.lua_pushnil(L);
  else lua.lua_pushstring(L, bytesOf(value));
  return 1;
}

/** `debug.traceback([thread,] [message])`, without Rivet's own frames. */
function traceback(L: LuaState): number {
  const thread = lua.lua_tothread(L, 1);
  const at = thread === null ? 1 : 2;
  if (lua.lua_gettop(L) >= at && !lua.lua_isnil(L, at) && lua.lua_tostring(L, at) === null) {
    // What is no text comes back as it is.
    lua.lua_pushvalue(L, at);
    return 1;
  }
  const message = lua.lua_gettop(L) >= at ? lua.lua_tostring(L, at) : null;
  const frames = ['stack traceback:', ...tracebackOf(thread ?? L).map((frame) => `\t${frame}`)];
  lua.lua_pushstring(L, bytesOf(frames.join('\n')));
  if (message === null) return 1;
  lua.lua_pushvalue(L, at);
  lua.lua_pushliteral(L, '\n');
  lua.lua_pushvalue(L, -3);
  lua.lua_concat(L, 3);
  return 1;
}

/**
 * A JavaScript exception inside the VM, as an error value; what is no matter of the script goes on.
 */
function nativeError(L: LuaState): number {
  const error = lua.lua_touserdata(L, 1);
  if (error instanceof OutOfTime) throw error;
  if (error instanceof RangeError && /allocation failed/i.test(error.message)) outOfMemory(L);
  if (error instanceof RangeError) {
    const deep = /call stack/i.test(error.message);
    lua.lua_pushliteral(L, deep ? 'stack overflow' : `value too large (${error.message})`);
    return 1;
  }
  const text = error instanceof Error ? error.message : String(error);
  lua.lua_pushliteral(L, `the Lua VM failed: ${text}`);
  return 1;
}

/** 32 bits of FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of bytesOf(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}
