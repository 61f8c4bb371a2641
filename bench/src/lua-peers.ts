// The virtual machines side by side: Rivet's, plain fengari, wasmoon (PUC Lua in WebAssembly) and
// Debian's lua5.3. Each is warm: it has run the program before.
import { createRequire } from 'node:module';
import { createLuaEngine, type LuaFunction } from '@rivet/lua';
import { LuaFactory } from 'wasmoon';
import { runCommand } from './command.ts';

/** A machine with one program loaded. */
export interface LuaPeer {
  readonly name: string;
  /** Runs the program once. */
  run(): Promise<{ ms: number; result: unknown }>;
  close(): Promise<void>;
}

const MEGABYTE = 1024 * 1024;
const LIMITS = { cpuMs: 120_000, memoryBytes: 1024 * MEGABYTE };

/** Rivet's VM, in its process and with its limits, as a job uses it. */
export async function rivetPeer(body: string): Promise<LuaPeer> {
  const engine = createLuaEngine({ keepReady: false });
  const source = new TextEncoder().encode(`return function() ${body}\nend`);
  const program = {
    main: 'bench.lua',
    files: new Map([['bench.lua', source]]),
    modules: [],
    seed: 'bench',
    env: {},
  };
  const host = {
    async call(): Promise<never> {
      throw new Error('the program makes no host calls');
    },
  };
  const vm = await engine.open(program, host, LIMITS);
  const [fn] = (await vm.evaluate()).values;
  return {
    name: 'rivet',
    async run() {
      const start = performance.now();
      const [result] = await vm.call(fn as LuaFunction, [], { branch: 'main' });
      return { ms: performance.now() - start, result };
    },
    async close() {
      await vm.close();
      await engine.close();
    },
  };
}

interface Fengari {
  readonly lua: {
    readonly LUA_OK: number;
    lua_pcall(L: unknown, args: number, results: number, handler: number): number;
    lua_pop(L: unknown, n: number): void;
    lua_pushvalue(L: unknown, index: number): void;
    lua_tojsstring(L: unknown, index: number): string;
    lua_tonumber(L: unknown, index: number): number;
  };
  readonly lauxlib: {
    luaL_newstate(): unknown;
    luaL_loadstring(L: unknown, source: Uint8Array): number;
  };
  readonly lualib: { luaL_openlibs(L: unknown): void };
  to_luastring(text: string): Uint8Array;
}

/** fengari as it is published. */
export async function fengariPeer(body: string): Promise<LuaPeer> {
  const fengari = createRequire(import.meta.url)('fengari') as Fengari;
  const { lua, lauxlib, lualib } = fengari;
  const L = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(L);
  if (lauxlib.luaL_loadstring(L, fengari.to_luastring(body)) !== lua.LUA_OK) {
    throw new Error(`fengari: ${lua.lua_tojsstring(L, -1)}`);
  }
  return {
    name: 'fengari',
    async run() {
      lua.lua_pushvalue(L, -1);
      const start = performance.now();
      const status = lua.lua_pcall(L, 0, 1, 0);
      const ms = performance.now() - start;
      if (status !== lua.LUA_OK) throw new Error(`fengari: ${lua.lua_tojsstring(L, -1)}`);
      const result = lua.lua_tonumber(L, -1);
      lua.lua_pop(L, 1);
      return { ms, result };
    },
    async close() {},
  };
}

/** PUC Lua 5.4, compiled to WebAssembly. */
export async function wasmoonPeer(body: string): Promise<LuaPeer> {
  const engine = await new LuaFactory().createEngine();
  const fn = (await engine.doString(`return function() ${body}\nend`)) as () => unknown;
  return {
    name: 'wasmoon',
    async run() {
      const start = performance.now();
      const result = fn();
      return { ms: performance.now() - start, result };
    },
    async close() {
      engine.global.close();
    },
  };
}

/** PUC Lua 5.3; the time is the processor's, which it measures itself. */
export async function pucPeer(body: string): Promise<LuaPeer> {
  const source = `local function program() ${body}\nend
    program()
    local start = os.clock()
    local result = program()
    print((os.clock() - start) * 1000, result)`;
  return {
    name: 'lua5.3',
    async run() {
      const [ms, result] = (await runCommand('lua5.3', ['-e', source])).trim().split('\t');
      return { ms: Number(ms), result: Number(result) };
    },
    async close() {},
  };
}
