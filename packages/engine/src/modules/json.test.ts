// JSON both ways, and where a text stops being JSON.
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModuleCall } from '../host-function.ts';
import { decodeJson, jsonModule } from './json.ts';
import { findJsonMistake } from './json-syntax.ts';

const nullValue = new LuaFunction(1, { file: 'json', line: 1 });

async function encode(value: LuaValue, options: LuaRecord | null = null): Promise<unknown> {
  const call = { name: 'json.encode' } as ModuleCall;
  return (await jsonModule.functions.encode!.run(call, [value, options, nullValue]))[0];
}

describe('json.decode', () => {
  it.each([
    ['{"a": [1, "x", true, null]}', { a: [1, 'x', true, nullValue] }],
    ['9007199254740991', 9007199254740991],
    ['0.1', 0.1],
    ['" \\u00fc "', ' ü '],
  ])('reads %s', (text, value) => {
    expect(decodeJson(text, nullValue)).toEqual(value);
  });

  it('keeps keys that mean something to JavaScript', () => {
    const value = decodeJson('{"__proto__": 1, "constructor": 2}', nullValue) as LuaRecord;
    expect(Object.entries(value)).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ]);
  });

  it.each([
    ['{"a":\n  tru}', 'line 2, column 3'],
    ['[1, 2', 'line 1, column 6'],
    ['', 'line 1, column 1'],
    ['[1,]', 'line 1, column 4'],
    ["{'a': 1}", 'line 1, column 2'],
    ['{"a" 1}', 'found "1" where ":" was expected at line 1, column 6'],
    ['{"a": 1} x', 'found "x" where the end was expected at line 1, column 10'],
    ['["a\nb"]', 'line 1, column 2'],
    [
      '['.repeat(200) + ']'.repeat(200),
      'nothing deeper than 100 levels was expected at line 1, column 101',
    ],
    ['['.repeat(1_000_000), 'nothing deeper than 100 levels'],
  ])('says where %j goes wrong', (text, place) => {
    expect(() => decodeJson(text, nullValue)).toThrow(
      expect.objectContaining({
        code: 'RIVET_JSON_DECODE',
        message: expect.stringContaining(place),
      }),
    );
  });

  it('finds a mistake exactly where the parser of the platform finds one', () => {
    const text = fc.string({ unit: fc.constantFrom(...'[]{}:,"\\u0019-.eE tfn', 'true', 'null') });
    fc.assert(
      fc.property(text, (source) => {
        let valid = true;
        try {
          JSON.parse(source);
        } catch {
          valid = false;
        }
        expect(findJsonMistake(source) === undefined).toBe(valid);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses whole numbers that it would change, and says where they stand', () => {
    expect(() =>
      decodeJson('{"id": "9007199254740993",\n"n": 9007199254740993}', nullValue),
    ).toThrow(
      'json.decode: the number 9007199254740993 at line 2, column 6 cannot be held exactly',
    );
    expect(() => decodeJson('1e400', nullValue)).toThrow('the number 1e400 at line 1, column 1');
  });
});

describe('json.encode', () => {
  it('writes null for json.null, and lines with pretty', async () => {
    expect(await encode({ a: nullValue, b: [1] })).toBe('{"a":null,"b":[1]}');
    expect(await encode({ a: 1 }, { pretty: true })).toBe('{\n  "a": 1\n}');
  });

  it.each([
    [{ a: [1, Number.NaN] }, 'json.encode: value.a[2] is NaN, which JSON cannot express'],
    [new LuaFunction(2, { file: 'x', line: 1 }), 'json.encode: value is a function'],
    [{ x: Uint8Array.of(255) }, 'value.x is a string of 1 bytes that is not UTF-8'],
  ])('refuses what JSON has no word for: %o', async (value, message) => {
    await expect(encode(value as LuaValue)).rejects.toThrow(message);
  });

  it('names the nearest option when one does not exist', async () => {
    await expect(encode(1, { prety: true })).rejects.toThrow(
      'json.encode has no option "prety"; did you mean "pretty"?',
    );
  });

  it('is undone by decode', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse((await encode(decodeJson(text, nullValue))) as string)).toEqual(
          JSON.parse(text),
        );
      }),
    );
  });
});
