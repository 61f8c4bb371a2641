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

const more = { name: 'more', functions: ['nothing'] };

function programOf(who: string, globals = {}): LuaProgram {
  const files = new Map([['main.lua', source]]);
  return {
    main: 'main.lua',
    files,
    modules: [...modules, more],
    seed: 'seed',
    env: { WHO: who },
    globals,
  };
}

const engine = createLocalEngine((reason) => {
  throw new Error(reason);
});

function returned(who: string, globals = {}): Promise<readonly unknown[]> {
  return evaluate(programOf(who, globals));
}

async function evaluate(program: LuaProgram): Promise<readonly unknown[]> {
  const vm = await engine.open(program, host, LIMITS);
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
  engine.prepare();
  // What was made ready sees something else, and is not used.
  expect(await returned('somebody', { nothing: 'more.nothing' })).toEqual(expected('somebody'));
  // It is used once.
  expect(await returned('somebody')).toEqual(expected('somebody'));
});

test('a program that was made ready gets the facts, variables and seed of the one that comes', async () => {
  const ofJob = (id: number): LuaProgram => ({
    main: 'main.lua',
    files: new Map([
      [
        'main.lua',
        `local changed = pcall(function() job.id = "other" end)
        return job.id, job.before, os.getenv("PLACE"), changed, math.random(1, 1000000)`,
      ],
    ]),
    modules: [
      {
        name: 'job',
        functions: ['log'],
        facts: { id },
        source: 'local job = ...\njob.before = type(job.id)',
      },
    ],
    seed: `seed ${id}`,
    env: id === 1 ? { PLACE: 'at 1', ONLY: 'one' } : { PLACE: `at ${id}` },
  });
  const alone = await evaluate(ofJob(2));
  expect(alone.slice(0, 4)).toEqual([2, 'nil', 'at 2', false]);
  const other = await evaluate(ofJob(1));
  engine.prepare();
  expect(await evaluate(ofJob(2))).toEqual(alone);
  expect(other[4]).not.toBe(alone[4]);
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

test.each([
  ['calls', `return function() sum = (sum or 0) + 1 end`],
  ['turns of a loop', `return function() for i = 1, 9 do sum = (sum or 0) + i end end`],
])(
  'code with few %s between two answers of the host is not hot, however many there are',
  (_, source) => {
    const { budget, lauxlib, lua, packing } = fengari;
    const L = lauxlib.luaL_newstate();
    const text = bytesOf(source);
    const [interrupted, uninterrupted] = [true, false].map((answered) => {
      lauxlib.luaL_loadbufferx(L, text, text.length, bytesOf('=chunk'), bytesOf('t'));
      const { p } = topOf(L) as LClosure;
      packing.pack(p, new packing.Pool());
      lua.lua_pcall(L, 0, 1, 0);
      for (let call = 0; call < 200; call += 1) {
        if (answered && call % 3 === 0) budget.answers += 1;
        lua.lua_pushvalue(L, -1);
        expect(lua.lua_pcall(L, 0, 0, 0)).toBe(lua.LUA_OK);
      }
      return packing.reset(p);
    });
    expect([interrupted, uninterrupted]).toEqual([true, false]);
  },
);
