// Sources that `load` is given in parts: tokens that lie in one part are read where they lie.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeEngine, LIMITS, testEngine } from './test-program.ts';
import type { LuaFunction, LuaValue } from './values.ts';
import type { LuaVm } from './vm.ts';

/** Loads a text as a whole and in parts of these lengths, and says what came of each. */
const SOURCE = `
local function outcome(source)
  local chunk, message = load(source, "=text")
  if chunk == nil then return message end
  local results = table.pack(pcall(chunk))
  for i = 1, results.n do results[i] = tostring(results[i]) end
  return table.concat(results, " ", 1, results.n)
end
return function(text, lengths)
  local at, part = 1, 0
  local function reader()
    if at > #text then return nil end
    part = part + 1
    local first = at
    at = at + lengths[(part - 1) % #lengths + 1]
    return text:sub(first, at - 1)
  end
  return outcome(text), outcome(reader)
end`;

let vm: LuaVm;
let loader: LuaFunction;
let calls = 0;

beforeAll(async () => {
  const program = { main: 'main.lua', files: new Map([['main.lua', SOURCE]]), modules: [] };
  vm = await testEngine().open({ ...program, seed: '', env: {} }, { call: async () => [] }, LIMITS);
  loader = (await vm.evaluate()).values[0] as LuaFunction;
});
afterAll(closeEngine);

async function outcomes(text: string, lengths: readonly number[]): Promise<readonly LuaValue[]> {
  calls += 1;
  return await vm.call(loader, [text, [...lengths]], { branch: String(calls) });
}

test.each([
  ['return "a", \'b\', name, and_1, "tab\\t"', 'true a b nil nil tab\t'],
  ['local name = "x"    return   name .. name', 'true xx'],
  ['return "one" "two"', `text:1: <eof> expected near '"two"'`],
  ["local x = 'a' y", 'text:1: syntax error near <eof>'],
  ['return { first second }', "text:1: '}' expected near 'second'"],
  ['local end = 1', "text:1: <name> expected near 'end'"],
  ['return "open', 'text:1: unfinished string near <eof>'],
  ['return "open\n"', `text:1: unfinished string near '"open'`],
])('%j in any parts', async (text, expected) => {
  for (let length = 1; length <= text.length; length += 1) {
    expect(await outcomes(text, [length])).toEqual([expected, expected]);
  }
});

const token = fc.constantFrom(
  ...[
    'return ',
    'local ',
    'name',
    'and',
    'end',
    '_x1',
    '=',
    '..',
    ',',
    '(',
    ')',
    '{',
    '}',
    '1',
    '.5',
  ],
  ...[
    '"text"',
    "'it'",
    '"a\\z  b"',
    '"\\65"',
    '"',
    "'",
    '\\',
    '[[long]]',
    '[=[',
    ' ',
    '\t',
    '\n',
    '\r\n',
  ],
  ...['--', '--[[ ]]', '"é"', 'do ', 'function'],
);

test('what a text means does not depend on where its parts end', async () => {
  const texts = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(''));
  const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(texts, cuts, async (text, lengths) => {
      const [whole, parts] = await outcomes(text, lengths);
      expect(parts).toBe(whole);
    }),
  );
});
