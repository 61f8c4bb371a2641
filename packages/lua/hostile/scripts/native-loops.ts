// Scripts that keep a native function busy: no instruction of Lua runs while it works.
import { either, endless, fails } from '../hostile-script.ts';

export const nativeLoopScripts = [
  endless('a pattern that tries everything', '("a"):rep(30):find(("a*"):rep(30) .. "b")'),
  endless('the same in match', '("a"):rep(30):match(("a*"):rep(30) .. "b")'),
  endless('the same in gmatch', 'for _ in ("a"):rep(30):gmatch(("a*"):rep(30) .. "b") do end'),
  endless('the same in gsub', '("a"):rep(30):gsub(("a*"):rep(30) .. "b", "")'),
  endless('a pattern of lazy repetitions', '("a"):rep(40):find(("a-"):rep(40) .. "b")'),
  endless(
    'a pattern of optional pieces',
    '("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40) .. "b")',
  ),
  endless('a pattern with many captures', '("a"):rep(40):find(("(a*)"):rep(30) .. "b")'),
  endless(
    'a back reference that is tried everywhere',
    'local s = ("a"):rep(3000) while true do s:find("(a*)%1b") end',
  ),
  endless(
    'a balanced match without an end',
    'local s = ("("):rep(2e5) while true do s:find("%b()") end',
  ),
  endless(
    'a frontier in a long text',
    'local s = (" "):rep(1e6) while true do s:find("%f[%w]x") end',
  ),
  endless(
    'a set of many members',
    'local s, set = ("a"):rep(1e5), "[" .. ("b"):rep(1e4) .. "]" while true do s:find(set) end',
  ),
  endless(
    'a repetition of a set of many members',
    'local s, set = ("a"):rep(1e5), "[" .. ("b"):rep(1e4) .. "a]*$" while true do s:find(set) end',
  ),
  endless(
    'a border of a set of many members',
    'local s, set = ("a"):rep(1e5), "%f[" .. ("b"):rep(1e4) .. "]" while true do s:find(set) end',
  ),
  endless(
    'a plain search in a long text',
    'local s = ("a"):rep(1e6) while true do s:find("b", 1, true) end',
  ),
  endless(
    'a plain search that nearly matches',
    'local s = ("a"):rep(1e6) while true do s:find(("a"):rep(1e3) .. "b", 1, true) end',
  ),
  endless(
    'a replacement of everything',
    'local s = ("a"):rep(1e5) while true do s:gsub("a*", "b") end',
  ),
  endless(
    'a table of replacements',
    'local s = ("a"):rep(1e5) while true do s:gsub(".", {a = "b"}) end',
  ),
  endless('gsub that matches nothing', 'local s = ("a"):rep(1e5) while true do s:gsub("", "") end'),
  endless('string.rep of nothing', 'while true do (""):rep(1e15) end'),
  endless('string.rep with an empty separator', 'while true do (""):rep(1e15, "") end'),
  endless('string.reverse', 'local s = ("a"):rep(1e6) while true do s:reverse() end'),
  endless('string.upper and lower', 'local s = ("a"):rep(1e6) while true do s:upper():lower() end'),
  either(
    'string.byte of many',
    'local s = ("a"):rep(1e5) while true do select("#", s:byte(1, -1)) end',
  ),
  endless(
    'a comparison of long strings',
    'local a, b = ("a"):rep(1e6) .. "x", ("a"):rep(1e6) .. "y" while true do local _ = a < b end',
  ),
  endless(
    'an equality of long strings',
    'local a, b = ("a"):rep(1e6), ("a"):rep(999999) .. "a" while true do local _ = a == b end',
  ),
  endless(
    'a long string as a key',
    'local t = {} local s = ("a"):rep(1e5) local i = 0 while true do i = i + 1 t[s:sub(1, -(i % 10 + 1))] = nil end',
  ),
  endless(
    'table.concat of much',
    'local t = {} for i = 1, 1e4 do t[i] = "" end while true do table.concat(t) end',
  ),
  endless(
    'table.concat of a huge range',
    'table.concat(setmetatable({}, {__index = function() return "" end}), "", 1, 1e15)',
  ),
  endless('table.move of a huge range', 'table.move({}, 1, 1e15, 2)'),
  endless('table.move backwards', 'table.move({}, 1, 1e14, 3, {})'),
  endless('table.insert at the front', 'local t = {} for i = 1, 1e6 do table.insert(t, 1, i) end'),
  endless(
    'table.remove at the front',
    'local t = {} for i = 1, 1e5 do t[i] = i end while #t > 0 do table.remove(t, 1) t[#t + 1] = 1 end',
  ),
  endless(
    'table.sort of much',
    'local t = {} for i = 1, 1e5 do t[i] = i * 7919 % 100003 end while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end',
  ),
  either(
    'table.unpack of much',
    'local t = {} for i = 1, 1e5 do t[i] = i end while true do pcall(table.unpack, t) end',
  ),
  endless('utf8.len', 'local s = ("\\xc3\\xa9"):rep(1e6) while true do utf8.len(s) end'),
  endless('utf8.offset', 'local s = ("\\xc3\\xa9"):rep(1e6) while true do utf8.offset(s, 9e5) end'),
  either(
    'utf8.codepoint of many',
    'local s = ("\\xc3\\xa9"):rep(1e5) while true do pcall(utf8.codepoint, s, 1, -1) end',
  ),
  endless(
    'utf8.codes',
    'local s = ("\\xc3\\xa9"):rep(1e4) while true do for _ in utf8.codes(s) do end end',
  ),
  endless(
    'string.pack of much',
    'local f = ("i4"):rep(200) local t = {} for i = 1, 200 do t[i] = i end while true do string.pack(f, table.unpack(t)) end',
  ),
  endless(
    'string.unpack of much',
    'local f = ("i4"):rep(200) local s = ("x"):rep(800) while true do string.unpack(f, s) end',
  ),
  endless(
    'string.packsize of a long format',
    'local f = ("i4"):rep(1e5) while true do string.packsize(f) end',
  ),
  endless(
    'a long format',
    'local f = ("%d"):rep(100) local t = {} for i = 1, 100 do t[i] = i end while true do f:format(table.unpack(t)) end',
  ),
  either(
    'tonumber of a long text',
    'local s = ("9"):rep(1e6) while true do tonumber(s) tonumber(s, 10) end',
  ),
  either(
    'tostring of what concat built',
    'local s = ("9"):rep(1e6) while true do local _ = (s .. "") + 0 end',
  ),
  endless(
    'a lexer with a long token',
    'local s = "return " .. ("x"):rep(1e6) while true do load(s) end',
  ),
  endless(
    'a lexer with a long string',
    'local s = "return [[" .. ("x"):rep(1e6) .. "]]" while true do load(s) end',
  ),
  endless(
    'a lexer with a long number',
    'local s = "return " .. ("1"):rep(1e5) while true do load(s) end',
  ),
  either(
    'a reader that returns much each time',
    'local s = (" "):rep(1e6) load(function() return s end)',
  ),
  endless(
    'rawequal, rawlen and next',
    'local t = {} for i = 1, 100 do t[i] = i end while true do rawequal(t, rawlen(t)) next(t, 50) end',
  ),
  fails(
    'a pattern that is nested too deep',
    'return ("x"):rep(300):find(("(x"):rep(250))',
    /too many captures/,
  ),
  fails(
    'a pattern that recurses too deep',
    'return ("a"):match(("a-"):rep(250) .. "b")',
    /pattern too complex/,
  ),
  fails(
    'a range of bytes that no stack has',
    'return ("x"):rep(1e6):byte(1, -1)',
    /string slice too long|stack overflow|too many/,
  ),
  fails('more results than the stack has', 'return table.unpack({}, 1, 1e8)', /too many results/),
  fails(
    'a range beyond all numbers',
    'return table.unpack({}, math.mininteger, math.maxinteger)',
    /too many results/,
  ),
];
