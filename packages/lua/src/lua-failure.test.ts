// Errors of a script: position, source line, traceback, and how they are shown.
import type { RivetError } from '@rivet/base';
import { afterAll, describe, expect, test } from 'vitest';
import { positionOf, renderLuaError } from './lua-failure.ts';
import { closeEngine, evaluate, openProgram, run } from './test-program.ts';

afterAll(closeEngine);

async function failureOf(promise: Promise<unknown>): Promise<RivetError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) throw new Error('it did not fail');
  return error as RivetError;
}

describe('a syntax error', () => {
  test.each([
    ['local x = = 1', 1, 11, "unexpected symbol near '='"],
    ['\n\n  local x = }', 3, 13, "unexpected symbol near '}'"],
    ['x = "abc', 1, 5, 'unfinished string near'],
    ['x = [[abc\n\n', 1, 5, 'unfinished long string (starting at line 1)'],
    ['if x then', 1, 10, "'end' expected near <eof>"],
    ['for i = 1 do end', 1, 11, "',' expected near 'do'"],
    ['x = 1 \0 y = 2', 1, 7, "unexpected symbol near '<\\0>'"],
    ['x = "\\q"', 1, 5, 'invalid escape sequence'],
    ['x = 3e', 1, 5, "malformed number near '3e'"],
    ['goto nowhere', 1, 13, "no visible label 'nowhere'"],
    ['\tlocal 1', 1, 8, "<name> expected near '1'"],
    [`return ${'('.repeat(250)}1${')'.repeat(250)}`, 1, 207, 'too many C levels (limit is 200)'],
    ['x = \xff', 1, 5, 'unexpected symbol near'],
  ])('in %j is at its line and column', async (source, line, column, message) => {
    const error = await failureOf(evaluate(source));
    expect(error.code).toBe('RIVET_LUA_SYNTAX');
    expect(error.details.message).toContain(message);
    expect(positionOf(error)).toEqual({ file: 'main.lua', line, column });
    expect(error.details.source_line).toBe(source.split('\n')[line - 1]?.slice(0, 300));
  });

  test('in a file that is no UTF-8 is found all the same', async () => {
    const { vm } = await openProgram({ 'main.lua': Uint8Array.from([0x78, 0x20, 0xff, 0x0a]) });
    expect((await failureOf(vm.evaluate())).code).toBe('RIVET_LUA_SYNTAX');
  });

  test('in a line of a megabyte is shown in short', async () => {
    const error = await failureOf(evaluate(`x = ${'1 + '.repeat(250_000)}`));
    expect(error.code).toBe('RIVET_LUA_SYNTAX');
    expect(renderLuaError(error).length).toBeLessThan(4096);
  });

  test('is not what a byte order mark, CRLF or a first line with # make', async () => {
    expect(await evaluate('\ufeffreturn 1')).toEqual([1]);
    expect(await evaluate('#!/usr/bin/rivet\r\nreturn\r\n2\r\n')).toEqual([2]);
    expect(await evaluate('')).toEqual([]);
  });
});

