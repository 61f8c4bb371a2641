// The next host call is foreseen while one is under way: exactly the call that follows, or none.
import { describe, expect, test } from 'vitest';
import type { ExpectedAnswer, LuaModuleSpec } from '../vm.ts';
import type { WireValue } from '../wire/messages.ts';
import { type Course, courseOf, type TestAnswer } from './test-course.ts';

const answer: ExpectedAnswer = { fields: { exit_code: 0, text: 'ü' }, integers: ['duration_ms'] };
const expected = { 'task.run': answer, 'task.named': answer };
const AS_EXPECTED: WireValue = {
  r: [
    ['exit_code', 0],
    ['text', 'ü'],
    ['duration_ms', 12],
    ['more', true],
  ],
};
const task: LuaModuleSpec = {
  name: 'task',
  functions: ['run', 'other'],
  fields: { config: { image: 'alpine', steps: ['a', 'b'] } },
  source: `
    local task, host, branches = ...
    local function split(options)
      local list, named = nil, {}
      for key, value in pairs(options) do
        if type(key) == "number" then
          list = list or {}
          list[key] = value
        else
          named[key] = value
        end
      end
      return list, named
    end
    local function result(values, unchecked)
      if unchecked == nil then return values end
    end
    function task.named(options) return result(host.call("task.named", split(options))) end
    local function both(n)
      local first = host.call("task.run", n)
      return first, host.call("task.run", n + 1)
    end
    function task.twice(n)
      local first, second = both(n)
      return first, second
    end
    function task.both(first, second) return branches.run({ first, second }) end
    function task.one(first) return branches.run({ first }) end`,
};

function run(body: string, answers: TestAnswer = () => [AS_EXPECTED], foreseen = expected): Course {
  return courseOf(body, [task], foreseen, answers);
}

/** The first arguments of the calls, each with the sign `>` where the next one was foreseen. */
function shown({ calls }: Course): string {
  return calls
    .map(({ call, next }) => `${JSON.stringify(call.args[0] ?? null)}${next ? '>' : ''}`)
    .join(' ');
}

/** That each call which was foreseen is the one that was made. */
function expectExact({ calls }: Course): void {
  calls.forEach(({ next }, i) => {
    if (next === undefined) return;
    const { call: _, ...made } = calls[i + 1]!.call;
    expect({ ...next, type: 'host' }).toEqual(made);
  });
}

