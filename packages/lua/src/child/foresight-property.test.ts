// Random scripts: whatever is foreseen is what they do, and they do the same where nothing is.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ExpectedAnswer, LuaModuleSpec } from '../vm.ts';
import type { WireValue } from '../wire/messages.ts';
import { type Course, courseOf, type TestAnswer } from './test-course.ts';

const RUNS = 200;
/** Calls that are foreseen in these runs, at least: else they would show little. */
const FORESEEN_MIN = 150;

const answer: ExpectedAnswer = { fields: { exit_code: 0 }, integers: ['duration_ms'] };
const expected = { 'task.run': answer, 'task.named': answer };
const AS_EXPECTED: WireValue = {
  r: [
    ['exit_code', 0],
    ['duration_ms', 7],
    ['more', 'x'],
  ],
};
const ANSWERS: readonly (readonly WireValue[] | string)[] = [
  [{ r: [['exit_code', 1] as const] }],
  [],
  [null, 1],
  'it failed',
];
const task: LuaModuleSpec = {
  name: 'task',
  functions: ['run', 'other'],
  source: `
    local task, host, branches = ...
    local function split(options)
      local list, named = {}, {}
      for key, value in pairs(options) do
        if type(key) == "number" then list[key] = value else named[key] = value end
      end
      return list, named
    end
    function task.named(options) return host.call("task.named", split(options)) end
    function task.both(first, second)
      for _, ended in ipairs(branches.run({ first, second })) do
        if not ended.ok then error(ended.error, 0) end
      end
    end`,
};

const PRELUDE = `
local a, b, n, i, r, v, x = 1, "b", 0, 0, { exit_code = 0 }, nil, 2
local t, u = {}, { 1, "two", k = 3 }
g = 5
local m = setmetatable({ own = 1 }, {
  __index = function(_, k) g = k return k end,
  __add = function(_, o) return o end,
  __eq = function() return true end,
})
local child = setmetatable({}, { __index = u })
local function get() return x end
local function set(y) x = y end
local function keep(y, ...) t[#t + 1] = y n = n + 1 return y, ... end
local function go(y, ...) local r = task.run(y, ...) return r, y end
local function tail(...) return go(...) end
local function call(f, ...) return f(...) end
local function count(...) return select("#", ...) end
`;
const RESULT = ' return t, u, a, b, n, g, x';

