// Host calls: they yield and resume from wherever a script makes them.
import { RivetError } from '@rivet/base';
import { afterAll, describe, expect, test } from 'vitest';
import { closeEngine, openProgram, run } from './test-program.ts';
import { LuaFunction } from './values.ts';

afterAll(closeEngine);

const echo = { 'host.echo': (call: { args: readonly unknown[] }) => call.args as never };

describe('a host call', () => {
  test('suspends the script and continues it with the results', async () => {
    const { values, calls } = await run('return host.echo(1, nil, "x", nil)', echo);
    expect(values).toEqual([1, null, 'x', null]);
    expect(calls).toMatchObject([
      { branch: 'main', sequence: 1, name: 'host.echo', args: [1, null, 'x', null] },
    ]);
  });

  test('names the line and column of the script that made it', async () => {
    const { calls } = await run('\n  local x =\n    host.echo(1)\n return x', echo);
    expect(calls[0]?.position).toEqual({ file: 'main.lua', line: 3, column: 5 });
  });

  test.each([
    ['pcall', 'local ok, v = pcall(host.echo, 5) return ok, v', [true, 5]],
    ['xpcall', 'return xpcall(function() return host.echo(6) end, error)', [true, 6]],
    [
      '__index',
      'return setmetatable({}, {__index = function(_, k) return host.echo(k) end}).a',
      ['a'],
    ],
    ['__add', 'return setmetatable({}, {__add = function(_, n) return host.echo(n) end}) + 7', [7]],
    [
      '__lt',
      'local t = setmetatable({}, {__lt = function() return host.echo(true) end}) return t < t',
      [true],
    ],
    [
      '__concat',
      'return setmetatable({}, {__concat = function(_, s) return host.echo(s) end}) .. "c"',
      ['c'],
    ],
    [
      '__call',
      'return setmetatable({}, {__call = function(_, n) return host.echo(n) end})(8)',
      [8],
    ],
    ['__len', 'return #setmetatable({}, {__len = function() return host.echo(9) end})', [9]],
    [
      'an iterator',
      'local n = 0 for v in function() n = n + 1 return host.echo(n < 4 and n or nil) end do end return n',
      [4],
    ],
    [
      'tostring',
      'return tostring(setmetatable({}, {__tostring = function() return host.echo("s") end}))',
      ['s'],
    ],
    [
      'table.sort',
      'local t = {3, 1, 2} table.sort(t, function(a, b) return host.echo(a < b) end) return table.concat(t)',
      ['123'],
    ],
    [
      'string.gsub',
      'return (("abc"):gsub("%w", function(c) return host.echo(c .. ".") end))',
      ['a.b.c.'],
    ],
    ['load', 'return load("return host.echo(4)")()', [4]],
    ['a tail call', 'return (function() return host.echo(3) end)()', [3]],
  ])('works inside %s', async (_, body, expected) => {
    expect((await run(body, echo)).values).toEqual(expected);
  });

  test('passes through user coroutines, which keep their own yields', async () => {
    const body = `
      local inner = coroutine.wrap(function(a)
        local b = coroutine.yield(host.echo(a))
        coroutine.yield(host.echo(b))
        return host.echo("end")
      end)
      local outer = coroutine.create(function() return inner(1), inner(2), inner() end)
      return coroutine.resume(outer)`;
    const { values, calls } = await run(body, echo);
    expect(values).toEqual([true, 1, 2, 'end']);
    expect(calls.map((call) => call.sequence)).toEqual([1, 2, 3]);
  });

  test('works in a coroutine inside a callback that cannot be suspended', async () => {
    const body = `
      local t = {2, 1}
      table.sort(t, function(a, b)
        return coroutine.wrap(function() return host.echo(a < b) end)()
      end)
      return t[1], t[2]`;
    expect((await run(body, echo)).values).toEqual([1, 2]);
  });

  test('shows the coroutine that waits for it as not suspended', async () => {
    const program = await openProgram(
      `local co
       local function work() co = coroutine.create(function() host.wait() return "done" end) return coroutine.resume(co) end
       local function look() return coroutine.status(co), coroutine.resume(co) end
       return work, look`,
      { 'host.wait': () => waiting },
    );
    let release = (_: readonly []): void => {};
    const waiting = new Promise<readonly []>((resolve) => {
      release = resolve;
    });
    const { values } = await program.vm.evaluate();
    const [work, look] = values as LuaFunction[];
    const working = program.vm.call(work!, [], { branch: 'a' });
    const seen = await program.vm.call(look!, [], { branch: 'b' });
    expect(seen).toEqual(['normal', false, 'cannot resume non-suspended coroutine']);
    release([]);
    expect(await working).toEqual([true, 'done']);
  });

  test('that fails raises an error at the line, which the script may catch', async () => {
    const hosts = {
      'host.fail': () => {
        throw new Error('no such image');
      },
    };
    const { values } = await run('\nreturn pcall(function()\n host.fail() end)', hosts);
    expect(values).toEqual([false, 'main.lua:3: no such image']);
  });

  test('keeps the code of a RivetError that nothing catches, also when it is raised again', async () => {
    const hosts = {
      'host.fail': () => {
        throw RivetError.of('RIVET_TIMEOUT', { what: 'it', limit: '5s' });
      },
    };
    const body = '\nlocal ok, e = pcall(host.fail)\nerror(e, 0)';
    await expect(run(body, hosts)).rejects.toMatchObject({
      code: 'RIVET_TIMEOUT',
      message: 'it did not finish within 5s',
      details: { what: 'it', position: { file: 'main.lua', line: 2 } },
    });
  });

  test('is refused while the main file is evaluated, with name and line', async () => {
    const { vm, calls } = await openProgram('local a = 1\nhost.echo(a)', echo);
    await expect(vm.evaluate()).rejects.toMatchObject({
      code: 'RIVET_LUA_HOST_CALL_REFUSED',
      message: 'main.lua:2:1: host.echo cannot be called while the script is only being read',
      details: { name: 'host.echo' },
    });
    expect(calls).toEqual([]);
  });

  test('is refused in a call that asks for it', async () => {
    const { vm } = await openProgram('return function() return host.echo(1) end', echo);
    const [fn] = (await vm.evaluate()).values;
    await expect(
      vm.call(fn as LuaFunction, [], { branch: 'x', hostCalls: 'refused' }),
    ).rejects.toMatchObject({ code: 'RIVET_LUA_HOST_CALL_REFUSED' });
  });

  test('with a value that cannot leave the VM is an error with its path, found and expected', async () => {
    await expect(
      run('host.echo(1, { stages = { 1, coroutine.create(print or error) } })', echo),
    ).rejects.toMatchObject({
      code: 'RIVET_LUA_VALUE',
      details: { path: 'argument 2 of host.echo, at stages[2],', found: 'a coroutine' },
    });
  });

  test('that the host answers with what is no Lua value is an error that says so', async () => {
    const hosts = { 'host.odd': () => [new Date(0)] as never };
    await expect(run('return host.odd()', hosts)).rejects.toMatchObject({
      code: 'RIVET_LUA_VALUE',
      details: { path: 'result 1 of host.odd', found: 'an object of the class Date' },
    });
  });
});

