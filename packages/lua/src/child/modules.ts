// The modules of a program: host functions, plain fields, and the trusted Lua that completes them.
import fengari, {
  type LClosure,
  type LuaState,
  type Proto,
  type Table,
} from '../../vendor/fengari/src/index.js';
import type { WireModule, WireProgram, WireValue } from '../wire/messages.ts';
import { branchesRun } from './branches.ts';
import { type FunctionRegistry, pushWire } from './convert.ts';
import { errorOf, syntaxErrorOf } from './errors.ts';
import type { HostCalls } from './host-calls.ts';
import { remember, topOf } from './raised.ts';
import { freeze, pushGlobalTable, pushPristineGlobals } from './sandbox.ts';
import type { Scheduler } from './scheduler.ts';
import { bytesOf } from './text.ts';

const { lua, lauxlib, libraries, lvalue, packing } = fengari;

interface Parts {
  readonly hostCalls: HostCalls;
  readonly scheduler: Scheduler;
  readonly functions: FunctionRegistry;
}

/**
 * Defines the modules and aliases of a program as globals, then makes all built-in tables
 * read-only.
 * @throws when a trusted chunk fails: a defect of whoever wrote it
 */
export function defineModules(
  L: LuaState,
  program: Pick<WireProgram, 'modules' | 'globals'>,
  parts: Parts,
): void {
  for (const module of program.modules) defineModule(L, module, parts);
  const trusted = program.modules.filter((module) => module.source !== null);
  if (trusted.length > 0) {
    pushPristineGlobals(L);
    for (const module of trusted) runTrusted(L, module, parts);
    lua.lua_pop(L, 1);
  }
  for (const [name, target] of program.globals) defineAlias(L, name, target);
  const tables = ['os', 'debug', ...program.modules.map((module) => module.name)];
  const standard = Object.keys(libraries).filter((name) => name !== 'base');
  freeze(L, new Set([...standard, ...tables]));
}

function defineModule(L: LuaState, module: WireModule, { hostCalls, functions }: Parts): void {
  pushGlobalTable(L, module.name);
  for (const name of module.functions) {
    lua.lua_pushcfunction(L, hostCalls.fixed(`${module.name}.${name}`));
    lua.lua_setfield(L, -2, bytesOf(name));
  }
  setFields(L, module.fields, functions);
  lua.lua_pop(L, 1);
}

/** Sets the facts of modules that are defined already, and read-only for all others. */
export function setFacts(
  L: LuaState,
  modules: readonly WireModule[],
  functions: FunctionRegistry,
): void {
  for (const { name, facts } of modules) {
    pushGlobalTable(L, name);
    const table = topOf(L) as Table;
    const { readonly } = table;
    table.readonly = null;
    setFields(L, facts, functions);
    table.readonly = readonly;
    lua.lua_pop(L, 1);
  }
}

/** Sets fields of the table on top of the stack. */
function setFields(L: LuaState, values: WireValue, functions: FunctionRegistry): void {
  if (values === null || typeof values !== 'object' || !('r' in values)) return;
  for (const [name, value] of values.r) {
    pushWire(L, value, functions);
    lua.lua_setfield(L, -2, bytesOf(name));
  }
}

/** Runs the Lua of a module with (module, host, branches); its globals are on top of the stack. */
function runTrusted(L: LuaState, module: WireModule, { hostCalls, scheduler }: Parts): void {
  loadTrusted(L, module);
  lua.lua_pushvalue(L, -2);
  lua.lua_setupvalue(L, -2, 1);
  pushGlobalTable(L, module.name);
  lua.lua_createtable(L, 0, 2);
  pushField(L, 'keep', keepError);
  pushField(L, 'call', hostCalls.named());
  lua.lua_createtable(L, 0, 1);
  pushField(L, 'run', branchesRun(scheduler));
  if (lua.lua_pcall(L, 3, 0, 0) !== lua.LUA_OK) {
    throw new Error(`the Lua of module ${module.name}: ${errorOf(L).message}`);
  }
}

/** Pushes the chunk of a module's Lua. */
function loadTrusted(L: LuaState, { name, source }: WireModule): void {
  const key = chunkKey(name, source);
  const known = compiled.get(key);
  // What hot code leaves in a prototype belongs to one program.
  compiled.delete(key);
  loadChunk(L, name, known === undefined ? (source ?? '') : '');
  const closure = topOf(L) as LClosure;
  if (known !== undefined) closure.p = known;
  else trust(closure.p);
}

function loadChunk(L: LuaState, module: string, text: string): void {
  const source = bytesOf(text);
  const name = bytesOf(`=[module ${module}]`);
  if (lauxlib.luaL_loadbufferx(L, source, source.length, name, bytesOf('t')) === lua.LUA_OK) return;
  const { message, place } = syntaxErrorOf(L);
  throw new Error(`the Lua of module ${module}: line ${place?.[1] ?? 0}: ${message}`);
}

/** The Lua of modules that was compiled before there was a program, by module and text. */
const compiled = new Map<string, Proto>();

/** Compiles the Lua of modules for the first program that has them. */
export function precompile(modules: readonly WireModule[]): void {
  const L = lauxlib.luaL_newstate();
  const pool = new packing.Pool();
  for (const { name, source } of modules) {
    if (source === null) continue;
    loadChunk(L, name, source);
    const { p } = topOf(L) as LClosure;
    trust(p);
    packing.pack(p, pool);
    compiled.set(chunkKey(name, source), p);
    lua.lua_pop(L, 1);
  }
}

/**
 * Runs what makes a program of modules that were precompiled, and keeps what was compiled also for
 * a program that is made instead of that one: the two are never both used.
 */
export function keepingCompiled<T>(modules: readonly WireModule[], make: () => T): T {
  const before = new Map(compiled);
  const made = make();
  const hot: WireModule[] = [];
  for (const module of modules) {
    const key = chunkKey(module.name, module.source);
    const proto = before.get(key);
    if (proto === undefined) continue;
    if (packing.reset(proto)) compiled.set(key, proto);
    else hot.push(module);
  }
  precompile(hot);
  return made;
}

/** Leaves what was compiled to the program that has it. */
export function forgetCompiled(modules: readonly WireModule[]): void {
  for (const { name, source } of modules) compiled.delete(chunkKey(name, source));
}

function chunkKey(name: string, source: string | null): string {
  return `${name}\n${source ?? ''}`;
}

/**
 * A message handler for `xpcall`: remembers where an error was raised, so that it can be raised
 * again after cleaning up. A text without a place may be a constant that is raised elsewhere too.
 */
function keepError(L: LuaState): number {
  lua.lua_settop(L, 1);
  const value = topOf(L);
  const placed =
    typeof value === 'string'
      ? /^[^\n]{1,200}?:\d+: /.test(value.slice(0, 300))
      : value instanceof lvalue.Table;
  if (placed) remember(value, errorOf(L));
  return 1;
}

function pushField(L: LuaState, name: string, fn: (L: LuaState) => number): void {
  lua.lua_pushcfunction(L, fn);
  lua.lua_setfield(L, -2, bytesOf(name));
}

/** Marks a chunk and the functions in it as Rivet's own. */
function trust(proto: Proto): void {
  proto.trusted = true;
  for (const inner of proto.p) trust(inner);
}

/** Makes `module.function` a global function. */
function defineAlias(L: LuaState, name: string, target: string): void {
  const dot = target.indexOf('.');
  pushGlobalTable(L, target.slice(0, dot));
  lua.lua_getfield(L, -1, bytesOf(target.slice(dot + 1)));
  lua.lua_setglobal(L, bytesOf(name));
  lua.lua_pop(L, 1);
}