describe('an error', () => {
  test('has message, line, column, source line and the traceback of the user', async () => {
    const source = `local function build(t)
  return t.name:upper()
end
local function make()
  local x = build({})
  return x
end
local y = make()
return y`;
    const error = await failureOf(evaluate(source));
    expect(renderLuaError(error)).toBe(
      `main.lua:2:17: attempt to index a nil value (field 'name')
  2 |   return t.name:upper()
    |                 ^
traceback:
  main.lua:2: in function 'build'
  main.lua:5: in function 'make'
  main.lua:8: in main chunk
hint: "name" is nil, so it has no fields: is its name right, and was it set before this line?`,
    );
  });

  test('of a recursion has its frame once, with how often', async () => {
    const error = await failureOf(evaluate('local function f() return 1 + f() end\nf()'));
    expect(renderLuaError(error)).toMatch(
      /in function 'f' \(\d+ times\)\n.*\nhint: A function calls/,
    );
  });

  test('without a hint of its own has the general one', async () => {
    const error = await failureOf(evaluate('error("x")'));
    expect(renderLuaError(error)).toMatch(/\nhint: Follow the traceback/);
  });

  test.each([
    ['error("x")', 'main.lua:1:22: x'],
    ['error("x", 0)', 'main.lua:1:22: x'],
    ['error()', 'main.lua:1:22: (error object is nil)'],
    ['error(nil)', 'main.lua:1:22: (error object is nil)'],
    ['error(42)', 'main.lua:1:22: (error object is 42)'],
    ['error(true)', 'main.lua:1:22: (error object is true)'],
    [
      'error({ code = 7, text = "no" })',
      'main.lua:1:22: (error object is a table: { code = 7, text = "no" })',
    ],
    [
      'error(setmetatable({}, { __tostring = function() return "mine" end }))',
      'main.lua:1:22: mine',
    ],
    [
      'error(setmetatable({}, { __tostring = function() error("worse") end }))',
      'main.lua:1:22: (error object is a table: {  })',
    ],
    [
      'error(setmetatable({}, { __tostring = function() while true do end end }))',
      'main.lua:1:22: (error object is a table: {  })',
    ],
    ['local t = {} t.t = t error(t)', 'main.lua:1:43: (error object is a table: { t = a table })'],
    ['error(print)', 'main.lua:1:22: (error object is nil)'],
    ['error(error)', 'main.lua:1:22: (error object is a function)'],
    ['assert(false)', 'main.lua:1:22: assertion failed!'],
    ['assert(nil, "why")', 'main.lua:1:22: why'],
    ['local x = 1 + {}', 'main.lua:1:34: attempt to perform arithmetic on a table value'],
    ['local x = {} < 1', 'main.lua:1:37: attempt to compare table with number'],
    ['("x"):rep({})', "main.lua:1:22: bad argument #1 to 'rep' (number expected, got table)"],
    ['missing.call()', "main.lua:1:30: attempt to index a nil value (global 'missing')"],
    ['missing()', "main.lua:1:22: attempt to call a nil value (global 'missing')"],
  ])('%s is shown', async (body, message) => {
    expect((await failureOf(run(body))).message).toBe(message);
  });

  test('of ten megabytes is shown in 4 KB', async () => {
    for (const body of ['error(("x"):rep(1e7))', 'error({ text = ("x"):rep(1e7) })']) {
      const error = await failureOf(run(body));
      expect(renderLuaError(error).length).toBeLessThan(4096 + 600);
      expect(error.message).toContain('xxx');
    }
  });

  test('has its column in characters, not bytes', async () => {
    const error = await failureOf(evaluate('\ufefflocal s = "äöü€😀" .. nothing'));
    const at = 'local s = "äöü€😀" .. nothing'.indexOf('..') + 1;
    expect(positionOf(error)).toEqual({ file: 'main.lua', line: 1, column: at });
    expect(error.details.source_line).toBe('local s = "äöü€😀" .. nothing');
  });

  test('has a traceback for xpcall too', async () => {
    const { values } = await run('\nreturn xpcall(function()\n error("x") end, debug.traceback)');
    expect(values).toEqual([
      false,
      'main.lua:3: x\nstack traceback:\n\tmain.lua:3: in function <main.lua:2>\n\tmain.lua:2: in function <main.lua:1>',
    ]);
  });

  test('in a coroutine is at the line that raised it', async () => {
    const error = await failureOf(
      run('\nlocal co = coroutine.wrap(function()\n error("inside")\n end)\n co()'),
    );
    expect(error.message).toMatch(/inside/);
    expect(positionOf(error)).toMatchObject({ file: 'main.lua' });
  });

  test('with a deep traceback shows its first frames', async () => {
    const error = await failureOf(
      run('local function f(n) if n == 0 then error("deep") end return (f(n - 1)) end f(500)'),
    );
    expect((error.details.traceback as string[]).length).toBe(31);
  });
});
