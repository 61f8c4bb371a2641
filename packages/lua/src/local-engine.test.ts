// Programs of the engine without a process: what is made ready before they come changes nothing.
import { expect, test } from 'vitest';
import fengari, { type LClosure } from '../vendor/fengari/src/index.js';
import { topOf } from './child/raised.ts';
import { bytesOf } from './child/text.ts';
import { createLocalEngine } from './local-engine.ts';
import type { LuaHost, LuaProgram } from './vm.ts';

const LIMITS = { cpuMs: 1000, memoryBytes: 64 * 1024 * 1024 };
const host: LuaHost = { call: async () => [] };

/** Two modules with equal names and instructions; one is hot before any program runs. */
const modules = [
  {
    name: 'plain',
    functions: [],
    source: `local plain = ...
      local greeting = "hello"
      function plain.greet(name) local text = greeting .. " " .. name return text end
      function plain.fail() local absent return absent.field end
      function plain.each()
        local found = {}
        for _, v in ipairs({ 1, 2, 3 }) do found[#found + 1] = v * 2 end
        return found
      end`,
  },
  {
    name: 'hot',
    functions: [],
    source: `local hot = ...
      local total = 0
      local function add(n) total = total + n return total end
      for i = 1, 500 do add(i) end
      function hot.total() return add(0) end
      function hot.fail() local absent return absent.field end`,
  },
];
const source = `
local ok, plain_error = pcall(plain.fail)
local _, hot_error = pcall(hot.fail)
return plain.greet("you"), plain.each(), hot.total(), plain_error, hot_error, ok, os.getenv("WHO")`;

function programOf(who: string): LuaProgram {
  const files = new Map([['main.lua', source]]);
  return { main: 'main.lua', files, modules, seed: 'seed', env: { WHO: who } };
}

const engine = createLocalEngine((reason) => {
  throw new Error(reason);
});

async function returned(who: string): Promise<readonly unknown[]> {
  const vm = await engine.open(programOf(who), host, LIMITS);
  try {
    const { values } = await vm.evaluate();
    return JSON.parse(JSON.stringify(values));
  } finally {
    await vm.close();
  }
}

function expected(who: string): unknown[] {
  const failure = expect.stringContaining("attempt to index a nil value (local 'absent')");
  return ['hello you', [2, 4, 6], 125250, failure, failure, false, who];
}

test('a program gives the same whether it was made ready or its modules were, or neither', async () => {
  expect(await returned('nobody')).toEqual(expected('nobody'));
  engine.prepare();
  expect(await returned('nobody')).toEqual(expected('nobody'));
  engine.prepare();
  expect(await returned('somebody')).toEqual(expected('somebody'));
  // What was made ready is used once.
  expect(await returned('somebody')).toEqual(expected('somebody'));
});

test('compiled code that is hot belongs to the program that ran it', () => {
  const { lauxlib, lua, packing } = fengari;
  const L = lauxlib.luaL_newstate();
  const [hot, cold] = [500, 5].map((turns) => {
    const text = bytesOf(`local sum = 0 for i = 1, ${turns} do sum = sum + i end return sum`);
    lauxlib.luaL_loadbufferx(L, text, text.length, bytesOf('=chunk'), bytesOf('t'));
    const { p } = topOf(L) as LClosure;
    packing.pack(p, new packing.Pool());
    expect(lua.lua_pcall(L, 0, 1, 0)).toBe(lua.LUA_OK);
    expect(lua.lua_tointeger(L, -1)).toBe((turns * (turns + 1)) / 2);
    return packing.reset(p);
  });
  expect([hot, cold]).toEqual([false, true]);
});
