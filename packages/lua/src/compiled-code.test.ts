// Hot functions and loops go on as JavaScript: they behave as they did in the interpreter.
import { afterAll, describe, expect, test } from 'vitest';
import { closeEngine, run } from './test-program.ts';

afterAll(closeEngine);

/** More turns than it takes to be hot, few enough for a busy machine. */
const TURNS = 150;
const WARM = `for i = 1, ${TURNS} do`;
/** From this turn on they ask the host: until it answers for the first time they have become hot. */
const ASK = TURNS - 10;
/** A `get` that answers what the host would, and asks it from that turn on. */
const GET = 'local get = function(n) return n end';
const WARM_AND_ASK = `${WARM} if i == ${ASK} then get = host.get end`;

describe('hot code', () => {
  test('suspends at a host call in a function, a loop and a traversal, and goes on', async () => {
    const { values, calls } = await run(
      `${GET}
       local function twice(n) local a = get(n) local b = get(a + 1) return a + b, n end
       local sum, last = 0, 0
       ${WARM_AND_ASK}
         local s, n = twice(i)
         sum, last = sum + s, n
       end
       local names = {}
       for i = 1, 200 do names["k" .. i] = i end
       local kept = {}
       for _, v in pairs(names) do kept[#kept + 1] = function() v = v + host.get(v) return v end end
       return sum, last, kept[1](), kept[200](), kept[200]()`,
      { 'host.get': ({ args }) => [args[0] ?? null] },
    );
    expect(calls.length).toBe(2 * (TURNS - ASK + 1) + 3);
    expect(values).toEqual([TURNS * (TURNS + 1) + TURNS, TURNS, 2, 400, 800]);
  });

  test('suspends in a metamethod, a comparison, a concatenation and an iterator', async () => {
    const { values } = await run(
      `${GET}
       local mt = {
         __add = function(a, b) return get(1) end,
         __lt = function() return get(2) == 2 end,
         __concat = function() return "c" .. get(3) end,
         __index = function(_, k) return get(k) end,
       }
       local o = setmetatable({}, mt)
       local function all(i)
         local s = o + i
         if o < o then s = s + 10 end
         local t = "a" .. o .. "b"
         for v in function(_, last) if not last then return get(o[5]) end end do s = s + v end
         return s, t
       end
       local s, t
       ${WARM_AND_ASK} s, t = all(i) end
       return s, t`,
      { 'host.get': ({ args }) => [args[0] ?? null] },
    );
    expect(values).toEqual([16, 'ac3']);
  });

  test('shares variables between closures before and after it is suspended', async () => {
    const { values } = await run(
      `${GET}
       local show, set
       local function make(n)
         local v = n
         show = function() return v end
         set = function(x) v = x end
         v = v + get(1)
         set(v * 2)
         return v
       end
       local r
       ${WARM_AND_ASK} r = make(i) end
       set(7)
       return r, show()`,
      { 'host.get': ({ args }) => [args[0] ?? null] },
    );
    expect(values).toEqual([2 * (TURNS + 1), 7]);
  });

  test('says where an error was, and which variable it was about', async () => {
    const body = `local function f(t, hot)
        local n = 0
        for i = 1, 300 do n = n + i end
        if hot then
          return t.field.missing
        end
        return n
      end
      ${WARM} f({}) end
      f({}, true)`;
    await expect(run(`${body}\n`, undefined, {})).rejects.toMatchObject({
      details: { position: { file: 'main.lua', line: 5 } },
      message: expect.stringContaining("attempt to index a nil value (field 'field')"),
    });
  });

  test.each([
    ['a quote and a comment', `"]; throw 1; //`],
    ['a template', '`+globalThis.process.abort()+`\u0024{1}'],
    ['a line break and a terminator', `\n\u2028*/ } catch {} /*`],
    ['a name of JavaScript', '__proto__'],
    ['a method of JavaScript', 'constructor'],
  ])('keeps %s a string', async (_, hostile) => {
    const quoted = JSON.stringify(hostile).replaceAll('\u2028', '\\u{2028}');
    const { values } = await run(
      `local k = ${quoted}
       local t = {}
       local function f(i)
         t[${quoted}] = i
         return t[${quoted}] == i and ${quoted} .. "" == k and t[k]
       end
       local r
       ${WARM} r = f(i) end
       return r, next(t), getmetatable(t), t.toString, ("x").constructor`,
    );
    expect(values).toEqual([TURNS, hostile, null, null, null]);
  });

  test('takes functions that tail-call each other a million times', async () => {
    const { values } = await run(
      `local even, odd
       function even(n) if n == 0 then return true end return odd(n - 1) end
       function odd(n) if n == 0 then return false end return even(n - 1) end
       return even(1000000), odd(1000000)`,
      undefined,
      { limits: { cpuMs: 20_000 } },
    );
    expect(values).toEqual([true, false]);
  });

  test('counts integers exactly and keeps floats floats', async () => {
    const { values } = await run(
      `local big, f, z = 9007199254740000, 0.5, 0
       for i = 1, 990 do big = big + 1 end
       for i = 1, 999 do f = f + 0.5 end
       ${WARM} z = z * -1 end
       return math.type(big), big, math.type(big + 10), math.type(f), f .. "", 1 / z`,
    );
    expect(values).toEqual(['integer', 9007199254740990, 'float', 'float', '500.0', Infinity]);
  });

  test('begins a traversal anew after one that was left early', async () => {
    const { values } = await run(
      `local long, short = {}, { a = 1, b = 2 }
       for i = 1, 100 do long[i] = i end
       local turns = 0
       for i = 1, 1000 do
         for _, v in pairs(i % 2 == 0 and long or short) do
           turns = turns + 1
           if v == 50 then break end
         end
       end
       return turns`,
    );
    expect(values).toEqual([500 * 2 + 500 * 50]);
  });

  test('returns all values of a call and of "..." from within a loop', async () => {
    const { values } = await run(
      `local function three() return 1, 2, 3 end
       local function call() for i = 1, 1000 do if i == 500 then return i, three() end end end
       local function va(...) for i = 1, 1000 do if i == 500 then return i, ... end end end
       local function tail(...)
         for i = 1, 1000 do if i == 500 then return select(2, ...) end end
       end
       local a, b, c = table.pack(call()), table.pack(va(7, 8)), table.pack(tail(4, 5, 6))
       return a.n, a[4], b.n, b[3], c.n, c[1], c[2]`,
    );
    expect(values).toEqual([4, 3, 3, 8, 2, 5, 6]);
  });

  test('tail-calls after it was suspended without touching the variables of its caller', async () => {
    const { values } = await run(
      `${GET}
       local function id(...) return ... end
       local function inner(x, ...) local y = get(x) return id(y, ...) end
       local function outer(x)
         local a, b, c = 1, 2, 3
         local y, z = inner(x, 9)
         return a, b, c, y, z
       end
       local r
       ${WARM_AND_ASK} local p, q = "p", "q" r = { p, q, outer(i) } end
       return table.unpack(r)`,
      { 'host.get': ({ args }) => [args[0] ?? null] },
    );
    expect(values).toEqual(['p', 'q', 1, 2, 3, TURNS, 9]);
  });

  test('fails as next fails when a key is not there', async () => {
    const { values } = await run(
      `local function f() for _ in next, {}, "missing" do end end
       local cold = { pcall(f) }
       ${WARM} pcall(f) end
       local hot = { pcall(f) }
       return cold[2], hot[2]`,
    );
    expect(values).toEqual(["invalid key to 'next'", "invalid key to 'next'"]);
  });

  test('takes as many arguments and as deep calls as it does in the interpreter', async () => {
    const locals = Array.from({ length: 190 }, (_, i) => `local v${i} = n + ${i}`).join(' ');
    const { values } = await run(
      `local list = {}
       for i = 1, 90000 do list[i] = i end
       local function count(...) return select("#", ...) end
       local function call(n) local c = count(table.unpack(list, 1, n)) return c end
       local function wide(n) ${locals} if n == 0 then return 0 end return v1 - n + wide(n - 1) end
       local function deep(n, coroutines)
         if n > 0 then return 1 + deep(n - 1, coroutines) end
         if coroutines == 0 then return 0 end
         return 1 + coroutine.wrap(function() return deep(300, coroutines - 1) end)()
       end
       ${WARM} call(3) wide(2) deep(3, 0) end
       return call(90000), wide(1000), deep(300, 60)`,
    );
    expect(values).toEqual([90_000, 1000, 61 * 300 + 60]);
  });

  test('keeps what is yielded from within a concatenation', async () => {
    const { values } = await run(
      `local o = setmetatable({}, { __concat = function() coroutine.yield(1, 2, 3) return "c" end })
       local function join(a)
         local s = a .. o
         local p, q, r, u = 4, 5, 6, 7
         return s, p, q, r, u
       end
       local yielded, returned
       ${WARM}
         local resume = coroutine.wrap(join)
         yielded, returned = { resume("a") }, { resume() }
       end
       return table.concat(yielded, " "), table.concat(returned, " ")`,
    );
    expect(values).toEqual(['1 2 3', 'c 4 5 6 7']);
  });
});
