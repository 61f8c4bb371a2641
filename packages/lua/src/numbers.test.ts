// Numbers: integers that are exact to 2^53 and never wrap around.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeEngine, LIMITS, openProgram, testEngine } from './test-program.ts';
import type { LuaFunction, LuaValue } from './values.ts';
import type { LuaVm } from './vm.ts';

let vm: LuaVm;
let loader: LuaFunction;
let loads = 0;

beforeAll(async () => {
  const source = 'return function(source) return assert(load(source))() end';
  const program = { main: 'main.lua', files: new Map([['main.lua', source]]), modules: [] };
  const host = { call: async () => [] };
  vm = await testEngine().open({ ...program, seed: '', env: {} }, host, LIMITS);
  loader = (await vm.evaluate()).values[0] as LuaFunction;
});
afterAll(closeEngine);

/** What a chunk returns; all of them run in one program. */
function evaluate(source: string): Promise<readonly LuaValue[]> {
  loads += 1;
  return vm.call(loader, [source], { branch: String(loads) });
}

/** What `tostring` says of the expressions, as Lua 5.3 has it unless the test says otherwise. */
async function shown(...expressions: string[]): Promise<string[]> {
  const [text] = await evaluate(
    `local t = table.pack(${expressions.join(', ')}) for i = 1, t.n do t[i] = tostring(t[i]) end return table.concat(t, " ", 1, t.n)`,
  );
  return String(text).split(' ');
}

