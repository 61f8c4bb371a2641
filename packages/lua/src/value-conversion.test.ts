// Properties of values that cross into a script and back.
import { isRivetError } from '@rivet/base';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeEngine, openProgram } from './test-program.ts';
import { LuaFunction, type LuaValue } from './values.ts';
import type { LuaVm } from './vm.ts';
import { fromWire, toWire } from './wire/wire-value.ts';

const RUNS = { numRuns: 300 };

/** Gives back what it was given: as it is, rebuilt by Lua, with metatables that must not count. */
const MAIN = `
local poison = {
  __index = function() return "from __index" end, __newindex = error, __len = function() return 1e9 end,
  __pairs = function() error("__pairs") end, __tostring = error, __metatable = false, __call = error,
}
local function rebuilt(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = rebuilt(item) end
  return copy
end
local function poisoned(value)
  if type(value) ~= "table" then return value end
  for key, item in next, value do poisoned(item) end
  return setmetatable(value, poison)
end
return function(value) return value end, rebuilt, poisoned, function(value) return type(value), math.type(value) end`;

let vm: LuaVm;
let ways: readonly LuaFunction[];
let calls = 0;
beforeAll(async () => {
  ({ vm } = await openProgram(MAIN, {}, { limits: { cpuMs: 10_000 } }, () => [], false));
  ways = (await vm.evaluate()).values.filter((value) => value instanceof LuaFunction);
});
afterAll(closeEngine);

async function through(way: number, value: LuaValue): Promise<LuaValue> {
  calls += 1;
  const results = await vm.call(ways[way]!, [value], { branch: `call-${calls}` });
  return results[0] ?? null;
}

const names = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'then', 'r'),
  fc.constantFrom('', '1', '-1', '01', '1.5', 'a b', 'é', '\u0000', '\u2028', '😀', 'b', 'n', 'f'),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const numbers = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 2 ** 63, 2 ** 31, -(2 ** 31), 1e308),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324),
);
const bytes = fc.uint8Array({ maxLength: 20 });
const { value: values } = fc.letrec<{ value: LuaValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    numbers,
    fc.string({ unit: 'grapheme' }),
    bytes,
    fc.array(tie('value'), { maxLength: 8 }),
    fc.array(fc.tuple(names, tie('value')), { maxLength: 8 }).map((entries) => recordOf(entries)),
  ),
}));

function recordOf(entries: readonly (readonly [string, LuaValue])[]): Record<string, LuaValue> {
  const record: Record<string, LuaValue> = Object.create(null);
  for (const [key, value] of entries) record[key] = value;
  return record;
}

/** What Lua makes of a value: nil ends lists and is no field, empty tables are lists, text is text. */
function asLua(value: LuaValue): LuaValue {
  if (value instanceof Uint8Array) return textOrBytes(value);
  if (Array.isArray(value)) {
    const items = value.map(asLua);
    while (items.at(-1) === null) items.pop();
    return items;
  }
  if (value === null || typeof value !== 'object' || value instanceof LuaFunction) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return entries.length === 0 ? [] : recordOf(entries.map(([key, item]) => [key, asLua(item)]));
}

/** A value as text: comparing it does not depend on keys such as `constructor`. */
function shown(value: LuaValue): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  expect(Object.getPrototypeOf(value)).toBe(null);
  const fields = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${shown(item)}`,
  );
  return `{${fields.join(', ')}}`;
}

function textOrBytes(value: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return value;
  }
}

describe('a value', () => {
  test.each([
    ['as it is', 0],
    ['rebuilt by Lua', 1],
    ['with metatables, which do not count', 2],
  ])('comes back %s', async (_, way) => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        expect(shown(await through(way, value))).toBe(shown(asLua(value)));
      }),
      RUNS,
    );
  });

  test('keeps the order of its keys', async () => {
    const words = fc.uniqueArray(fc.stringMatching(/^[a-z_]{1,6}$/), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(words, async (keys) => {
        const record = recordOf(keys.map((key, i) => [key, i]));
        const back = await through(1, record);
        expect(Object.keys(back ?? {})).toEqual(keys);
      }),
      RUNS,
    );
  });

  test('that is a number is an integer of Lua when it is whole and within 2^53', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, async (n) => {
        calls += 1;
        const [, type] = await vm.call(ways[3]!, [n], { branch: `call-${calls}` });
        const isInteger = Number.isSafeInteger(n) && !Object.is(n, -0);
        expect(type).toBe(isInteger ? 'integer' : 'float');
      }),
      RUNS,
    );
  });

  test('may be nested a hundred tables deep and no deeper', async () => {
    const nested = (depth: number): LuaValue => (depth === 0 ? 1 : [nested(depth - 1)]);
    expect(await through(0, nested(100))).toStrictEqual(nested(100));
    await expect(through(0, nested(102))).rejects.toMatchObject({
      code: 'RIVET_LUA_VALUE',
      message: expect.stringContaining('nested too deep'),
    });
  });

  test('may be wide', async () => {
    const wide = Array.from({ length: 50_000 }, (_, i) => i);
    expect(await through(1, wide)).toStrictEqual(wide);
  });

  test('that contains itself is refused', async () => {
    const cyclic: LuaValue[] = [];
    cyclic.push(cyclic);
    await expect(through(0, cyclic)).rejects.toMatchObject({ code: 'RIVET_LUA_VALUE' });
  });
});

describe('the wire', () => {
  test('takes any JSON as a value or refuses it, and lets none of it touch a prototype', () => {
    const hostile = fc.oneof(
      fc.json().map((text) => JSON.parse(text) as unknown),
      fc.array(fc.tuple(names, fc.jsonValue())).map((fields) => ({ r: fields })),
      fc.record({ f: fc.array(fc.jsonValue()) }),
      fc.record({ n: fc.jsonValue() }),
      fc.record({ b: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(hostile, (wire) => {
        try {
          fromWire(wire);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  test('writes every value that it reads, and refuses others with their path', () => {
    fc.assert(
      fc.property(values, (value) => {
        const read = fromWire(JSON.parse(JSON.stringify(toWire(value, 'value'))));
        expect(shown(read)).toBe(shown(value));
      }),
      { numRuns: 1000 },
    );
    const odd = fc.constantFrom<unknown>(new Date(), /x/, Symbol('x'), 1n, '\ud800', new Map());
    fc.assert(
      fc.property(odd, fc.integer({ min: 1, max: 5 }), (what, at) => {
        const list = [...Array.from({ length: at - 1 }, () => 1), { deep: what }];
        try {
          toWire(list, 'value');
          expect.unreachable('it was written');
        } catch (error) {
          expect(isRivetError(error, 'RIVET_LUA_VALUE') && error.message).toContain(
            `value[${at}].deep`,
          );
        }
      }),
    );
  });
});
