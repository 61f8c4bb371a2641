// Limits of CPU time and memory: they hold, say where, and cannot be caught.
import { isRivetError, RivetError } from '@rivet/base';
import { childProcesses } from '@rivet/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { renderLuaError } from './lua-failure.ts';
import { closeEngine, openProgram, run } from './test-program.ts';
import type { LuaFunction } from './values.ts';

afterAll(closeEngine);

const CPU_MS = 150;
/** Far more than a busy machine needs, and far less than a limit that does not hold. */
const TOOK_MS_MAX = 60_000;
const MEMORY_CPU_MS = 10_000;
const MEGABYTE = 1024 * 1024;
const limits = { cpuMs: CPU_MS, memoryBytes: 24 * MEGABYTE };

/** Runs a body until a limit ends it; measures how long that took from the start of the call. */
async function untilLimit(
  body: string,
  cpuMs = CPU_MS,
): Promise<{ error: RivetError; tookMs: number }> {
  const program = `return function() ${body}\nend`;
  const { vm } = await openProgram(program, {}, { limits: { ...limits, cpuMs } });
  const [fn] = (await vm.evaluate()).values;
  const started = performance.now();
  const error = await vm.call(fn as LuaFunction, [], { branch: 'main' }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isRivetError(error)) throw new Error(`no limit was reached: ${String(error)}`);
  return { error, tookMs: performance.now() - started };
}

describe('CPU time', () => {
  test.each([
    ['an endless loop', 'while true do end'],
    [
      'a loop of pcalls that would catch an error',
      'while true do pcall(function() while true do end end) end',
    ],
    ['an endless loop in a coroutine', 'coroutine.wrap(function() while true do end end)()'],
    [
      'an endless loop in __gc-like metamethods',
      'return setmetatable({}, {__index = function() while true do end end}).x',
    ],
    ['a recursion that swallows its errors', 'local function f() pcall(f) f() end f()'],
    ['a pattern that tries everything', '("a"):rep(30):find(("a*"):rep(30) .. "b")'],
    [
      'a replacement of everything by much',
      'local s = ("a"):rep(1e5) while true do s:gsub("a*", "b") end',
    ],
    ['a search in a long text', 'local s = ("a"):rep(1e6) while true do s:find("b", 1, true) end'],
    [
      'a balanced match without an end',
      'local s = ("("):rep(2e5) for i = 1, 1e6 do s:find("%b()") end',
    ],
    [
      'table.concat of much',
      'local t = {} for i = 1, 1e4 do t[i] = "" end while true do table.concat(t) end',
    ],
    [
      'table.sort with an inconsistent order',
      'local t = {} for i = 1, 2e4 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end',
    ],
    ['table.insert at the front', 'local t = {} for i = 1, 1e6 do table.insert(t, 1, i) end'],
    ['table.move of a huge range', 'table.move({}, 1, 1e15, 2)'],
    ['string.rep of nothing', 'for i = 1, 1e9 do (""):rep(1e15) end'],
    [
      'a chain of __index',
      'local t = {} for i = 1, 100 do t = setmetatable({}, {__index = t}) end while true do local _ = t.x end',
    ],
    ['a parser fed for ever', 'load(function() return " " end)'],
    ['an iterator without an end', 'for _ in function() return 1 end do end'],
    [
      'select of many',
      'local t = {} for i = 1, 5e4 do t[i] = i end while true do select("#", table.unpack(t)) end',
    ],
  ])('ends %s', async (_, body) => {
    const { error, tookMs } = await untilLimit(body);
    expect(error.code).toBe('RIVET_LUA_CPU_LIMIT');
    expect(error.message).toMatch(/^main\.lua:1:\d+: the script computed for more than 150ms/);
    expect(tookMs).toBeLessThan(TOOK_MS_MAX);
  });

  test('ends an evaluation, and says where with the traceback', async () => {
    const source = 'local function spin()\n  while true do end\nend\nspin()';
    const { vm } = await openProgram(source, {}, { limits });
    const error = await vm.evaluate().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'RIVET_LUA_CPU_LIMIT',
      details: {
        position: { file: 'main.lua', line: 2 },
        source_line: '  while true do end',
        traceback: ["main.lua:2: in function 'spin'", 'main.lua:4: in main chunk'],
      },
    });
  });

  test('counts from one host call to the next', async () => {
    const body = `for i = 1, 30 do
      local started = host.cpu()
      for j = 1, 1e5 do end
    end return "done"`;
    const { values } = await run(body, { 'host.cpu': () => [0] }, { limits });
    expect(values).toEqual(['done']);
  });

  test('is watched from outside too: a native loop that counts nothing is killed', async () => {
    // A reader that returns nothing but the same long text makes the lexer run without the VM.
    const { error } = await untilLimit('local s = (" "):rep(1e6) load(function() return s end)');
    expect(['RIVET_LUA_CPU_LIMIT', 'RIVET_LUA_MEMORY_LIMIT']).toContain(error.code);
  });
});

