// Scripts that compute for ever, and hide where.
import { either, endless } from '../hostile-script.ts';

export const endlessScripts = [
  endless(
    'a tail call whose arguments grow',
    'local function f(...) return f(1, ...) end while true do pcall(f) end',
  ),
  endless('a while loop', 'while true do end'),
  endless('a repeat loop', 'repeat until false'),
  endless('a goto loop', '::again:: goto again'),
  endless('a numeric loop to infinity', 'for i = 1, math.huge do end'),
  endless('a numeric loop with a tiny step', 'for i = 0, 1, 5e-324 do end'),
  endless('a numeric loop of NaN steps', 'for i = 1, 2, 0/0 do end while true do end'),
  endless('an iterator without an end', 'for _ in function() return 1 end do end'),
  endless(
    'next on a table that is refilled',
    'local t = {1} for k in pairs(t) do t[k] = nil t[1] = 1 while true do next(t) end end',
  ),
  endless('a tail call to itself', 'local function f() return f() end f()'),
  endless(
    'two functions that tail call each other',
    'local f, g function f() return g() end function g() return f() end f()',
  ),
  endless('__index', 'return setmetatable({}, {__index = function() while true do end end}).x'),
  endless('__newindex', 'setmetatable({}, {__newindex = function() while true do end end}).x = 1'),
  endless(
    '__eq',
    'local m = {__eq = function() while true do end end} return setmetatable({}, m) == setmetatable({}, m)',
  ),
  endless('__lt', 'return setmetatable({}, {__lt = function() while true do end end}) < 1'),
  endless('__le', 'return setmetatable({}, {__le = function() while true do end end}) <= 1'),
  endless(
    '__concat',
    'return setmetatable({}, {__concat = function() while true do end end}) .. "x"',
  ),
  endless('__len', 'return #setmetatable({}, {__len = function() while true do end end})'),
  endless('__call', 'setmetatable({}, {__call = function() while true do end end})()'),
  endless('__unm', 'return -setmetatable({}, {__unm = function() while true do end end})'),
  endless('__add', 'return 1 + setmetatable({}, {__add = function() while true do end end})'),
  endless('__bnot', 'return ~setmetatable({}, {__bnot = function() while true do end end})'),
  endless(
    '__tostring',
    'tostring(setmetatable({}, {__tostring = function() while true do end end}))',
  ),
  endless(
    '__pairs',
    'for _ in pairs(setmetatable({}, {__pairs = function() while true do end end})) do end',
  ),
  endless(
    '__pairs whose iterator does not end',
    'for _ in pairs(setmetatable({}, {__pairs = function() return function() return 1 end end})) do end',
  ),
  endless(
    '__index of a list given to ipairs',
    'for _ in ipairs(setmetatable({}, {__index = function() return 1 end})) do end',
  ),
  endless(
    '__len of a list given to table.concat',
    'table.concat(setmetatable({}, {__len = function() return 1e15 end, __index = function() return "" end}))',
  ),
  either(
    '__len of a list given to table.unpack',
    'while true do pcall(table.unpack, setmetatable({}, {__len = function() return 1e6 end})) end',
  ),
  endless(
    '__len of a list given to table.insert',
    'while true do pcall(table.insert, setmetatable({}, {__len = function() return 1e7 end}), 1, "x") end',
  ),
  endless(
    '__len of a list given to table.sort',
    'table.sort(setmetatable({}, {__len = function() return 1e9 end, __index = function(_, i) return i end, __newindex = function() end}))',
  ),
  endless('a comparator of table.sort', 'table.sort({3, 2, 1}, function() while true do end end)'),
  endless(
    'a comparator that is never content',
    'local t = {} for i = 1, 2e4 do t[i] = i end while true do pcall(table.sort, t, function() return true end) end',
  ),
  endless('a coroutine', 'coroutine.wrap(function() while true do end end)()'),
  endless(
    'coroutines that resume each other in turn',
    'local co co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end',
  ),
  endless(
    'coroutines without an end',
    'while true do coroutine.wrap(function() coroutine.yield() end)() end',
  ),
  endless(
    'coroutine.wrap inside a comparator',
    'table.sort({2, 1}, function(a, b) return coroutine.wrap(function() while true do end end)() end)',
  ),
  endless(
    'a coroutine that catches everything',
    'local co = coroutine.wrap(function() while true do pcall(coroutine.yield) end end) while true do co() end',
  ),
  endless('pcall around a loop', 'while true do pcall(function() while true do end end) end'),
  endless(
    'xpcall around a loop',
    'while true do xpcall(function() while true do end end, function() while true do end end) end',
  ),
  endless(
    'coroutine.resume around a loop',
    'while true do coroutine.resume(coroutine.create(function() while true do end end)) end',
  ),
  endless('a message handler that loops', 'xpcall(error, function() while true do end end)'),
  endless(
    'a message handler that raises for ever',
    'while true do xpcall(error, function() error("x") end) end',
  ),
  endless('a recursion that swallows its errors', 'local function f() pcall(f) f() end f()'),
  endless(
    'a recursion that swallows in coroutines',
    'local function f() pcall(coroutine.wrap(f)) return f() end f()',
  ),
  endless(
    'an xpcall that recurses in its handler',
    'local function f() xpcall(f, f) return f() end f()',
  ),
  endless('a function that gsub calls', '("x"):gsub(".", function() while true do end end)'),
  endless('an iterator of gmatch', 'for _ in ("x"):rep(10):gmatch("x") do while true do end end'),
  endless('a reader given to load', 'load(function() while true do end end)'),
  endless('a parser fed with spaces', 'load(function() return " " end)'),
  endless('a parser fed with comments', 'load(function() return "--x\\n" end)'),
  endless('load in a loop', 'while true do load("return 1") end'),
  endless('load of itself', 'local s = "local s = ... while true do load(s)(s) end" load(s)(s)'),
  endless('error in a loop', 'while true do pcall(error, {}) end'),
  endless(
    'a closing function that never is',
    'local t = setmetatable({}, {__gc = function() while true do end end, __close = function() while true do end end}) t = nil while true do local _ = {} end',
  ),
  endless(
    'a while loop with an __eq condition',
    'local m = {__eq = function() return true end} local a, b = setmetatable({}, m), setmetatable({}, m) while a == b do end',
  ),
  endless(
    'an __index chain that is long',
    'local t = {} for i = 1, 100 do t = setmetatable({}, {__index = t}) end while true do local _ = t.x end',
  ),
  endless(
    'select of many',
    'local t = {} for i = 1, 5e4 do t[i] = i end while true do select("#", table.unpack(t)) end',
  ),
  endless('math.random', 'while true do math.random(10) end'),
  endless('tostring of a number', 'while true do tostring(1.5) end'),
  endless('string.format of a number', 'while true do ("%.99f"):format(1e308) end'),
  endless('os.getenv', 'while true do os.getenv("HOME") end'),
  endless('require of itself, caught', 'while true do pcall(require, "missing") end'),
  endless('debug.traceback', 'while true do debug.traceback() end'),
];