describe('the next call is foreseen', () => {
  test.each([
    ['after a call in a straight line', 'task.run(1) task.run(2)', '1> 2'],
    [
      'in a loop whose results are added',
      'local sum = 0 for i = 1, 3 do sum = sum + task.run(i).duration_ms end return sum',
      '1> 2> 3',
    ],
    [
      'in loops that count down, in floats and to no end',
      'for i = 2, 1, -1 do task.run(i) end for x = 0.5, 1.5 do task.run(x) end ' +
        'while true do local r = task.run("w") if r.duration_ms then break end end',
      '2> 1> 0.5> 1.5> "w"',
    ],
    [
      'where the exit code is looked at',
      'local r = task.run(1) if r.exit_code ~= 0 then error("failed") end ' +
        'if not r or r.exit_code > 0 then return end assert(r.exit_code == 0) task.run(2)',
      '1> 2',
    ],
    [
      'in functions, with any number of arguments and results',
      `local function step(...)
         local n = select("#", ...)
         local first, second = ...
         return task.run(n, second, ...), first
       end
       local function twice(f, ...) f(...) return f(...) end
       local _, a = twice(step, "x", "y")
       step(a)`,
      '2> 2> 1',
    ],
    [
      'after functions return into others',
      'local function deep(n) if n == 0 then task.run(0) return 7 end return (deep(n - 1)) + 1 end ' +
        'task.run(deep(3))',
      '0> 10',
    ],
    [
      'with arguments from variables of functions around, globals and modules',
      `local outer = { name = "o" }
       prefix = "p-"
       local function make(n) return prefix .. outer.name .. n .. task.config.image end
       local function go() task.run(1) task.run(make(1), task.config) end
       go()`,
      '1> "p-o1alpine"',
    ],
    [
      'with texts that are put together',
      `for i, name in ipairs({ "a", "b" }) do
         task.run(("%s=%d%%"):format(name:upper(), i), ("ab"):rep(2), #name, tostring(i) .. 1.5)
       end`,
      '"A=1%"> "B=2%"',
    ],
    [
      'with the name and options of a call of a module',
      'for i = 1, 3 do task.named({ "make", "t" .. i, check = true, env = { N = i } }) end',
      '["make","t1"]> ["make","t2"]> ["make","t3"]',
    ],
    [
      'as a traversal comes to it',
      'local t = { "a", "b", x = "c", y = "d" } for k, v in pairs(t) do task.run(v, k) end ' +
        'for k, v in next, t do task.run(v) end',
      '"a"> "b"> "c"> "d"> "a"> "b"> "c"> "d"',
    ],
    [
      'after results were stored in tables, variables and globals',
      `local results, count = {}, 0
       local function add(r) results[#results + 1] = r count = count + 1 last = count end
       for i = 1, 3 do add(task.run(i)) end
       task.run(count, last, #results, results[2].exit_code)
       results.sum = 5
       results[1] = nil
       task.run(results.sum, results[1], #results)
       local outer = { inner = {} }
       task.run(0)
       outer.inner.value = "new"
       task.run(1, { a = outer })`,
      '1> 2> 3> 3> 5> 0> 1',
    ],
    [
      'when a variable is shared with a function and changes',
      `local v = 1
       local function get() return v end
       local function set(x) v = x end
       task.run(get())
       v = v + 1
       task.run(get())
       set(10)
       task.run(v)
       do local w = v + 1 local function other() return w end w = w + 1 task.run(other()) w = 20
         task.run(other()) end
       task.run(get())`,
      '1> 2> 10 12> 20> 10',
    ],
    [
      'through tables that inherit',
      `local base = { run = function(self, n) return task.run(self.name .. n) end, name = "b" }
       base.__index = base
       local o = setmetatable({}, base)
       o:run(1) o:run(2)`,
      '"b1"> "b2"',
    ],
    [
      'with lists that are built, joined and taken apart',
      `for i = 1, 2 do
         local list = { "a", i }
         table.insert(list, "c")
         list[#list + 1] = math.max(i, 2)
         task.run(table.concat(list, "-"), table.unpack(list))
       end`,
      '"a-1-c-2"> "a-2-c-2"',
    ],
    [
      'after a function below set a variable of one above',
      'local v = 1 local function bump() task.run(v) v = 5 end bump() task.run(v)',
      '1> 5',
    ],
    [
      'in constructors of tables',
      'local t = { task.run(1), task.run(2).exit_code, k = task.run(3) } task.run(#t, t[2])',
      '1> 2> 3> 2',
    ],
    [
      'after tables with holes and other keys were written to',
      `local t, u = { 1, 2, 3 }, {}
       u[5] = "five"
       for i, v in pairs(t) do task.run(v) t[i] = nil u.x = i end
       for i = 1, 30 do u["k" .. i] = i end
       task.run("end", u[5])
       u.k30 = u.k29
       task.run(u[5], u.k30, t)`,
      '1> 2> 3> "end"> "five"',
    ],
    [
      'inside of a protected call, and of a coroutine that ended',
      `pcall(function() task.run(1) task.run(2) end)
       coroutine.wrap(function() task.run(3) end)()
       task.run(4) task.run(5)`,
      '1> 2 3 4> 5',
    ],
    [
      'with arithmetic on what is not known, that is not passed on',
      'local d = task.run(1).duration_ms local e = -d / 2 + d * 3 - 1 local f = e == nil task.run(f)',
      '1> false',
    ],
    [
      'with the text that was expected',
      'local r = task.run("ä") task.run(r.text .. "ß", type(r), type(r.duration_ms))',
      '"ä"> "üß"',
    ],
    [
      'in a function that runs as JavaScript',
      `local function plain(n) return n end
       local function go(n, f) local a = f(n) return a end
       local function loop()
         local f = plain
         for i = 1, 300 do if i > 297 then f = task.run end go(i, f) end
       end
       loop()`,
      '298> 299> 300',
    ],
  ])('%s', (_, body, calls) => {
    const course = run(body);
    expect(course.end).toMatchObject({ type: 'done' });
    expect(shown(course)).toBe(calls);
    expectExact(course);
  });

  test('also when it is another call than the one under way, with its place', () => {
    const course = run('task.run(1)\n\n  task.named({ 2 })\n task.run(3)');
    expect(course.calls[0]?.next).toEqual({
      type: 'foreseen',
      branch: 'main',
      sequence: 2,
      name: 'task.named',
      args: [[2], []],
      place: ['main.lua', 3, 3],
    });
    expectExact(course);
  });

  test('with the place of the line of the user, whatever called what', () => {
    const body = `local function go(n)
        return task.twice(n)
      end
      task.run(0)
      go(1)
      go(3)`;
    const course = run(body);
    expect(shown(course)).toBe('0> 1> 2> 3> 4');
    expectExact(course);
    expect(course.calls.map(({ call }) => call.place?.[1])).toEqual([4, 2, 2, 2, 2]);
  });

  test('and is another one when the answer was another', () => {
    const failed = { r: [['exit_code', 1] as const] };
    const body = 'if task.run(1).exit_code == 0 then task.run(2) else task.run(3) end';
    const { calls } = run(body, ({ args }) => [args[0] === 1 ? failed : AS_EXPECTED]);
    expect(calls.map(({ call, next }) => [call.args[0], next?.args[0]])).toEqual([
      [1, 2],
      [3, undefined],
    ]);
  });
});

