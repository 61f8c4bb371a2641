// Values: they cross into Lua and back unchanged, or are refused with their path.
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { closeEngine, evaluate, openProgram, run } from './test-program.ts';
import { asRecord, LuaFunction, type LuaValue } from './values.ts';
import type { LuaVm } from './vm.ts';
import { fromWire, toWire } from './wire/wire-value.ts';

afterAll(closeEngine);

/**
 * Values that have exactly one form: no empty record (it is an empty list), no trailing nil in a
 * list.
 */
const { value: luaValue } = fc.letrec<{ value: LuaValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(true, false, 0, -1, 2 ** 31, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 1e300, 0.1),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', '__proto__', 'constructor', 'a\u0000b', '\u{1F600}'),
    fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => Uint8Array.from([...bytes, 0xff])),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(
        fc.tuple(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'x')), tie('value')),
        {
          minLength: 1,
          maxLength: 5,
          selector: ([key]) => key,
        },
      )
      .map((fields) => {
        const record = Object.create(null) as Record<string, LuaValue>;
        for (const [key, item] of fields) record[key] = item;
        return record;
      }),
  ),
}));

async function echo(): Promise<(args: readonly LuaValue[]) => Promise<readonly LuaValue[]>> {
  const { vm } = await openProgram('return function(...) return ... end');
  const [fn] = (await vm.evaluate()).values;
  let branch = 0;
  return (args) => {
    branch += 1;
    return vm.call(fn as LuaFunction, args, { branch: String(branch) });
  };
}

