// Branches: functions of a program that run at the same time, in order and with their own errors.
import { RivetError } from '@rivet/base';
import { afterAll, describe, expect, test } from 'vitest';
import { closeEngine, run } from './test-program.ts';
import type { HostCall, LuaModuleSpec } from './vm.ts';

afterAll(closeEngine);

const source = `
  local work, host, branches = ...
  function work.all(items, fn, options)
    local functions = {}
    for i, item in ipairs(items) do functions[i] = function() return fn(item, i) end end
    local results = branches.run(functions, options)
    local values = {}
    for i, result in ipairs(results) do
      if not result.ok and not result.skipped then error(result.error, 0) end
      values[i] = result.value or false
    end
    return values, results
  end
  function work.check(value) if not value then error("a value is needed") end return value end
  function work.index(value) return value.field end
  function work.send(...) return host.call("other.name", ...) end
`;
const work: LuaModuleSpec = { name: 'work', functions: ['wait'], source };
const modules = { modules: [work] };

describe('branches', () => {
  test('run at the same time and give their results in order', async () => {
    let waiting: (() => void)[] = [];
    const hosts = {
      'work.wait': (call: HostCall) =>
        new Promise<readonly number[]>((resolve) => {
          waiting.push(() => resolve(call.args as number[]));
          if (waiting.length < 3) return;
          for (const answer of waiting.reverse()) answer();
          waiting = [];
        }),
    };
    const body =
      'return work.all({1, 2, 3}, function(n) return work.wait(n) * 10 end)[2], work.all({}, print)';
    const { values, calls } = await run(body, hosts, modules);
    expect(values[0]).toBe(20);
    expect(calls.map((call) => call.branch)).toEqual(['main.1', 'main.2', 'main.3']);
  });

  test('never share a name, whatever was run before', async () => {
    const body = `
      local function twice() work.all({1, 2}, function() work.wait() end) end
      twice()
      work.all({1}, twice)
      work.wait()`;
    const { calls } = await run(body, {}, modules);
    const names = calls.map((call) => `${call.branch}#${call.sequence}`);
    expect(names).toEqual(['main.1#1', 'main.2#1', 'main.3.1#1', 'main.3.2#1', 'main#1']);
  });

  test('no more than max at a time', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const letGo = (): void => {
      for (const go of waiting.splice(0)) go();
    };
    const hosts = {
      // Nobody is let go before two wait, so that a third would be seen.
      'work.wait': () =>
        new Promise<readonly []>((resolve) => {
          waiting.push(() => resolve([]));
          most = Math.max(most, waiting.length);
          if (waiting.length >= 2) setImmediate(letGo);
        }),
    };
    await run('work.all({1,2,3,4,5,6}, function() work.wait() end, { max = 2 })', hosts, modules);
    expect(most).toBe(2);
  });

  test('after a failure with fail_fast no further one starts', async () => {
    const body = `
      local ok, e = pcall(work.all, {1, 2, 3}, function(n)
        work.wait(n)
        if n == 1 then error("first") end
      end, { max = 1, fail_fast = true })
      return e`;
    const { values, calls } = await run(body, {}, modules);
    expect(values).toEqual(['main.lua:4: first']);
    expect(calls.length).toBe(1);
  });

  test('raised again, an error keeps its code, its position and the traceback of its branch', async () => {
    const hosts = {
      'work.wait': () => {
        throw RivetError.of('RIVET_TIMEOUT', { what: 'it', limit: '5s' });
      },
    };
    const body = '\nwork.all({1}, function inner() end)';
    await expect(run(body, hosts, modules)).rejects.toMatchObject({ code: 'RIVET_LUA_SYNTAX' });
    const nested =
      '\nlocal function inner()\n work.wait()\nend\nwork.all({1}, function() inner() end)';
    await expect(run(nested, hosts, modules)).rejects.toMatchObject({
      code: 'RIVET_TIMEOUT',
      details: {
        position: { line: 3 },
        traceback: ["main.lua:3: in function 'inner'", 'main.lua:5: in function <main.lua:5>'],
      },
    });
  });

  test('cannot be started inside a callback of a native function, which is said', async () => {
    const body = 'table.sort({2, 1}, function() work.all({1}, print) end)';
    await expect(run(body, {}, modules)).rejects.toMatchObject({
      details: { message: expect.stringContaining('inside a callback of a native function') },
    });
  });

  test('many of them without a host call need no deep stack', async () => {
    const body =
      'local n = 0 for i = 1, 3000 do work.all({1}, function() n = n + 1 end) end return n';
    expect((await run(body, {}, modules)).values).toEqual([3000]);
  });
});

describe("Rivet's own Lua", () => {
  test('raises errors at the line of its caller', async () => {
    await expect(run('\n\nwork.check(nil)', {}, modules)).rejects.toMatchObject({
      message: 'main.lua:3:1: a value is needed',
      details: { traceback: ['main.lua:3: in function <main.lua:1>'] },
    });
    await expect(run('\nwork.index(nil)', {}, modules)).rejects.toMatchObject({
      message: expect.stringMatching(/^main\.lua:2:1: attempt to index a nil value/),
    });
  });

  test('makes host calls of any name at the line of its caller', async () => {
    const { calls } = await run('\nwork.send(1, nil)', {}, modules);
    expect(calls).toMatchObject([{ name: 'other.name', args: [1, null], position: { line: 2 } }]);
  });

  test('does not see what a script does to its globals', async () => {
    const body =
      'error, ipairs, branches = nil, nil, nil return (work.all({7}, function(n) return n end))';
    expect((await run(body, {}, modules)).values[0]).toEqual([7]);
  });

  test('of a module that fails is reported with the module when the program is opened', async () => {
    const broken: LuaModuleSpec = { name: 'bad', functions: [], source: 'local x = = 1' };
    await expect(run('', {}, { modules: [broken] })).rejects.toMatchObject({
      code: 'RIVET_LUA_PROCESS',
      message: expect.stringContaining('module bad'),
    });
  });

  test('gives its functions global names, and extends os', async () => {
    const modulesWithOs: LuaModuleSpec[] = [
      {
        name: 'log',
        functions: [],
        source: 'local log = ... function log.print(...) return "printed", ... end',
      },
      { name: 'os', functions: ['time'], fields: { name: 'x' } },
    ];
    const body =
      'local p, v = print(1) return p, v, os.time(), os.getenv("A"), os.getenv("B"), os.name';
    const { values } = await run(
      body,
      { 'os.time': () => [99] },
      { modules: modulesWithOs, globals: { print: 'log.print' }, env: { A: 'a' } },
    );
    expect(values).toEqual(['printed', 1, 99, 'a', null, 'x']);
  });
});
