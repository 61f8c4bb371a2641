// Scripts that take memory: at once, by doubling, or little by little.
import { either, fails, greedy, harmless } from '../hostile-script.ts';

export const memoryScripts = [
  greedy('a string that doubles', 'local s = "x" while true do s = s .. s end'),
  greedy(
    'a string that doubles forty times',
    'local s = "xxxxxxxx" for i = 1, 40 do s = s .. s end',
  ),
  greedy('string.rep', 'return #("a"):rep(2^31 - 1)'),
  greedy('string.rep with a separator', 'return #("a"):rep(1e8, "b")'),
  either('string.rep beyond all numbers', 'return pcall(string.rep, "x", 1e15) or ("x"):rep(1e9)'),
  greedy('string.rep in steps', 'local t = {} for i = 1, 1e6 do t[i] = ("x"):rep(1e6) end'),
  greedy(
    'concatenation of many',
    'local s = ("x"):rep(1e6) return #(s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s)',
  ),
  greedy(
    'table.concat',
    'local t = {} for i = 1, 1000 do t[i] = ("x"):rep(1e5) end return #table.concat(t)',
  ),
  greedy(
    'table.concat with a long separator',
    'local t = {} for i = 1, 1000 do t[i] = "" end return #table.concat(t, ("x"):rep(1e6))',
  ),
  greedy('gsub that grows', 'local s = ("x"):rep(1e4) return #s:gsub("x", s)'),
  greedy(
    'gsub that grows by a function',
    'local s = ("x"):rep(1e5) return #s:gsub("x", function() return s end)',
  ),
  greedy(
    'gsub that grows by captures',
    'local s = ("x"):rep(1e4) return #s:gsub("()", ("%1"):rep(1e4))',
  ),
  greedy(
    'string.format of a long text',
    'local s = ("x"):rep(1e7) return #string.format(("%s"):rep(20), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)',
  ),
  fails(
    'string.format with a huge width',
    'return string.format("%99999999d", 1)',
    /invalid format|invalid conversion/,
  ),
  fails(
    'string.format with a huge precision',
    'return string.format("%.99999999f", 1)',
    /invalid format|invalid conversion/,
  ),
  greedy('string.pack of a huge padding', 'return #string.pack("c2000000000", "")'),
  greedy(
    'string.pack of itself',
    'local s = ("x"):rep(1e6) while true do s = string.pack("s4s4", s, s) end',
  ),
  fails(
    'string.pack of sizes beyond all numbers',
    'return string.packsize(("c214748364 "):rep(100))',
    /too large|too long/,
  ),
  greedy(
    'string.char of many',
    'local t = {} for i = 1, 2e5 do t[i] = 65 end local s = {} while true do s[#s + 1] = string.char(table.unpack(t, 1, 1e5)) end',
  ),
  greedy(
    'utf8.char of many',
    'local t = {} for i = 1, 1e5 do t[i] = 0x10ffff end local s = {} while true do s[#s + 1] = utf8.char(table.unpack(t)) end',
  ),
  greedy(
    'a table without an end',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = {i} end',
  ),
  greedy('a list of numbers', 'local t = {} local i = 0 while true do i = i + 1 t[i] = i end'),
  greedy('a table filled from behind', 'local t = {} for i = 1e9, 1, -1 do t[i] = i end'),
  greedy(
    'a table of sparse keys',
    'local t = {} local i = 1 while true do i = i + 1000003 t[i % 9007199254740991] = i end',
  ),
  greedy(
    'a table of float keys',
    'local t = {} local i = 0.5 while true do i = i + 1 t[i] = i end',
  ),
  greedy('tables in tables', 'local t = {} while true do t = {t} end'),
  greedy(
    'tables with metatables',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = setmetatable({}, {__index = t}) end',
  ),
  greedy(
    'a table copied into itself',
    'local t = {1, 2, 3, 4} while true do table.move(t, 1, #t, #t + 1) end',
  ),
  either(
    'a table that many hold',
    'local t = {} for i = 1, 1e5 do t[i] = i end local all = {} while true do all[#all + 1] = {table.unpack(t)} end',
  ),
  greedy(
    'table.pack of much',
    'local t = {} for i = 1, 1e5 do t[i] = i end local all = {} while true do all[#all + 1] = table.pack(table.unpack(t)) end',
  ),
  greedy(
    'many strings',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = ("x"):rep(5000) .. i end',
  ),
  greedy(
    'many small strings',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = "key" .. i end',
  ),
  greedy('many keys', 'local t = {} local i = 0 while true do i = i + 1 t["key" .. i] = true end'),
  greedy('many global names', 'local i = 0 while true do i = i + 1 _G["name" .. i] = i end'),
  greedy(
    'pieces of a string',
    'local s = ("x"):rep(1e6) local t = {} local i = 0 while true do i = i + 1 t[i] = s:sub(i % 1000 + 1, -2) end',
  ),
  greedy(
    'closures',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = function() return i end end',
  ),
  greedy(
    'coroutines',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = coroutine.create(function() end) end',
  ),
  greedy(
    'coroutines that wait',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = coroutine.wrap(function() local a, b, c = {}, {}, {} coroutine.yield(a, b, c) end) t[i]() end',
  ),
  greedy(
    'compiled functions',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = load("local a = " .. i .. " return function() return a end") end',
  ),
  greedy(
    'gmatch iterators',
    'local t = {} local i = 0 while true do i = i + 1 t[i] = ("x"):rep(100):gmatch(".") end',
  ),
  greedy(
    'an error object that grows',
    'local e = {} while true do local ok, m = pcall(error, {e}) e = m end',
  ),
  greedy(
    'a message that grows',
    'local m = "x" while true do local _, n = pcall(error, m .. m) m = n end',
  ),
  greedy(
    'a traceback that is kept',
    'local t = {} while true do t[#t + 1] = debug.traceback(("x"):rep(1000)) end',
  ),
  greedy(
    'a pcall around a bomb',
    'while true do pcall(function() local s = "x" while true do s = s .. s end end) end',
  ),
  greedy(
    'an xpcall around a bomb',
    'xpcall(function() local s = "x" while true do s = s .. s end end, function() return "caught" end) return "alive"',
  ),
  greedy(
    'a coroutine around a bomb',
    'coroutine.resume(coroutine.create(function() local s = "x" while true do s = s .. s end end)) return "alive"',
  ),
  greedy(
    'a comparator that collects',
    'local all = {} local t = {} for i = 1, 1000 do t[i] = i end while true do table.sort(t, function(a, b) all[#all + 1] = {a, b} return a < b end) end',
  ),
  greedy(
    'a parser fed with names',
    'local i = 0 load(function() i = i + 1 return "x" .. i .. " = " .. i .. " " end)',
  ),
  greedy(
    'a parser fed with a string',
    'local first = true load(function() if first then first = false return "return [[" end return ("x"):rep(1e5) end)',
  ),
  greedy(
    'a parser fed with a name',
    'local first = true load(function() if first then first = false return "return x" end return ("x"):rep(1e5) end)',
  ),
  greedy('the random numbers of a job', 'local t = {} while true do t[#t + 1] = math.random() end'),
  harmless(
    'much garbage',
    'for i = 1, 300 do local s = ("x"):rep(1e5) .. i end return "done"',
    'done',
  ),
];