describe('integers', () => {
  test('are exact to 2^53 and leave to floats beyond, never wrapping around', async () => {
    expect(
      await shown(
        '1700000000 * 1000',
        '0x7fffffff + 1',
        '-2147483648 - 1',
        'math.maxinteger',
        'math.maxinteger + 1',
        'math.mininteger - 1',
        '1700000000 * 1000 * 1000000',
        '9007199254740993',
        '0xffffffffffffffff',
        '-(-2147483648)',
        'math.abs(-2147483648)',
      ),
    ).toEqual([
      '1700000000000',
      '2147483648',
      '-2147483649',
      '9007199254740991',
      '9.007199254741e+15',
      '-9.007199254741e+15',
      '1.7e+18',
      '9.007199254741e+15',
      '1.844674407371e+19',
      '2147483648',
      '2147483648',
    ]);
  });

  test('divide and take remainders as Lua does', async () => {
    expect(
      await shown(
        '7 // 2',
        '-7 // 2',
        '7 // -2',
        '-7 % 3',
        '7 % -3',
        '-6 % 3',
        '5 // 0.0',
        '-5 % math.huge',
        '5.5 // 2',
        '3 % -2.5',
        '0 * -1',
        '0 // -5',
        '1700000000001 % 1000',
        '1700000000001 // 1000',
      ),
    ).toEqual([
      '3',
      '-4',
      '-4',
      '2',
      '-2',
      '0',
      'inf',
      'inf',
      '2.0',
      '-2.0',
      '0',
      '0',
      '1',
      '1700000000',
    ]);
    await expect(evaluate('return 1 // 0')).rejects.toMatchObject({
      message: expect.stringContaining('divide by zero'),
    });
    await expect(evaluate('return 1 % 0')).rejects.toMatchObject({
      message: expect.stringContaining("'n%0'"),
    });
  });

  test('have 64 bits in bitwise operations, with an error where the result has no exact number', async () => {
    expect(
      await shown(
        '1 << 40',
        '(1 << 40) >> 38',
        '0xff ~ 0x0f',
        '~0',
        '~5',
        '-1 & 0xff',
        '-1 >> 12',
        '0xffffffff | 1',
        '1 << 64',
        '1 << -1',
        '3.0 | 0',
        '"7" & 3',
        '1 << 62',
      ),
    ).toEqual([
      '1099511627776',
      '4',
      '240',
      '-1',
      '-6',
      '255',
      '4503599627370495',
      '4294967295',
      '0',
      '0',
      '3',
      '3',
      '4.6116860184274e+18',
    ]);
    await expect(evaluate('return ~0 >> 1')).rejects.toMatchObject({
      message: expect.stringContaining('does not fit into 53 bits'),
    });
    await expect(evaluate('return 1.5 | 0')).rejects.toMatchObject({
      message: expect.stringContaining('no integer representation'),
    });
  });

  test('count in loops beyond 2^31', async () => {
    const source = `local seen = {}
      for i = 2147483646, 2147483649 do seen[#seen + 1] = i end
      for i = math.maxinteger - 1, math.maxinteger do seen[#seen + 1] = i end
      for i = 3, 1, -2 do seen[#seen + 1] = i end
      for i = 1, 2, 0.5 do seen[#seen + 1] = i end
      for i = 1, math.huge do if i > 2 then break end seen[#seen + 1] = i end
      return seen`;
    expect(await evaluate(source)).toEqual([
      [
        2147483646, 2147483647, 2147483648, 2147483649, 9007199254740990, 9007199254740991, 3, 1, 1,
        1.5, 2, 1, 2,
      ],
    ]);
  });

  test('add, subtract, multiply and divide like exact integers as long as the result fits', async () => {
    const { vm } = await openProgram(
      'return function(a, b) return a + b, a - b, a * b, a // b, a % b end',
    );
    const [fn] = (await vm.evaluate()).values;
    let branch = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.maxSafeInteger(), fc.integer()),
        fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -9, max: 9 })),
        async (a, b) => {
          fc.pre(b !== 0);
          branch += 1;
          const got = await vm.call(fn as LuaFunction, [a, b], { branch: String(branch) });
          const [x, y] = [BigInt(a), BigInt(b)];
          const quotient = x / y - (x % y !== 0n && x < 0n !== y < 0n ? 1n : 0n);
          const exact = [x + y, x - y, x * y, quotient, x - quotient * y];
          expect(got).toEqual(exact.map(Number));
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('numbers as text', () => {
  test.each([
    ['%d|%5d|%-5d|%05d|%+d', '42, 42, 42, 42, 42', '42|   42|42   |00042|+42'],
    ['%d', '1700000000000', '1700000000000'],
    ['%i|%u|%x|%X|%o|%#x', '-5, 5, 255, 255, 8, 255', '-5|5|ff|FF|10|0xff'],
    ['%x', '-1', 'ffffffffffffffff'],
    ['%.3f|%8.2f|%-8.2f|%+.1f', '3.14159, 2.5, 2.5, 1', '3.142|    2.50|2.50    |+1.0'],
    ['%.0f %.0f %.0f %.0f', '0.5, 1.5, 2.5, 3.5', '0 2 2 4'],
    ['%.2f', '1e22', '10000000000000000000000.00'],
    ['%.20f', '0.1', '0.10000000000000000555'],
    [
      '%e|%.2E|%g|%g|%g|%G',
      '12345.678, 0.00012, 1e20, 0.0001, 100000, 1e-10',
      '1.234568e+04|1.20E-04|1e+20|0.0001|100000|1E-10',
    ],
    ['%g %g %.3g %#.3g', '1000000, 123456789, 2.0, 2.0', '1e+06 1.23457e+08 2 2.00'],
    ['%a %a %.1a %A', '1.5, 0.1, 1.99, 255', '0x1.8p+0 0x1.999999999999ap-4 0x2.0p+0 0X1.FEP+7'],
    ['%5.1f|%s', '1/0, 0/0', '  inf|nan'],
    ['%s %s %s %s', '1e15, 1e14, 2^53, 1e100', '1e+15 1e+14 9.007199254741e+15 1e+100'],
    ['%s %s %s', '0.1, -0.0, 3.0', '0.1 -0.0 3.0'],
    ['%5s|%-5s|%.2s|%%', '"ab", "ab", "abc"', '   ab|ab   |ab|%'],
    ['%c%c', '72, 105', 'Hi'],
    ['%q', '"a\\nb\\0c\\"d\\\\"', '"a\\\nb\\0c\\"d\\\\"'],
    ['%q %q', '1/3, 12', '0x1.5555555555555p-2 12'],
  ])('%s of %s', async (format, args, expected) => {
    expect(await evaluate(`return string.format(${JSON.stringify(format)}, ${args})`)).toEqual([
      expected,
    ]);
  });

  test('are read exactly', async () => {
    expect(
      await shown(
        'tonumber("0x10")',
        'tonumber("  12  ")',
        'tonumber("1e3")',
        'tonumber("0x.8p1")',
        'tonumber("10", 2)',
        'tonumber("zz", 36)',
        'tonumber("8", 8)',
        'tonumber("")',
        'tonumber("1 2")',
        'tonumber("inf")',
        'tonumber("9007199254740991")',
        'math.tointeger(3.0)',
        'math.tointeger("x")',
        '"10" + 5',
        '"0x10" * 1',
        'math.type(2^31 | 0)',
        'math.type(2^53)',
      ),
    ).toEqual([
      '16',
      '12',
      '1000.0',
      '1.0',
      '2',
      '1295',
      'nil',
      'nil',
      'nil',
      'nil',
      '9007199254740991',
      '3',
      'nil',
      '15.0',
      '16.0',
      'integer',
      'float',
    ]);
  });

  test('pack and unpack within 53 bits', async () => {
    const source = `return string.unpack("<i8", string.pack("<i8", -12345678901)), string.unpack(">I6", string.pack(">I6", 2^40)),
      string.pack("<i2", -2):byte(1, -1)`;
    expect(await evaluate(source)).toEqual([-12345678901, 2 ** 40, 254, 255]);
    await expect(evaluate('return string.unpack("<I8", ("\\255"):rep(8))')).rejects.toMatchObject({
      message: expect.stringContaining('does not fit into Lua Integer'),
    });
  });
});

describe('strings', () => {
  test('are equal, compare and index by their bytes', async () => {
    const source = `local t = { ["\\1\\17"] = 1 }
      return t["\\17\\1"], "\\t" < "1", "a" < "b", "Z" < "a", "a" < "aa", "\\255" > "a", "a\\0b" < "a\\0c"`;
    expect(await evaluate(source)).toEqual([null, true, true, true, true, true, true]);
  });

  test('match at position zero', async () => {
    const source = 'return ("abc"):find("x*"), ("abc"):match("^(x*)"), (("abc"):gsub("x*", "-"))';
    expect(await evaluate(source)).toEqual([1, '', '-a-b-c-']);
  });
});
