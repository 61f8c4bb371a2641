// Errors: what the messages say, which names they find, where they point, what handlers see.
import { anyLiteral } from '../lua-text.ts';
import type { Random } from '../random.ts';

const FUNCTIONS = [
  ...[
    'byte',
    'char',
    'find',
    'format',
    'gmatch',
    'gsub',
    'len',
    'lower',
    'match',
    'rep',
    'reverse',
    'sub',
    'upper',
    'pack',
    'unpack',
    'packsize',
  ].map((n) => `string.${n}`),
  ...['concat', 'insert', 'move', 'pack', 'remove', 'sort', 'unpack'].map((n) => `table.${n}`),
  ...['abs', 'ceil', 'floor', 'max', 'min', 'modf', 'sqrt', 'tointeger', 'type', 'ult'].map(
    (n) => `math.${n}`,
  ),
  ...['char', 'codepoint', 'codes', 'len', 'offset'].map((n) => `utf8.${n}`),
  ...[
    'assert',
    'error',
    'getmetatable',
    'ipairs',
    'load',
    'next',
    'pairs',
    'pcall',
    'rawequal',
    'rawget',
    'rawlen',
    'rawset',
    'select',
    'setmetatable',
    'tonumber',
    'tostring',
    'type',
    'xpcall',
  ],
];

export function errors(r: Random): string {
  return r.list(2, 5, () => r.pick([fault, fault, argument, raised, handled])(r)).join('\n');
}

function fault(r: Random): string {
  const target = r.pick([
    'missing',
    'l',
    'up',
    't.field',
    't.a.b',
    't[1]',
    't["two words"]',
    't[l]',
    '("x").y',
    'nilfn()',
    '(nil)',
    'f',
    'num',
    'str',
    'true',
  ]);
  const text = r.pick([
    () => `return ${target}.x`,
    () => `return ${target}[${r.pick(['1', '"k"', 'l', 'nil'])}]`,
    () => `${target.replace(/^\(nil\)$|^true$|^nilfn\(\)$/, 'l')}.x = 1`,
    () => `return ${target.replace('true', '(true)')}()`,
    () => `return ${target}:method()`,
    () =>
      `return ${target} ${r.pick(['+', '-', '*', '/', '%', '^', '//', '..', '<', '<=', '&', '|', '<<'])} ${r.pick(['1', 'l', 't', 'str', '{}', '2.5', '"abc"'])}`,
    () =>
      `return ${r.pick(['1', 'l', 't', 'str', '{}', '2.5', '"abc"'])} ${r.pick(['+', '-', '*', '/', '%', '^', '//', '..', '<', '<=', '&', '~', '>>'])} ${target}`,
    () => `return ${r.pick(['-', '#', '~'])}${target}`,
    () =>
      `for i = ${r.pick(['l', '1', '"a"', '{}'])}, ${r.pick(['l', '5', '"b"', 't'])}, ${r.pick(['1', 'l', '{}', '0'])} do break end`,
    () => `for k in ${target} do break end`,
  ])();
  const gap = '\n'.repeat(r.int(0, 2));
  return `do local up p(function() local l local t, num, str = {a = {}}, 5, "text" local function f() return up end local function nilfn() end${gap}
  ${text} end) end`;
}

function argument(r: Random): string {
  const name = r.pick(FUNCTIONS);
  if (name === 'getmetatable')
    return `p(getmetatable, ${r.pick(['', '1', 'nil', '{}', 'setmetatable({}, {__metatable = 5})'])})`;
  const made = r.list(0, name === 'error' ? 1 : 3, () => argumentText(r)).join(', ');
  // A zero ends a format of C, not one of Rivet.
  const args =
    name.includes('pack') || name === 'load' ? made.replaceAll(/\\000|\\x00/g, 'i') : made;
  // What these do with odd arguments depends on addresses or compares differently on purpose.
  const method = name.startsWith('string.') && r.chance(0.4) && !name.includes('format');
  return method
    ? `p(function() return ("text"):${name.slice(7)}(${args}) end)`
    : `p(function() local r = table.pack(${r.chance(0.3) ? `pcall(${[name, args].filter((part) => part !== '').join(', ')})` : `${name}(${args})`}) for i = 1, r.n do r[i] = (tostring(r[i]):gsub("0x%x+", "ADDR"):gsub("builtin.*", "ADDR")) end return table.concat(r, " ", 1, r.n) end)`;
}

function argumentText(r: Random): string {
  const text = anyLiteral(r);
  return text === '{}' && r.chance(0.3) ? 'setmetatable({}, {__name = "Named"})' : text;
}

function raised(r: Random): string {
  const value = r.pick([
    '"text"',
    '"text", 0',
    '"text", 1',
    '"text", 2',
    '"text", 3',
    '{}',
    'nil',
    '42',
    '42, 2',
    'true',
    'setmetatable({}, {__tostring = function() return "obj" end})',
    '',
  ]);
  return r.pick([
    () => `p(function() local function inner() error(${value}) end inner() end)`,
    () => `p(function()\n\nerror(${value}) end)`,
    () =>
      `p(function() assert(${r.pick(['false', 'nil', '1', 'false, "why"', 'nil, {}', '1, 2, 3', '', 'false, nil'])}) end)`,
    () => `p(function() return pcall(error, ${value || 'nil'}) end)`,
    () =>
      `p(function() local co = coroutine.create(function() error(${value}) end) return coroutine.resume(co) end)`,
    () =>
      `p(load("error('in load')", "${r.pick(['=name', '@file.lua', 'return 1', 'a\\nb', ''])}"))`,
  ])();
}

function handled(r: Random): string {
  const handler = r.pick([
    'function(m) return "handled " .. tostring(m) end',
    'function(m) return m, 2 end',
    'function() error("again") end',
    'print',
    'nil',
    'function(m) return {m} end',
    'tostring',
  ]);
  const body = r.pick([
    'error("x")',
    'error("x", 0)',
    'return 1, 2',
    'local a = nil .. "x"',
    'error(nil)',
    'error({1})',
    'missing()',
  ]);
  return r.pick([
    () => `p(function() return xpcall(function(...) ${body} end, ${handler}, 1) end)`,
    () => `p(function() return pcall(pcall, function() ${body} end) end)`,
    () => `p(function() return select("#", pcall(function() ${body} end)) end)`,
    () =>
      `p(function() local ok, m = pcall(function() local ok, m = pcall(function() ${body} end) error(m, 0) end) return ok, m end)`,
    () =>
      `p(function() return setmetatable(setmetatable({}, {__metatable = ${r.pick(['1', 'false', '"no"'])}}), {}) end)`,
  ])();
}
