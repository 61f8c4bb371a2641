// Coroutines: yields across calls, pcall, metamethods and iterators; states; errors inside.
import type { Random } from '../random.ts';

export function coroutines(r: Random): string {
  return r.list(1, 3, () => r.pick([generator, states, across, wraps])(r)).join('\n');
}

function generator(r: Random): string {
  const work = r.list(1, 6, () =>
    r.pick([
      () => `x = coroutine.yield(${r.pick(['i', 'x', 'i, x', ''])})`,
      () => `log("got", x)`,
      () => `for j = 1, ${r.int(0, 3)} do coroutine.yield(j * i) end`,
      () =>
        `pcall(function() coroutine.yield("in pcall") ${r.chance(0.5) ? 'error("inside")' : ''} end)`,
      () =>
        `if i > ${r.int(0, 3)} then ${r.pick(['return "end", i', 'error("stop " .. i)', 'error({})', 'error()', 'local y = nil + 1'])} end`,
      () => `x = select("#", coroutine.yield(table.unpack({1, 2, 3}, 1, ${r.int(0, 3)})))`,
    ])(),
  );
  return `p(function() local out = {}
  local function log(...) local n = select("#", ...) local t = {} for i = 1, n do t[i] = tostring((select(i, ...))):gsub("0x%x+", "ADDR") end out[#out + 1] = table.concat(t, ",") end
  local co = coroutine.create(function(x) for i = 1, 3 do
    ${work.join('\n    ')}
  end return "done" end)
  for i = 1, ${r.int(2, 9)} do log(coroutine.resume(co, i * 10)) log(coroutine.status(co)) end
  return table.concat(out, " ") end)`;
}

function states(r: Random): string {
  return `p(function()
  local outer
  local inner = coroutine.create(function() ${r.pick(['return coroutine.status(outer)', 'coroutine.yield(coroutine.status(outer))', 'return coroutine.resume(outer)', 'return coroutine.resume(coroutine.running())', 'return coroutine.isyieldable(), select(2, coroutine.running())'])} end)
  outer = coroutine.create(function(...)
    local r = table.pack(coroutine.resume(inner, ...))
    r[#r + 1] = coroutine.status(inner)
    return table.unpack(r)
  end)
  local before = coroutine.status(outer)
  local first = {coroutine.resume(outer, 1)}
  local after = coroutine.status(outer)
  return before, after, first, coroutine.resume(outer)
end)`;
}

function across(r: Random): string {
  const how = r.pick([
    'setmetatable({}, {__index = function(_, k) return coroutine.yield(k) end}).key',
    'setmetatable({}, {__add = function(a, b) return coroutine.yield("add") end}) + 1',
    'setmetatable({}, {__concat = function(a, b) return coroutine.yield("concat") end}) .. "x"',
    '"a" .. "b" .. setmetatable({}, {__concat = function(a, b) return coroutine.yield(a) end})',
    'setmetatable({}, {__lt = function(a, b) return coroutine.yield("lt") end}) < 5',
    'not (setmetatable({}, {__le = function(a, b) return coroutine.yield("le") end}) <= {})',
    'setmetatable({}, {__eq = function(a, b) return coroutine.yield("eq") end}) == setmetatable({}, {})',
    'setmetatable({}, {__call = function(_, v) return coroutine.yield(v) end})(9)',
    '#setmetatable({}, {__len = function() return coroutine.yield("len") end})',
    'pcall(coroutine.yield, "p")',
    'pcall(pcall, coroutine.yield, "p")',
    'xpcall(coroutine.yield, print, "x")',
    'select(2, pcall(table.sort, {3, 2, 1}, function(a, b) coroutine.yield() end))',
    'select(2, pcall(string.gsub, "abc", ".", coroutine.yield))',
    '(function() for v in coroutine.yield do return v end end)()',
    'select("#", coroutine.yield(1, nil))',
    'select(2, pcall(load, function() return coroutine.yield("chunk") end))',
    'tostring(setmetatable({}, {__tostring = function() return coroutine.yield("s") end}))',
    'table.concat(setmetatable({}, {__index = function(_, i) return coroutine.yield(i) end}), ",", 1, 2)',
  ]);
  return `p(function() local co = coroutine.wrap(function(...) local r = ${how} return "result", r, ... end)
  return co("in"), pcall(co, ${r.pick(['1', '"z"', 'nil', 'false, 2', '"abc"'])}), pcall(co) end)`;
}

function wraps(r: Random): string {
  return `p(function() local f = coroutine.wrap(function(n) for i = 1, n do coroutine.yield(i) end ${r.pick(['', 'error("bad")', 'error({code = 5})', 'error("lvl2", 2)', 'return nil + {}', 'return "last"'])} end)
  local seen = {}
  for i = 1, ${r.int(1, 5)} do seen[#seen + 1] = tostring(f(${r.int(0, 3)})) end
  return table.concat(seen, " ") end)
p(coroutine.${r.pick(['create', 'wrap', 'resume', 'status', 'isyieldable'])}, ${r.pick(['1', 'nil', '"x"', 'print', '{}'])})
p(function() return coroutine.resume(coroutine.create(${r.pick(['print', 'error', 'pcall', 'select', 'function(...) return ... end'])}), ${r.pick(['1', 'nil', '"#", 2', 'print'])}) end)`;
}