describe('calls of functions', () => {
  test('run at the same time, each in its own branch, resumed in the order of the answers', async () => {
    const waiting = new Map<string, (values: readonly string[]) => void>();
    const { vm, calls } = await openProgram(
      'local order = {}\n' +
        'return function(n) local r = host.wait(n) order[#order + 1] = n return r end,\n' +
        ' function() return table.concat(order, ",") end',
      { 'host.wait': (call) => new Promise((resolve) => waiting.set(call.branch, resolve)) },
    );
    const [work, order] = (await vm.evaluate()).values as LuaFunction[];
    const results = ['a', 'b', 'c'].map((branch) => vm.call(work!, [branch], { branch }));
    await expect.poll(() => waiting.size).toBe(3);
    for (const branch of ['c', 'a', 'b']) waiting.get(branch)?.([branch.toUpperCase()]);
    expect(await Promise.all(results)).toEqual([['A'], ['B'], ['C']]);
    expect(await vm.call(order!, [], { branch: 'd' })).toEqual(['c,a,b']);
    expect(calls.map(({ branch, sequence }) => `${branch}${sequence}`)).toEqual(['a1', 'b1', 'c1']);
  });

  test('wait in their turn while another blocks inside a callback', async () => {
    const { vm } = await openProgram(
      `return function() local t = {2, 1} table.sort(t, function(a, b) return host.slow(a < b) end) return t[1] end,
              function() return host.quick() end`,
      {
        'host.slow': async (call) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return call.args;
        },
        'host.quick': () => ['quick'],
      },
    );
    const [slow, quick] = (await vm.evaluate()).values as LuaFunction[];
    const both = [vm.call(slow!, [], { branch: 'a' }), vm.call(quick!, [], { branch: 'b' })];
    expect(await Promise.all(both)).toEqual([[1], ['quick']]);
  });

  test('yielding outside of a coroutine is an error', async () => {
    await expect(run('coroutine.yield(1)')).rejects.toMatchObject({
      code: 'RIVET_LUA_ERROR',
      details: { message: 'attempt to yield from outside a coroutine' },
    });
    expect(
      (await run('return coroutine.isyieldable(), select(2, coroutine.running())')).values,
    ).toEqual([false, true]);
  });

  test('a function given to the host can be called while the host call is under way', async () => {
    const program = await openProgram(
      'return function() return host.twice(function(x) return host.echo(x) * 2 end) end',
      {
        ...echo,
        'host.twice': async (call) =>
          program.vm.call(call.args[0] as LuaFunction, [21], { branch: 'main.f' }),
      },
    );
    const [fn] = (await program.vm.evaluate()).values;
    expect(fn).toBeInstanceOf(LuaFunction);
    expect(await program.vm.call(fn as LuaFunction, [], { branch: 'main' })).toEqual([42]);
  });
});