describe('a program that is hurried', () => {
  const canceled = RivetError.of('RIVET_LUA_CLOSED', {});
  const WIDE = { limits: { cpuMs: 60_000 } };

  test('ends with the given error when it only computes', async () => {
    const { vm } = await openProgram('return function() while true do end end', {}, WIDE);
    const [fn] = (await vm.evaluate()).values;
    const ended = vm.call(fn as LuaFunction, [], { branch: 'main' });
    vm.hurry(100, canceled);
    await expect(ended).rejects.toBe(canceled);
    expect(vm.running).toBe(false);
  });

  test('goes on when it makes host calls, and as before when the hurry is over', async () => {
    const source = `return function()
      for i = 1, 40 do host.pause() for j = 1, 2e4 do end end
      host.relax()
      for j = 1, 3e7 do end
      return "done"
    end`;
    let relax = (): void => {};
    const hosts = {
      'host.pause': () => [],
      'host.relax': () => {
        relax();
        return [];
      },
    };
    const { vm } = await openProgram(source, hosts, WIDE);
    const [fn] = (await vm.evaluate()).values;
    relax = vm.hurry(100, canceled);
    expect(await vm.call(fn as LuaFunction, [], { branch: 'main' })).toEqual(['done']);
  });
});

describe('memory', () => {
  test.each([
    ['a string that doubles', 'local s = "x" while true do s = s .. s end'],
    ['string.rep', 'return ("a"):rep(2^31 - 1)'],
    ['string.rep with a separator', 'return ("a"):rep(1e8, "b")'],
    [
      'table.concat',
      'local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1e5) end return table.concat(t)',
    ],
    ['a table without an end', 'local t = {} local i = 0 while true do i = i + 1 t[i] = {i} end'],
    [
      'many strings',
      'local t = {} local i = 0 while true do i = i + 1 t[i] = ("x"):rep(5000) .. i end',
    ],
    [
      'many small strings',
      'local t = {} local i = 0 while true do i = i + 1 t[i] = "key" .. i end',
    ],
    [
      'closures',
      'local t = {} local i = 0 while true do i = i + 1 t[i] = function() return i end end',
    ],
    [
      'coroutines',
      'local t = {} local i = 0 while true do i = i + 1 t[i] = coroutine.create(print or error) end',
    ],
    [
      'string.format of a long text',
      'local s = ("x"):rep(1e7) return string.format("%s%s%s%s%s%s%s", s, s, s, s, s, s, s)',
    ],
    ['gsub that grows', 'local s = ("x"):rep(1e4) return (s:gsub("x", s))'],
    ['string.pack of a huge padding', 'return string.pack("c2000000000", "")'],
    [
      'a pcall around it',
      'while true do pcall(function() local s = "x" while true do s = s .. s end end) end',
    ],
  ])('ends %s', async (_, body) => {
    const { error } = await untilLimit(body, MEMORY_CPU_MS);
    expect(error.code).toBe('RIVET_LUA_MEMORY_LIMIT');
    expect(error.message).toMatch(/^main\.lua:1:\d+: the script used more than 24MB of memory/);
  });

  test('counts what host calls under way hold', async () => {
    const branches = {
      name: 'work',
      functions: [],
      source: 'local work, host, branches = ... work.run = branches.run',
    };
    const body = `local functions = {}
      for i = 1, 20 do functions[i] = function() host.keep(("x"):rep(5e6)) end end
      work.run(functions)`;
    const { vm } = await openProgram(
      `return function() ${body} end`,
      {},
      {
        modules: [{ name: 'host', functions: ['keep'] }, branches],
        limits: { ...limits, cpuMs: 5000 },
      },
      () => new Promise(() => {}),
    );
    const [fn] = (await vm.evaluate()).values;
    await expect(vm.call(fn as LuaFunction, [], { branch: 'main' })).rejects.toMatchObject({
      code: 'RIVET_LUA_MEMORY_LIMIT',
    });
  });

  test('is not reached by garbage', async () => {
    const body = 'for i = 1, 200 do local s = ("x"):rep(1e6) .. i end return "done"';
    const { values } = await run(body, {}, { limits: { ...limits, cpuMs: 5000 } });
    expect(values).toEqual(['done']);
  });

  test('of this process does not grow while a program reaches the limit', async () => {
    await untilLimit('local s = "x" while true do s = s .. s end', MEMORY_CPU_MS);
    const before = process.memoryUsage().rss;
    await untilLimit(
      'local t = {} local i = 0 while true do i = i + 1 t[i] = ("x"):rep(5000) .. i end',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(16 * MEGABYTE);
  });
});

describe('depth', () => {
  test.each([
    ['recursion', 'local function f() return 1 + f() end f()', /stack overflow/],
    [
      'recursion through a metamethod',
      'local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k .. "x"] end return t.a',
      /stack overflow/,
    ],
    [
      'coroutines in coroutines',
      'local function f() return coroutine.wrap(f)() end f()',
      /stack overflow/,
    ],
    ['a pattern', 'return ("a"):match(("a-"):rep(250) .. "b")', /pattern too complex/],
    [
      'an __index chain that ends nowhere',
      'setmetatable(_G, {__index = function(_, k) return _G[k] end}) return missing',
      /stack overflow/,
    ],
    [
      'an __index loop',
      'local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x',
      /loop/,
    ],
    ['too many results', 'return table.unpack({}, 1, 1e8)', /too many results/],
  ])('of %s is an ordinary error with its line', async (_, body, message) => {
    await expect(run(body)).rejects.toMatchObject({
      code: 'RIVET_LUA_ERROR',
      message: expect.stringMatching(message),
      details: { position: { file: 'main.lua', line: 1 } },
    });
    const { values } = await run(`return pcall(function() ${body} end)`);
    expect(values[0]).toBe(false);
  });
});

describe('after a limit', () => {
  test('the program is over: every call rejects with the limit, and no process remains', async () => {
    const { vm } = await openProgram(
      'return function() while true do end end, function() return host.never() end',
      { 'host.never': () => new Promise(() => {}) },
      { limits },
    );
    const [spin, wait] = (await vm.evaluate()).values as LuaFunction[];
    const children = childProcesses();
    const waiting = vm.call(wait!, [], { branch: 'a' });
    const spinning = vm.call(spin!, [], { branch: 'b' });
    const ends = await Promise.allSettled([waiting, spinning]);
    expect(ends.map((end) => end.status === 'rejected' && end.reason.code)).toEqual([
      'RIVET_LUA_CPU_LIMIT',
      'RIVET_LUA_CPU_LIMIT',
    ]);
    await expect(vm.call(spin!, [], { branch: 'c' })).rejects.toMatchObject({
      code: 'RIVET_LUA_CPU_LIMIT',
    });
    await vm.close();
    const left = new Set(childProcesses());
    expect(children.filter((child) => !left.has(child))).toHaveLength(1);
  });

  test('other programs run on', async () => {
    const { vm } = await openProgram('return function() return 1 end');
    const [fn] = (await vm.evaluate()).values;
    await untilLimit('while true do end');
    expect(await vm.call(fn as LuaFunction, [], { branch: 'x' })).toEqual([1]);
  });

  test('the error can be shown', async () => {
    const { error } = await untilLimit('\n  while true do end');
    expect(renderLuaError(error)).toContain('2 |   while true do end');
  });
});
