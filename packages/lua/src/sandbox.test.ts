// The sandbox: what a script sees, and what it cannot change or reach.
import { afterAll, describe, expect, test } from 'vitest';
import { closeEngine, evaluate, run } from './test-program.ts';

afterAll(closeEngine);

describe('globals', () => {
  test('are exactly these', async () => {
    const source = `local names = {}
      for name, value in pairs(_G) do
        if type(value) == "table" and value ~= _G then
          for field in pairs(value) do names[#names + 1] = name .. "." .. field end
        else names[#names + 1] = name end
      end
      table.sort(names)
      return table.concat(names, " ")`;
    const [names] = await evaluate(source);
    expect(String(names).split(' ')).toMatchInlineSnapshot(`
      [
        "_G",
        "_VERSION",
        "assert",
        "coroutine.create",
        "coroutine.isyieldable",
        "coroutine.resume",
        "coroutine.running",
        "coroutine.status",
        "coroutine.wrap",
        "coroutine.yield",
        "debug.traceback",
        "error",
        "getmetatable",
        "ipairs",
        "load",
        "math.abs",
        "math.acos",
        "math.asin",
        "math.atan",
        "math.ceil",
        "math.cos",
        "math.deg",
        "math.exp",
        "math.floor",
        "math.fmod",
        "math.huge",
        "math.log",
        "math.max",
        "math.maxinteger",
        "math.min",
        "math.mininteger",
        "math.modf",
        "math.pi",
        "math.rad",
        "math.random",
        "math.randomseed",
        "math.sin",
        "math.sqrt",
        "math.tan",
        "math.tointeger",
        "math.type",
        "math.ult",
        "next",
        "os.getenv",
        "pairs",
        "pcall",
        "rawequal",
        "rawget",
        "rawlen",
        "rawset",
        "require",
        "select",
        "setmetatable",
        "string.byte",
        "string.char",
        "string.find",
        "string.format",
        "string.gmatch",
        "string.gsub",
        "string.len",
        "string.lower",
        "string.match",
        "string.pack",
        "string.packsize",
        "string.rep",
        "string.reverse",
        "string.sub",
        "string.unpack",
        "string.upper",
        "table.concat",
        "table.insert",
        "table.move",
        "table.pack",
        "table.remove",
        "table.sort",
        "table.unpack",
        "tonumber",
        "tostring",
        "type",
        "utf8.char",
        "utf8.charpattern",
        "utf8.codepoint",
        "utf8.codes",
        "utf8.len",
        "utf8.offset",
        "xpcall",
      ]
    `);
  });

  test.each([
    ['string.x = 1', "attempt to change 'string', which is read-only"],
    ['string.upper = nil', "attempt to change 'string'"],
    ['rawset(math, "pi", 3)', "attempt to change 'math'"],
    ['table.insert(table, 1)', "attempt to change 'table'"],
    ['setmetatable(os, {})', "attempt to change 'os'"],
    ['table.sort(coroutine)', undefined],
    ['getmetatable("").__index = nil', 'attempt to index a boolean value'],
    ['setmetatable("", {})', 'table expected'],
    ['utf8.x = 1', "attempt to change 'utf8'"],
    ['debug.x = 1', "attempt to change 'debug'"],
  ])('that are built in cannot be changed: %s', async (body, message) => {
    const { values } = await run(`return pcall(function() ${body} end)`);
    expect(values[0]).toBe(message === undefined);
    if (message !== undefined) expect(values[1]).toContain(message);
  });

  test('of a program may be replaced by it, without harm to the next program', async () => {
    expect(await evaluate('string = nil pairs = 1 return type(string), ("x"):upper()')).toEqual([
      'nil',
      'X',
    ]);
    expect(await evaluate('return type(string), type(pairs)')).toEqual(['table', 'function']);
  });

  test('give no way to bytecode', async () => {
    const source = `return string.dump == nil, (load("\\27Lua")), select(2, load("\\27Lua", "x", "b")),
      pcall(load, function() return "\\27Lua" end)`;
    const values = await evaluate(source);
    expect(values.slice(0, 3)).toEqual([true, null, 'attempt to load a binary chunk']);
  });

  test('load text with an environment of its own', async () => {
    expect(
      await evaluate('return load("x = 1 return x", "c", "t", {})(), x, load("return 1 +")'),
    ).toEqual([1, null, null, '[string "return 1 +"]:1: unexpected symbol near <eof>']);
  });

  test('give the same random numbers for the same seed', async () => {
    const body = 'return math.random(1000000), math.random(), math.random(-5, 5)';
    const [first, again, other] = await Promise.all([
      run(body, {}, { seed: 'a' }),
      run(body, {}, { seed: 'a' }),
      run(body, {}, { seed: 'b' }),
    ]);
    expect(again.values).toEqual(first.values);
    expect(other.values).not.toEqual(first.values);
  });

  test('visit tables in the order in which keys were set', async () => {
    const source = `local t, keys = { z = 1, y = 2 }, {}
      t.a = 1 t.z = nil t.b = 2
      for k in pairs(t) do keys[#keys + 1] = k end
      for k in pairs({ 3, 2, 1 }) do keys[#keys + 1] = k end
      return table.concat(keys, " ")`;
    expect(await evaluate(source)).toEqual(['y a b 1 2 3']);
  });
});

describe('require', () => {
  const files = {
    'main.lua':
      'return require("lib.build").name, require("lib.build") == require("lib.build"), require("tools").x, ...',
    'lib/build.lua': 'local name = ... return { name = name }',
    'tools/init.lua': 'return { x = 5 }',
    'lib/a.lua': 'return require("lib.b")',
    'lib/b.lua': 'return require("lib.a")',
    'lib/bad.lua': 'return {\n  1,,\n}',
    'lib/fails.lua': '\nerror("no")',
    'lib/once.lua': 'counter = (counter or 0) + 1',
  };
  async function requiring(name: string) {
    const { openProgram } = await import('./test-program.ts');
    const { vm } = await openProgram({ ...files, 'main.lua': `\nreturn require(${name})` });
    return vm.evaluate();
  }

  test('loads files of the bundle once', async () => {
    const { openProgram } = await import('./test-program.ts');
    const { vm } = await openProgram(files);
    expect((await vm.evaluate()).values).toEqual(['lib.build', true, 5]);
    expect((await requiring('"lib.once") and require("lib.once") and (counter')).values).toEqual([
      1,
    ]);
  });

  test.each([
    [
      '"lib.nothing"',
      'RIVET_LUA_ERROR',
      'there is no lib/nothing.lua and no lib/nothing/init.lua beside main.lua; there are: lib.a, ',
    ],
    ['"../main"', 'RIVET_LUA_ERROR', 'expected names of files without .lua'],
    ['"/etc/passwd"', 'RIVET_LUA_ERROR', 'expected names of files without .lua'],
    ['"lib/build"', 'RIVET_LUA_ERROR', 'expected names of files without .lua'],
    ['"main"', 'RIVET_LUA_ERROR', 'there is no main.lua'],
    [
      '"lib.a"',
      'RIVET_LUA_ERROR',
      'the files require each other: lib/a.lua → lib/b.lua → lib/a.lua',
    ],
    ['"lib.bad"', 'RIVET_LUA_SYNTAX', "lib/bad.lua:2:5: unexpected symbol near ','"],
    ['"lib.fails"', 'RIVET_LUA_ERROR', 'lib/fails.lua:2:1: no'],
    ['{}', 'RIVET_LUA_ERROR', 'string expected, got table'],
  ])('of %s is an error that says what to write', async (name, code, message) => {
    await expect(requiring(name)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});