const INDEXED =
  'local t = setmetatable({}, { __index = function() return 1 end, __add = function() end })';
const LARGE = 'local t = {} for i = 1, 300 do t[i] = i end';
const NEST = 'local function nest(n) if n < 70 then for _ in nest, n + 1 do end end end';
const DEEP = 'local function deep(n) if n == 0 then';
const EQUAL =
  'local e = { __eq = function() return true end } ' +
  'local t, u = setmetatable({}, e), setmetatable({}, e)';

describe('no call is foreseen', () => {
  const not = (what: string, between: string, before = '', after = 'task.run(2)') =>
    [what, `${before} local r = task.run(1) ${between} ${after}`] as const;
  test.each([
    not('after another call', 'task.other()'),
    not('when another call comes first', 'task.other()', '', ''),
    not('when the script ends', '', '', ''),
    not('with a number that is not known', '', '', 'task.run(r.duration_ms + 1)'),
    not('with a number that is not known in a table', '', '', 'task.run({ { r.duration_ms } })'),
    not('with the answer', '', '', 'task.run(r)'),
    not('with the answer in a table', '', '', 'task.run({ r })'),
    not('with a field of the answer of which nothing is known', 'local x = r.more'),
    not('with an item of the answer', 'local x = r[1]'),
    not('when the answer is written to', 'r.exit_code = 5'),
    not('when the answer is walked through', 'for k in pairs(r) do end'),
    not('when the next field of the answer is asked for', 'next(r)'),
    not('when the length of the answer is asked for', 'local n = #r'),
    not('when the answer is read raw', 'rawget(r, "more")'),
    not('when the answer becomes text', 'tostring(r)'),
    not('when it depends on a number', 'if r.duration_ms > 5 then task.run(3) end'),
    not('when it depends on which number', 'if r.duration_ms == 5 then task.run(3) end'),
    not('when a number that is not known is counted to', 'for i = 1, r.duration_ms do end'),
    not('when a number that is not known is a key', 'local x = ({})[r.duration_ms]'),
    not(
      'when a number that is not known is a key that is set',
      'local x = {} x[r.duration_ms] = 1',
    ),
    not('when a number that is not known becomes text', 'local x = "a" .. r.duration_ms'),
    not('when it could fail for some numbers', 'local x = 5 // r.duration_ms'),
    not('after a remainder by zero', 'pcall(function() return 1 % 0 end)'),
    not('when something fails', 'local x = nil .. "a"', 'pcall(function()', 'end) task.run(2)'),
    not('when nil is indexed', 'local x = r.exit_code.a', 'pcall(function()', 'end) task.run(2)'),
    not('with a function', '', '', 'task.run(print or function() end)'),
    not('when a function is made', 'local f = function() return r end'),
    not('with a coroutine', '', '', 'pcall(task.run, coroutine.create(type))'),
    not('with a table that has a metatable', '', 'local t = setmetatable({}, {})', 'task.run(t)'),
    not('when a metatable is set', 'setmetatable({}, {})'),
    not('when a metamethod gives a field', 'local x = t.a', INDEXED),
    not('when a metamethod is called', 'local x = t + 1', INDEXED),
    not('when tables with metamethods are compared', 'local x = t == u', EQUAL),
    not(
      'when a field of a table with a metatable is set',
      't.a = 1',
      'local t = setmetatable({}, {})',
    ),
    not('when a read-only table is set', 'task.a = 1'),
    not('when it could be a remainder by zero', 'local x = 5 % r.duration_ms'),
    not('when a key that is not known is read raw', 'local x = rawget({ 1 }, r.duration_ms)'),
    not('with the answer in a field', '', '', 'task.run({ k = r })'),
    not('through iterators inside of iterators', 'for _ in nest, 0 do end', NEST),
    not('when a large table is walked through', 'for k in pairs(t) do break end', LARGE),
    not(
      'near the end of the stack',
      '',
      DEEP,
      'task.run(2) return 0 end return 1 + deep(n - 1) end deep(70000)',
    ),
    not('when the random state would change', 'math.random()'),
    not('in a coroutine', '', 'coroutine.wrap(function()', 'task.run(2) end)()'),
    not('out of a protected call', 'end)', 'pcall(function()'),
    not(
      'out of a metamethod',
      'return 1 end }) local x = t.a',
      ' local t = setmetatable({}, { __index = function()',
    ),
    not('far ahead', 'for i = 1, 1000 do end'),
    not('after much text', 'local s = ("x"):rep(70000)'),
    not('with much text', '', 'local s = ("x"):rep(65500)', 'task.run(s)'),
    not('with a large table', '', 'local t = {} for i = 1, 300 do t[i] = i end', 'task.run(t)'),
    not(
      'with a table that is too large to copy',
      't[1] = 2',
      'local t = {} for i = 1, 300 do t[i] = i end',
    ),
    not('with a table in itself', '', 'local t = {} t.t = t', 'task.run(t)'),
    not('with both kinds of key', '', '', 'task.run({ 1, a = 2 })'),
    not('with a branch of its own', '', 'task.one(function()', 'task.run(2) end)'),
    not(
      'beside other branches',
      '',
      'task.both(function()',
      'task.run(2) end, function() task.run(3) end)',
    ),
  ])('%s', (_, body) => {
    expect(run(body).calls[0]).toMatchObject({ call: { args: [1] }, next: undefined });
  });

  test('when none is expected', () => {
    expect(shown(run('task.run(1) task.run(2)', undefined, {} as typeof expected))).toBe('1 2');
  });

  test('twice for the same call', () => {
    expect(shown(run('task.run(1) task.run(2) task.other(3) task.run(4)'))).toBe('1> 2 3 4');
  });
});