describe('values', () => {
  test('come back from Lua as they went in', async () => {
    const call = await echo();
    await fc.assert(
      fc.asyncProperty(fc.array(luaValue, { maxLength: 4 }), async (values) => {
        expect(await call(values)).toStrictEqual(values);
      }),
      { numRuns: 150 },
    );
  });

  test('come back from the wire as they went in', () => {
    fc.assert(
      fc.property(luaValue, (value) => {
        const json = JSON.parse(JSON.stringify(toWire(value, 'value')));
        expect(fromWire(json)).toStrictEqual(value);
      }),
    );
  });

  test('whatever a Lua process sends is a value or refused', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        try {
          expect(fromWire(json)).toBeDefined();
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  test('keep count and place of nils', async () => {
    const call = await echo();
    expect(await call([null, 1, null, null])).toEqual([null, 1, null, null]);
    expect(await call([[1, null, 3]])).toEqual([[1, null, 3]]);
    expect((await run('return #{...}, select("#", nil, nil), {1, nil, 3}')).values).toEqual([
      0,
      2,
      [1, null, 3],
    ]);
  });

  test('keep the order of keys', async () => {
    const [record] = await evaluate(
      'return { z = 1, a = 2, ["b c"] = 3, __proto__ = 4, constructor = 5 }',
    );
    expect(Object.keys(record as object)).toEqual(['z', 'a', 'b c', '__proto__', 'constructor']);
    expect(Object.getPrototypeOf(record)).toBe(null);
  });

  test('that are whole numbers come out as integers, others as floats', async () => {
    expect(await evaluate('return 3, 3.0, 2^53, -0.0, 1700000000 * 1000, 0/0, 1/0, -1/0')).toEqual([
      3,
      3,
      2 ** 53,
      -0,
      1700000000000,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  test('that are functions know where they were written', async () => {
    const [fn, builtIn] = await evaluate('\nlocal function f() end\nreturn f, pcall');
    expect(fn).toMatchObject({ position: { file: 'main.lua', line: 2 } });
    expect(builtIn).toBeInstanceOf(LuaFunction);
  });

  test('are read raw: metatables have no say', async () => {
    const source = `return setmetatable({ a = 1 }, {
      __index = function() error("no") end, __pairs = function() error("no") end, __len = function() return 9 end })`;
    expect(await evaluate(source)).toEqual([{ a: 1 }]);
  });

  test('that are empty tables are empty lists and count as records', async () => {
    const [empty] = await evaluate('return {}');
    expect(empty).toEqual([]);
    expect(asRecord(empty)).toEqual({});
    expect(asRecord([1])).toBeUndefined();
  });

  test.each([
    ['local t = {} t.self = { t } return t', '1.self[1]', 'a table that contains itself'],
    [
      'return 1, { stages = { 1, { 2, x = 3 } } }',
      '2.stages[2]',
      'a table with both a list and string keys',
    ],
    ['return { x = 3, 2 }', '1', 'a table with both a list and string keys'],
    ['return { [1.5] = 1 }', '1', 'a table with the key 1.5'],
    ['return { [0] = 1 }', '1', 'a table with the key 0'],
    ['return { [true] = 1 }', '1', 'a table with a boolean key'],
    ['return { [{}] = 1 }', '1', 'a table with a table as key'],
    ['return { [1e9] = 1 }', '1', 'a list of 1 items up to index 1000000000'],
    ['return { ["\\255"] = 1 }', '1', 'a table with a key that is not UTF-8'],
    ['return { a = { ["b c"] = coroutine.create(pcall) } }', '1.a["b c"]', 'a coroutine'],
    [
      'local t = {} for i = 1, 200 do t = { t } end return t',
      `1${'[1]'.repeat(100)}`,
      'nested more than 100 tables deep',
    ],
    [
      'local a, b = {}, {} for i = 1, 1000 do a[i] = 1 end for i = 1, 251 do b[i] = a end return b',
      '1[250][750]',
      'one of more than 250000 values',
    ],
  ])('that cannot leave are refused with their path: %s', async (source, path, found) => {
    await expect(evaluate(source)).rejects.toMatchObject({
      code: 'RIVET_LUA_VALUE',
      details: { path, found },
    });
  });

  test.each([
    [undefined, 'undefined'],
    [Symbol('x'), 'a symbol'],
    [new Map(), 'an object of the class Map'],
    ['\ud800', 'text with half a surrogate pair'],
  ])('from the host that Lua has none for are refused: %s', (value, found) => {
    const path = 'args[1].a[2]';
    expect(() => toWire({ a: [1, value ?? undefined] }, 'args[1]')).not.toThrow(TypeError);
    if (value === undefined) return;
    expect(() => toWire({ a: [1, value] }, 'args[1]')).toThrow(`${path} is ${found}`);
  });
});

describe('positions', () => {
  async function positionsOf(source: string, vm?: LuaVm): Promise<Record<string, string>> {
    const program = vm ?? (await openProgram(source)).vm;
    const { positions } = await program.evaluate();
    return Object.fromEntries(
      [...positions].map(([path, { file, line, column }]) => [path, `${file}:${line}:${column}`]),
    );
  }

  test('of fields are those of their keys, of items those of their values', async () => {
    const source = `return {
  name = "a",
  ["b c"] = 1,
  stages = {
    { name = "x",
      needs = { "p",
                "q" } },
  },
}`;
    expect(await positionsOf(source)).toEqual({
      '1': 'main.lua:1:8',
      '1.name': 'main.lua:2:3',
      '1["b c"]': 'main.lua:3:3',
      '1.stages': 'main.lua:4:3',
      '1.stages[1]': 'main.lua:5:5',
      '1.stages[1].name': 'main.lua:5:7',
      '1.stages[1].needs': 'main.lua:6:7',
      '1.stages[1].needs[1]': 'main.lua:6:17',
      '1.stages[1].needs[2]': 'main.lua:7:17',
    });
  });

  test('of assignments and of table.insert are those of the statement', async () => {
    const source = `local t = {}
t.name = "a"
t.list = {}
t.list[#t.list + 1] = 1
table.insert(t.list, 2)
rawset(t, "raw", {
})
return t`;
    expect(await positionsOf(source)).toMatchObject({
      '1.name': expect.stringMatching('main.lua:2:'),
      '1.list[1]': expect.stringMatching('main.lua:4:'),
      '1.list[2]': expect.stringMatching('main.lua:5:'),
      '1.raw': expect.stringMatching('main.lua:6:'),
    });
  });

  test("of fields that Rivet's own Lua sets are those of its caller", async () => {
    const module = {
      name: 'build',
      functions: [],
      source:
        'local build = ... function build.make(name) local t = {} t.name = name t.list = { 1 } return t end',
    };
    const { vm } = await openProgram('\nreturn build.make("x")', {}, { modules: [module] });
    expect(await positionsOf('', vm)).toMatchObject({
      '1': expect.stringMatching('main.lua:2:'),
      '1.name': expect.stringMatching('main.lua:2:'),
      '1.list': expect.stringMatching('main.lua:2:'),
    });
  });

  test('of more than 50 items in a constructor are each their own', async () => {
    const items = Array.from({ length: 120 }, (_, i) => `  ${i},`).join('\n');
    const positions = await positionsOf(`return {\n${items}\n}`);
    expect(positions['1[1]']).toBe('main.lua:2:3');
    expect(positions['1[51]']).toBe('main.lua:52:3');
    expect(positions['1[120]']).toBe('main.lua:121:3');
  });
});
