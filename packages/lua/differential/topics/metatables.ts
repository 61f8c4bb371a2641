// Metatables: which handler is called, with what, and what becomes of its result.
import type { Random } from '../random.ts';

const EVENTS = [
  'add',
  'sub',
  'mul',
  'div',
  'mod',
  'pow',
  'unm',
  'idiv',
  'band',
  'bor',
  'bxor',
  'shl',
  'shr',
  'bnot',
  'concat',
  'len',
  'eq',
  'lt',
  'le',
  'call',
];
const OPERATORS = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
  '//',
  '&',
  '|',
  '~',
  '<<',
  '>>',
  '..',
  '==',
  '~=',
  '<',
  '<=',
  '>',
  '>=',
];

export function metatables(r: Random): string {
  return r.chance(0.5) ? operators(r) : accesses(r);
}

function operators(r: Random): string {
  const handler = (event: string): string => {
    const result = r.pick([`"${event}"`, '42', 'true', 'nil', 'a', `log("inner ${event}")`]);
    return `__${event} = function(a, b, ...) log("${event}", name(a), name(b), select("#", ...)) return ${result} end`;
  };
  const meta = (): string => {
    const own = EVENTS.filter(() => r.chance(0.55)).map(handler);
    if (r.chance(0.3))
      own.push(`__tostring = function() return ${r.pick(['"text"', '12', '"T" .. 1', 'nil'])} end`);
    if (r.chance(0.2)) own.push('__name = "My.Type"');
    return `{${own.join(',\n  ')}}`;
  };
  const operand = (): string =>
    r.pick(['x', 'y', 'z', 'x', '1', '2.5', '"s"', '"10"', 'nil', 'true']);
  const expressions = r.list(3, 8, () =>
    r.pick([
      () => `${operand()} ${r.pick(OPERATORS)} ${operand()}`,
      () => `${operand()} ${r.pick(OPERATORS)} ${operand()}`,
      () => `${r.pick(['-', '#', '~', 'not '])}${r.pick(['x', 'y', 'z'])}`,
      () => `${r.pick(['x', 'y', 'z'])}(${r.list(0, 3, operand).join(', ')})`,
      () => `(tostring(${r.pick(['x', 'y'])}):gsub("0x%x+", "ADDRESS"))`,
      () => `x .. y .. ${operand()} .. z`,
    ])(),
  );
  return `do local events = {}
local function log(...) events[#events + 1] = table.concat({...}, ",") return 7 end
local M, N = ${meta()},
${meta()}
local x, y, z = setmetatable({}, M), setmetatable({}, ${r.pick(['M', 'N'])}), setmetatable({}, N)
local names = {[x] = "x", [y] = "y", [z] = "z"}
function name(v) return names[v] or (v == nil and "nil") or tostring(v) end
local function result(v) return names[v] or v end
${expressions.map((text) => `p(function() return result(${text}) end)`).join('\n')}
p(function() return table.concat(events, " ") end) end`;
}

function accesses(r: Random): string {
  const get = r.pick([
    'base',
    'function(t, k) return tostring(k) .. "?" end',
    'nil',
    'setmetatable({deep = 1}, {__index = base})',
    '"text"',
    '5',
    'function(t, k) error("no " .. tostring(k)) end',
    'function(t, k) error("no " .. tostring(k), 2) end',
  ]);
  const set = r.pick([
    'base',
    'function(t, k, v) rawset(t, k, (v or 0)) end',
    'nil',
    '{}',
    'setmetatable({}, {__newindex = base})',
    'function(t, k, v) base.last = k end',
    '5',
  ]);
  const extra = r.pick([
    '',
    '__metatable = "locked",',
    '__len = function() return 3 end,',
    '__pairs = function(t) return function(_, k) if not k then return 1, "one" end end, t, nil end,',
    '__tostring = function() return {} end,',
    '__call = base,',
  ]);
  const access = (): string =>
    r.pick([
      () => `return t.${r.pick(['own', 'shared', 'missing', 'deep'])}`,
      () => `return t[${r.pick(['1', '2', '"own"', '1.5', 'nil', '"len"'])}]`,
      () => `t.${r.pick(['own', 'fresh', 'shared'])} = ${r.pick(['1', 'nil', '"v"'])}`,
      () => `t[${r.pick(['1', 'nil', '"k"', '0/0'])}] = 5`,
      () => 'return rawget(t, "shared"), rawget(t, "fresh"), rawget(base, "fresh")',
      () => 'return getmetatable(t) == M, type(getmetatable(t))',
      () => 'return setmetatable(t, M) == t',
      () => 'return #t, rawlen(t)',
      () => 'local s = 0 for k, v in pairs(t) do s = s + #tostring(v) end return s',
      () => 'local s = 0 for i, v in ipairs(t) do s = s + i if i > 5 then break end end return s',
      () => 'return t:method(1)',
      () => 'return t.method.x',
      () => 'return table.concat(t, ",", 1, 2)',
      () => 'return table.unpack(t, 1, 3)',
    ])();
  return `do local base = {shared = "S", method = function(self, n) return self ~= nil, n end}
local M = {__index = ${get}, __newindex = ${set}, ${extra}}
local t = setmetatable({${r.pick(['', '1, 2', 'own = "O"', '1, own = false'])}}, M)
${r.list(3, 7, () => `p(function() ${access()} end)`).join('\n')} end`;
}
