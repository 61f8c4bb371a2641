// Scripts that go deep: calls, native levels, nesting of source and of values.
import {
  either,
  endless,
  fails,
  type HostileScript,
  harmless,
  malformed,
  unreturnable,
} from '../hostile-script.ts';

const nested = (open: string, middle: string, close: string, count: number): string =>
  open.repeat(count) + middle + close.repeat(count);

export const depthScripts: HostileScript[] = [
  fails('recursion', 'local function f() return 1 + f() end f()', /stack overflow/),
  fails(
    'recursion with many locals',
    'local function f(a) local b, c, d, e, g, h = a, a, a, a, a, a return 1 + f(b) end f(1)',
    /stack overflow/,
  ),
  fails(
    'recursion through varargs',
    'local function f(...) return 1 + f(1, ...) end f()',
    /stack overflow/,
  ),
  fails(
    'recursion through __index',
    'local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k .. "x"] end return t.a',
    /stack overflow/,
  ),
  fails(
    'recursion through __call',
    'local t = setmetatable({}, {}) getmetatable(t).__call = function(self) return 1 + self() end t()',
    /stack overflow/,
  ),
  fails(
    'a table that calls itself',
    'local t = setmetatable({}, {}) getmetatable(t).__call = t t()',
    /stack overflow|attempt to call/,
  ),
  fails(
    'recursion through __eq',
    'local m = {} m.__eq = function(a, b) return a == b end return setmetatable({}, m) == setmetatable({}, m)',
    /stack overflow/,
  ),
  fails(
    'recursion through __concat',
    'local t t = setmetatable({}, {__concat = function() return t .. "x" end}) return t .. "y"',
    /stack overflow/,
  ),
  fails(
    'recursion through __tostring',
    'local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) return tostring(t)',
    /stack overflow/,
  ),
  fails(
    'recursion through gsub',
    'local function f() ("x"):gsub("x", f) end f()',
    /stack overflow/,
  ),
  fails(
    'recursion through sort',
    'local function f() table.sort({2, 1}, f) end f()',
    /stack overflow|invalid order/,
  ),
  fails('recursion through load', 'local function f() assert(load(f)) end f()', /stack overflow/),
  fails(
    'recursion through pcall',
    'local function f() local ok, m = pcall(f) error(m, 0) end f()',
    /stack overflow/,
  ),
  endless(
    'recursion through xpcall handlers',
    'local function f() error(select(2, xpcall(f, f)), 0) end while true do pcall(f) end',
  ),
  fails(
    'coroutines in coroutines',
    'local function f() return coroutine.wrap(f)() end f()',
    /stack overflow/,
  ),
  fails(
    'globals that look for themselves',
    'setmetatable(_G, {__index = function(_, k) return _G[k] end}) return missing',
    /stack overflow/,
  ),
  fails(
    'an __index loop',
    'local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x',
    /loop/,
  ),
  fails(
    'a __newindex loop',
    'local a, b = {}, {} setmetatable(a, {__newindex = b}) setmetatable(b, {__newindex = a}) a.x = 1',
    /loop/,
  ),
  fails(
    'an __index chain of thousands',
    'local t = {} for i = 1, 5000 do t = setmetatable({}, {__index = t}) end return t.x',
    /loop|too long/,
  ),
  either(
    'deep recursion again and again',
    'local function f() return 1 + f() end while true do pcall(f) end',
  ),
  harmless(
    'recursion that is caught',
    'local function f() return 1 + f() end return (pcall(f))',
    false,
  ),
  malformed(
    'nested parentheses',
    `return ${nested('(', '1', ')', 250)}`,
    /nesting|overflow|levels/,
  ),
  malformed('nested brackets', `return ${nested('{', '', '}', 250)}`, /nesting|overflow|levels/),
  malformed('nested blocks', nested('do ', '', ' end', 250), /nesting|overflow|levels/),
  malformed(
    'nested functions',
    `return ${nested('function() return ', '1', ' end', 250)}`,
    /nesting|overflow|levels/,
  ),
  malformed('nested loops', nested('while true do ', '', ' end', 250), /nesting|overflow|levels/),
  malformed('nested indexes', `return x${nested('[y', '', ']', 250)}`, /nesting|overflow|levels/),
  malformed('nested unary operators', `return ${'- '.repeat(250)}1`, /nesting|overflow|levels/),
  malformed('nested powers', `return ${'2^'.repeat(250)}1`, /nesting|overflow|levels/),
  malformed(
    'nested concatenations',
    `return ${'"a"..'.repeat(250)}"a"`,
    /nesting|overflow|levels|registers/,
  ),
  harmless('brackets just within the limit', `local x = ${nested('(', '1', ')', 150)} return x`, 1),
  harmless(
    'a long chain of methods',
    `local t = {} t.f = function() return t end return t${':f()'.repeat(5000)} == t`,
    true,
  ),
  harmless(
    'a long chain of elseif',
    `local x = 7 if x == 0 then ${Array.from({ length: 60 }, (_, i) => `elseif x == ${i + 1} then return ${i + 1} `).join('')} end`,
    7,
  ),
  unreturnable(
    'a result nested too deep',
    'local t = {} local top = t for i = 1, 150 do t.t = {} t = t.t end return top',
    /nested more than/,
  ),
  unreturnable('a result that contains itself', 'local t = {} t.t = t return t', /contains itself/),
  unreturnable(
    'a result of two that contain each other',
    'local a, b = {}, {} a[1], b[1] = b, a return a',
    /contains itself/,
  ),
  unreturnable(
    'a result of too many values',
    'local t = {} for i = 1, 3e5 do t[i] = i end return t',
    /more than 250000 values/,
  ),
  unreturnable(
    'a result that doubles',
    'local t = {} for i = 1, 60 do t = {t, t} end return t',
    /more than 250000 values/,
  ),
  unreturnable('a list of holes', 'return {[1] = 1, [1e9] = 2}', /up to index/),
];
