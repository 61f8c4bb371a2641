// Source text: valid programs with tokens left out, doubled or replaced; what the compiler says.
import type { Random } from '../random.ts';

const SNIPPETS = [
  'local a, b = 1, "x" if a == 1 then print(b) elseif a then return else a = nil end',
  'for i = 1, 10, 2 do if i > 3 then break end print(i .. "," .. -i) end',
  'for k, v in pairs({1, x = 2, ["y"] = 3; 4}) do t[k] = v end',
  'while not done do local f = function(...) return select("#", ...) end f(1) end',
  'repeat local x = t.a.b:c(1)[2].d until x >= 5 and y or z',
  'function a.b.c:d(x, y, ...) return x + y * 2 ^ -3 // 4 % 5 end',
  'local function f(n) return n <= 1 and 1 or n * f(n - 1) end return f(5)',
  'goto done do ::done:: end ::done:: return #t, ~x, not y, -z',
  'local s = [[long text]] .. [==[a]]b]==] .. "esc\\n\\x41\\065\\u{48}" print(s)',
  't = {f = function() end, [1 + 2] = "x", {}, {{}}} ; (f or g)(1, 2) f"s" g{1}',
  'x = 0x1F + 1.5e3 + 0xA.8p1 + .5 + 3. -- comment\ny = 5 --[[ long ]]\n z = 6',
  'return a < b, a <= b, a ~= b, a == b, a >> b, a << b, a & b, a | b, a ~ b',
];
const TOKENS = [
  ...[
    'and',
    'break',
    'do',
    'else',
    'elseif',
    'end',
    'false',
    'for',
    'function',
    'goto',
    'if',
    'in',
    'local',
    'nil',
    'not',
    'or',
    'repeat',
    'return',
    'then',
    'true',
    'until',
    'while',
  ],
  ...[
    '+',
    '-',
    '*',
    '/',
    '%',
    '^',
    '#',
    '&',
    '~',
    '|',
    '<<',
    '>>',
    '//',
    '==',
    '~=',
    '<=',
    '>=',
    '<',
    '>',
    '=',
    '(',
    ')',
    '{',
    '}',
    '[',
    ']',
    '::',
    ';',
    ':',
    ',',
    '.',
    '..',
    '...',
  ],
  ...[
    'x',
    '5',
    '"s"',
    "'",
    '"',
    '[[',
    '[=[',
    '--[[',
    '0x',
    '3x',
    '1e',
    '1..2',
    '@',
    '$',
    '!',
    '?',
    '\\',
    '"\\q"',
    '"\\300"',
    '"\\xZ"',
    '"\\u{110000000}"',
    '"\\u{zz}"',
    '"a\nb"',
    '\x01',
    '\x80',
    '::x::',
    'goto x',
    'local x <const>',
  ],
];
const TOKEN =
  /\s+|--\[\[[\s\S]*?\]\]|--[^\n]*|\[(=*)\[[\s\S]*?\]\1\]|"(?:\\.|[^"\\])*"|[A-Za-z_]\w*|[\d.][\w.]*|::|\.\.\.?|[<>=~]=|<<|>>|\/\/|./g;

export function syntax(r: Random): string {
  return r.list(2, 4, () => `compile(${asLong(mutated(r))})`).join('\n');
}

function mutated(r: Random): string {
  const tokens = r.pick(SNIPPETS).match(TOKEN) ?? [];
  for (let count = r.int(0, 2); count > 0; count -= 1) {
    const at = r.int(0, tokens.length - 1);
    const kind = r.int(0, 4);
    if (kind === 0) tokens.splice(at, 1);
    else if (kind === 1) tokens.splice(at, 0, ` ${r.pick(TOKENS)} `);
    else if (kind === 2) tokens[at] = ` ${r.pick(TOKENS)} `;
    else if (kind === 3) tokens.length = at;
    else tokens.splice(at, 0, tokens[r.int(0, tokens.length - 1)] ?? '');
  }
  const text = tokens.join('');
  // Where a long bracket goes over several lines, Rivet names its first line on purpose.
  return /\[=*\[/.test(text) ? text.replaceAll('\n', ' ') : text;
}

function asLong(text: string): string {
  return `[====[\n${text}]====]`;
}
