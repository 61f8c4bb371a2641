// Scripts that misuse host calls: host.echo answers its arguments, host.fail fails.
import {
  endless,
  executed,
  fails,
  greedy,
  type HostileScript,
  harmless,
  unreturnable,
} from '../hostile-script.ts';

const refusedAtCreation: HostileScript = {
  name: 'a host call at creation',
  source: 'host.echo(1)',
  expected: { codes: ['RIVET_LUA_HOST_CALL_REFUSED'] },
  phase: 'creation',
};

/** The error of the host keeps its code. */
function hostFails(name: string, source: string): HostileScript {
  return { name, source, expected: { code: 'RIVET_LUA_CLOSED', message: /failed on purpose/ } };
}

export const hostCallScripts: HostileScript[] = [
  refusedAtCreation,
  {
    ...refusedAtCreation,
    name: 'a host call at creation that is hidden in a coroutine',
    source: 'coroutine.wrap(function() host.echo(1) end)()',
  },
  {
    ...refusedAtCreation,
    name: 'a host call at creation through a metatable',
    source: 'return setmetatable({}, {__index = function(_, k) return host.echo(k) end}).x',
  },
  executed(
    harmless('a flood of host calls', 'for i = 1, 3000 do host.echo(i) end return "done"', 'done'),
  ),
  executed(
    harmless(
      'a flood of failures',
      'local n = 0 for i = 1, 1500 do if not pcall(host.fail) then n = n + 1 end end return n',
      1500,
    ),
  ),
  executed(
    harmless(
      'host calls from many coroutines',
      'local n = 0 for i = 1, 300 do coroutine.wrap(function() n = n + host.echo(1) end)() end return n',
      300,
    ),
  ),
  executed(
    harmless(
      'a host call in a comparator',
      'local t = {3, 1, 2} table.sort(t, function(a, b) return host.echo(a) < host.echo(b) end) return table.concat(t)',
      '123',
    ),
  ),
  executed(
    harmless(
      'a host call in gsub',
      'return (("abc"):gsub(".", function(c) return host.echo(c:upper()) end))',
      'ABC',
    ),
  ),
  executed(
    harmless(
      'a host call in __index',
      'return setmetatable({}, {__index = function(_, k) return host.echo(k) end}).key',
      'key',
    ),
  ),
  executed(
    harmless(
      'a host call in __tostring',
      'return tostring(setmetatable({}, {__tostring = function() return host.echo("text") end}))',
      'text',
    ),
  ),
  executed(
    harmless('a host call wrapped in coroutine.wrap', 'return coroutine.wrap(host.echo)(7)', 7),
  ),
  executed(
    harmless(
      'a host call in pcall in a coroutine in pcall',
      'return select(2, pcall(coroutine.wrap(function() return select(2, pcall(host.echo, 9)) end)))',
      9,
    ),
  ),
  executed(
    harmless(
      'a yield around a host call',
      'local co = coroutine.wrap(function() coroutine.yield(host.echo(1)) return host.echo(2) end) return co(), co()',
      1,
      2,
    ),
  ),
  executed(
    harmless(
      'a coroutine that is resumed while it waits',
      'local co co = coroutine.create(function() return host.echo(1) end) local ok, v = coroutine.resume(co) return ok, v, coroutine.status(co)',
      true,
      1,
      'dead',
    ),
  ),
  executed(
    harmless(
      'the keys of JavaScript as arguments',
      'local r = host.echo({__proto__ = 1, constructor = 2, toString = 3, hasOwnProperty = 4}) return r.__proto__, r.constructor, r.toString, r.hasOwnProperty, r.valueOf',
      1,
      2,
      3,
      4,
      null,
    ),
  ),
  executed(
    harmless(
      'nested keys of JavaScript',
      'local r = host.echo({__proto__ = {polluted = true}}) return r.__proto__.polluted, r.polluted, host.echo({}).polluted',
      true,
      null,
      null,
    ),
  ),
  executed(
    harmless(
      'numbers that JSON has no text for',
      'local a, b, c = host.echo(1/0, -1/0, 0/0) return a == 1/0, b == -1/0, c ~= c',
      true,
      true,
      true,
    ),
  ),
  executed(harmless('a negative zero', 'return 1 / host.echo(-0.0) == -1/0', true)),
  executed(
    harmless(
      'bytes that are no UTF-8',
      'return host.echo("\\xff\\0\\xfe") == "\\xff\\0\\xfe"',
      true,
    ),
  ),
  executed(
    harmless(
      'the tags of the wire as a table',
      'local r = host.echo({r = {{"a", 1}}, f = {1, "x", 1}, b = "AAAA", n = "nan"}) return r.r[1][1], r.f[2], r.b, r.n',
      'a',
      'x',
      'AAAA',
      'nan',
    ),
  ),
  executed(
    harmless(
      'metatables do not take part',
      'local r = host.echo(setmetatable({a = 1}, {__index = {b = 2}, __pairs = error, __len = error, __metatable = error})) return r.a, r.b',
      1,
      null,
    ),
  ),
  executed(
    hostFails(
      'a metatable with a huge __len',
      'host.fail(setmetatable({}, {__len = function() return 1e9 end}))',
    ),
  ),
  executed(
    unreturnable(
      'an argument that contains itself',
      'local t = {} t[1] = t host.echo(t)',
      /contains itself/,
    ),
  ),
  executed(
    unreturnable(
      'an argument nested too deep',
      'local t = {} for i = 1, 200 do t = {t} end host.echo(t)',
      /nested more than/,
    ),
  ),
  executed(
    unreturnable(
      'an argument of too many values',
      'local t = {} for i = 1, 3e5 do t[i] = true end host.echo(t)',
      /more than 250000 values/,
    ),
  ),
  executed(
    unreturnable(
      'arguments of too many values together',
      'local t = {} for i = 1, 2e5 do t[i] = true end host.echo(t, t)',
      /more than 250000 values/,
    ),
  ),
  executed(
    unreturnable('an argument of many megabytes', 'host.echo(("x"):rep(9e6))', /more than 8 MB/),
  ),
  executed(
    unreturnable(
      'an argument that escapes to many megabytes',
      'host.echo(("\\1"):rep(2e6))',
      /more than 8 MB/,
    ),
  ),
  executed(
    unreturnable(
      'a coroutine as an argument',
      'host.echo(coroutine.create(function() end))',
      /coroutine/,
    ),
  ),
  executed(unreturnable('a key that is a table', 'host.echo({[{}] = 1})', /key/)),
  executed(unreturnable('keys of both kinds', 'host.echo({1, a = 2})', /both/)),
  executed(unreturnable('a key that is no UTF-8', 'host.echo({["\\xff"] = 1})', /UTF-8/)),
  executed(harmless('an argument of megabytes', 'return #host.echo(("x"):rep(3e6))', 3_000_000)),
  executed(hostFails('a failure that nothing catches', 'host.fail()')),
  executed(
    hostFails(
      'a failure that coroutines pass on',
      'coroutine.wrap(function() coroutine.wrap(host.fail)() end)()',
    ),
  ),
  executed(
    endless('a loop after host calls', 'for i = 1, 10 do host.echo(i) end while true do end'),
  ),
  executed(
    endless(
      'a loop while a host call in a coroutine waits',
      'local co = coroutine.create(function() host.echo(1) end) coroutine.resume(co) while true do end',
    ),
  ),
  executed(
    greedy(
      'a bomb after host calls',
      'host.echo(1) local t = {} while true do t[#t + 1] = ("x"):rep(1e5) end',
    ),
  ),
  executed(
    greedy(
      'results that are kept',
      'local t = {} local s = ("x"):rep(1e6) while true do t[#t + 1] = host.echo(s .. #t) end',
    ),
  ),
  executed(fails('a host call that does not exist', 'host.nothing()', /nothing/)),
  executed(fails('a module that is changed', 'host.echo = nil', /read-only/)),
];
