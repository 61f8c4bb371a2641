// Errors that are made to hurt whoever shows them.
import { either, endless, fails, type HostileScript, harmless } from '../hostile-script.ts';

export const errorScripts: HostileScript[] = [
  fails('an error without a value', 'error()', /nil/),
  fails('an error of nil', 'error(nil)', /nil/),
  fails('an error of a table', 'error({code = 5})', /table.*code = 5/s),
  fails('an error of a table that contains itself', 'local t = {} t.t = t error(t)', /table/),
  fails(
    'an error of a huge table',
    'local t = {} for i = 1, 1e5 do t[i] = ("x"):rep(100) end error(t)',
    /table.*…/s,
  ),
  fails('an error of a function', 'error(function() end)', /function/),
  fails('an error of a coroutine', 'error(coroutine.create(function() end))', /error object/),
  fails('an error of ten megabytes', 'error(("x"):rep(1e7))', /^.{0,4200}more bytes/s),
  fails('an error of many lines', 'error(("x\\n"):rep(1e5))', /more bytes/),
  fails('an error with escapes of a terminal', 'error("\\27[2J\\7 wiped")', /wiped/),
  fails('an error with NULs', 'error("a\\0b")', /a/),
  fails('an error that is no UTF-8', 'error("\\xff\\xfe")', /\ufffd/),
  fails('an error that names another place', 'error("/etc/passwd:1: fooled", 0)', /fooled/),
  fails(
    'an error that names a place beyond all lines',
    'error("main.lua:999999999999999999999: far", 0)',
    /far/,
  ),
  fails(
    'an error whose __tostring loops',
    'error(setmetatable({}, {__tostring = function() while true do end end}))',
    /error object is a table/,
  ),
  fails(
    'an error whose __tostring raises',
    'error(setmetatable({}, {__tostring = function() error("again") end}))',
    /error object is a table/,
  ),
  fails(
    'an error whose __tostring gives no text',
    'error(setmetatable({}, {__tostring = function() return {} end}))',
    /error object is a table/,
  ),
  fails(
    'an error whose __tostring recurses',
    'local e e = setmetatable({}, {__tostring = function() return tostring(e) end}) error(e)',
    /error object is a table/,
  ),
  fails(
    'an error whose __tostring yields',
    'error(setmetatable({}, {__tostring = function() coroutine.yield() end}))',
    /error object is a table/,
  ),
  fails(
    'an error whose __tostring swallows',
    'error(setmetatable({}, {__tostring = function() while true do pcall(function() while true do end end) end end}))',
    /error object is a table/,
  ),
  either(
    'an error whose __tostring takes memory',
    'error(setmetatable({}, {__tostring = function() local s = "x" while true do s = s .. s end end}))',
  ),
  fails('an error whose __name is a table', 'error(setmetatable({}, {__name = {}}))', /table: 0x/),
  fails(
    'an error whose fields are named badly',
    'error({["a\\nb"] = "c\\27d", ["__proto__"] = 1, [1.5] = {}})',
    /table/,
  ),
  fails('an error with a huge level', 'error("deep", 2^40)', /deep/),
  fails('an error with a level below zero', 'error("low", -1)', /low/),
  fails(
    'an error in an error handler',
    'error(select(2, xpcall(error, function() error("handler") end)), 0)',
    /handler|error in error handling|stack overflow|nil/,
  ),
  fails(
    'an error in a coroutine in a coroutine',
    'coroutine.wrap(function() coroutine.wrap(function() error("inner") end)() end)()',
    /inner/,
  ),
  fails(
    'an error after a thousand frames',
    'local function f(n) if n == 0 then error("bottom") end return (f(n - 1)) end f(1000)',
    /bottom/,
  ),
  fails(
    'an error named by a long variable',
    `local ${'v'.repeat(5000)} = nil ${'v'.repeat(5000)}()`,
    /attempt to call/,
  ),
  fails('assert with a table', 'assert(false, {1, 2})', /table/),
  fails('assert without an argument', 'assert()', /value expected/),
  endless(
    'an error that is handled for ever',
    'local function f() local ok = pcall(error, "x") return f() end f()',
  ),
  harmless('an error that is caught', 'return (pcall(error, {}))', false),
  harmless(
    'a thousand errors that are caught',
    'local n = 0 for i = 1, 1000 do if not pcall(error, i) then n = n + 1 end end return n',
    1000,
  ),
];