const { expression, block } = fc.letrec<{ expression: string; statement: string; block: string }>(
  (tie) => {
    const e = tie('expression');
    const s = tie('block');
    const text = (parts: TemplateStringsArray, ...from: fc.Arbitrary<string>[]) =>
      fc.tuple(...from).map((values) => String.raw({ raw: parts }, ...values));
    const safe = fc.oneof(
      fc.constantFrom('0', '1', '2', '1.5', '-0.0', 'n', '#t', '#u', 'g', 'count(a, b, nil)'),
      fc.constantFrom('"s"', '"10"', 'b', 'type(x)', 'tostring(i)', 'true', 'nil', 'u.k', 'v'),
    );
    const number = fc.constantFrom('0', '1', '2', '1.5', '-0.0', '#u', 'i', 'r.duration_ms');
    const leaf = fc.constantFrom(
      ...[
        'a',
        'x',
        'get()',
        't[1]',
        't[#t]',
        'child.k',
        'child.none',
        'm.own',
        'm.other',
        'r.more',
      ],
      ...['r.exit_code', 'r.duration_ms', 'r', 'task.run', 'math.random(9)'],
    );
    const operator = fc.constantFrom('+', '-', '*', '/', '%', '//', '==', '<', '<=');
    return {
      expression: fc.oneof(
        { maxDepth: 3, depthSize: 'small' },
        { weight: 16, arbitrary: safe },
        { weight: 2, arbitrary: leaf },
        { weight: 3, arbitrary: text`(${number} ${operator} ${number})` },
        text`(${e} ${operator} ${e})`,
        { weight: 2, arbitrary: text`(${e} and ${e} or ${e})` },
        { weight: 2, arbitrary: text`("p" .. ${number} .. tostring(${e}))` },
        text`(not ${e})`,
        text`(- ${number})`,
        text`{ ${e}, ${e} }`,
        text`{ k = ${e}, [${number}] = ${e} }`,
        text`tostring(${e})`,
        text`type(${e})`,
        text`("%s-%d"):format(${e}, ${number})`,
        text`count(${e}, ${e}, nil)`,
        text`table.concat({ "c", ${number} }, ",")`,
        text`select(2, 0, ${e})`,
        text`(m + ${e})`,
        text`(r == ${e})`,
        text`call(keep, ${e})`,
      ),
      statement: fc.oneof(
        { maxDepth: 3, depthSize: 'small' },
        { weight: 8, arbitrary: text`r = task.run(${e})` },
        { weight: 3, arbitrary: text`task.run(${e}, ${e})` },
        { weight: 3, arbitrary: text`r = task.named({ "make", ${e}, k = ${e} })` },
        { weight: 2, arbitrary: text`n = n + task.run(${e}).duration_ms` },
        { weight: 2, arbitrary: text`r, a = tail(${e}, i)` },
        text`task.other(${e})`,
        text`a = ${e}`,
        text`a, b = b, ${e}`,
        text`g = ${e}`,
        text`x = ${e}`,
        text`set(${e})`,
        text`u.k = ${e}`,
        text`u[1] = ${e}`,
        text`t[#t + 1] = ${e}`,
        text`r.more = ${e}`,
        text`m.field = ${e}`,
        text`table.insert(t, ${e})`,
        text`if r.exit_code ~= 0 then error("failed") end`,
        text`if ${e} then ${s} else ${s} end`,
        { weight: 3, arbitrary: text`for i = 1, 3 do ${s} end` },
        text`for i = 2.5, 1, -1 do ${s} end`,
        { weight: 2, arbitrary: text`for i, v in pairs(u) do ${s} end` },
        text`for i, v in ipairs({ ${e}, ${e} }) do ${s} end`,
        text`do local x = ${e} local function get() return x end ${s} x = ${e} ${s} end`,
        text`for i = 1, 2 do local v = i local function set(y) v = y end ${s} set(${e}) ${s} end`,
        text`call(function(...) ${s} return ... end, ${e})`,
        text`pcall(function() ${s} end)`,
        text`coroutine.wrap(function() ${s} end)()`,
        text`task.both(function() ${s} end, function() ${s} end)`,
        text`for i = 1, 150 do set(i) end`,
        text`while n < 3 do n = n + 1 ${s} end`,
      ),
      block: fc
        .array(tie('statement'), { minLength: 1, maxLength: 4 })
        .map((statements) => statements.join('\n')),
    };
  },
);

/** Which answer each call gets; most are as expected. */
const answers = fc.array(fc.option(fc.constantFrom(...ANSWERS), { freq: 8 }), { maxLength: 12 });

test('what is foreseen is what random scripts do', () => {
  let count = 0;
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 3 }), expression, answers, check),
    { numRuns: RUNS },
  );
  expect(count).toBeGreaterThan(FORESEEN_MIN);

  function check(
    blocks: string[],
    last: string,
    given: readonly ((typeof ANSWERS)[number] | null)[],
  ) {
    const body = `${PRELUDE}${blocks.join('\n')}\n task.run(${last}) task.run(r)${RESULT}`;
    const surprises = new Set<number>();
    const answerTo = (): TestAnswer => {
      let index = -1;
      return () => {
        index += 1;
        const other = given[index] ?? null;
        if (other !== null) surprises.add(index);
        return other ?? [AS_EXPECTED];
      };
    };
    const course = courseOf(body, [task], expected, answerTo());
    const plain = courseOf(body, [task], {}, answerTo());
    expect(said(course)).toEqual(said(plain));
    expect(course.end).toEqual(plain.end);
    course.calls.forEach(({ next }, i) => {
      if (next === undefined || surprises.has(i)) return;
      count += 1;
      expect({ ...next, type: 'host', call: i + 2 }).toEqual(course.calls[i + 1]?.call);
    });
  }
});

function said({ calls }: Course) {
  return calls.map(({ call }) => call);
}
