// Hot functions and loops go on as JavaScript: they behave as they did in the interpreter.
import { afterAll, describe, expect, test } from 'vitest';
import { closeEngine, run } from './test-program.ts';

afterAll(closeEngine);

const WARM = 'for i = 1, 500 do';

describe('hot code', () => {
  test('suspends at a host call in a function, a loop and a traversal, and goes on', async () => {
    const { values, calls } = await run(
      `local function twice(n) local a = host.get(n) local b = host.get(a) return a + b, n end
       local sum, last = 0, 0
       for i = 1, 300 do
         local s, n = twice(i)
         sum, last = sum + s, n
       end
       local names = {}
       for i = 1, 200 do names["k" .. i] = i end
       local kept = {}
       for _, v in pairs(names) do kept[#kept + 1] = function() v = v + host.get(v) return v end end
       return sum, last, kept[1](), kept[200](), kept[200]()`,
      { 'host.get': ({ args }) => [(args[0] as number) + 1] },
    );
    expect(calls.length).toBe(600 + 3);
    expect(values).toEqual([300 * 301 + 3 * 300, 300, 3, 401, 803]);
  });

  test('suspends in a metamethod, a comparison, a concatenation and an iterator', async () => {
    const { values } = await run(
      `local mt = {
         __add = function(a, b) return host.get(1) end,
         __lt = function() return host.get(2) == 2 end,
         __concat = function() return "c" .. host.get(3) end,
         __index = function(_, k) return host.get(k) end,
       }
       local o = setmetatable({}, mt)
       local function all(i)
         local s = o + i
         if o < o then s = s + 10 end
         local t = "a" .. o .. "b"
         for v in function(_, last) if not last then return host.get(o[5]) end end do s = s + v end
         return s, t
       end
       local s, t
       ${WARM} s, t = all(i) end
       return s, t`,
      { 'host.get': ({ args }) => [args[0] ?? null] },
    );
    expect(values).toEqual([16, 'ac3']);
  });

  test('shares variables between closures before and after it is suspended', async () => {
    const { values } = await run(
      `local get, set
       local function make(n)
         local v = n
         get = function() return v end
         set = function(x) v = x end
         v = v + host.get(0)
         set(v * 2)
         return v
       end
       local r
       ${WARM} r = make(i) end
       set(7)
       return r, get()`,
      { 'host.get': () => [1] },
    );
    expect(values).toEqual([1002, 7]);
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
    ['a template', '`+globalThis.process.exit(1)+`${1}'],
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
    expect(values).toEqual([500, hostile, null, null, null]);
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
});
