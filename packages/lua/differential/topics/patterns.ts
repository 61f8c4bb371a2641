// Patterns: find, match, gmatch and gsub with subjects that often match.
import { literal, randomBytes } from '../lua-text.ts';
import type { Random } from '../random.ts';

const CLASSES = [
  '.',
  '%a',
  '%d',
  '%s',
  '%w',
  '%x',
  '%p',
  '%c',
  '%l',
  '%u',
  '%g',
  '%A',
  '%D',
  '%S',
  '%W',
  '%X',
];
const CHARS = [
  'a',
  'b',
  'c',
  'x',
  '1',
  '0',
  ' ',
  '-',
  '_',
  '%-',
  '%.',
  '%%',
  '%[',
  '%(',
  ',',
  '\\0',
  '\\xff',
];
const SETS = [
  '[abc]',
  '[^a]',
  '[a-c]',
  '[%w_]',
  '[^%s]',
  '[]]',
  '[^]]',
  '[%]]',
  '[a-]',
  '[-a]',
  '[%a-z]',
  '[0-9a-f]',
  '[%d.]',
  '[\\0-\\x1f]',
];
const BROKEN = ['[', '[a', '[^', '%', '(', ')', '%b', '%bx', '%f', '%fa', '%9', '%0', '[%'];

export function patterns(r: Random): string {
  return r.list(2, 5, () => `p(function() return ${call(r)} end)`).join('\n');
}

function subject(r: Random): string {
  if (r.chance(0.3))
    return r.pick([
      '"key = value"',
      '"(a(b)c)(d"',
      '"the cat THE END"',
      '"2024-01-31T10:20"',
      '"a,b,,c"',
      '"  trim  "',
      '"aXbXc"',
      '"hello world from lua"',
    ]);
  return literal(r, randomBytes(r, 16));
}

function single(r: Random): string {
  return r.pick([r.pick(CLASSES), r.pick(CHARS), r.pick(CHARS), r.pick(SETS)]);
}

function pattern(r: Random): string {
  let open = 0;
  let closed = 0;
  const pieces = r.list(1, 6, () => {
    if (r.chance(0.15)) {
      open += 1;
      return '(';
    }
    if (open > closed && r.chance(0.4)) {
      closed += 1;
      return ')';
    }
    if (r.chance(0.04)) return r.pick(['()', '%b()', '%bab', '%f[%w]', '%f[%W]', '%1', '%2']);
    return single(r) + r.pick(['', '', '', '*', '+', '-', '?']);
  });
  const closing = ')'.repeat(open - closed);
  const broken = r.chance(0.05) ? r.pick(BROKEN) : '';
  return `"${r.chance(0.15) ? '^' : ''}${pieces.join('')}${closing}${broken}${r.chance(0.15) ? '$' : ''}"`;
}

function replacement(r: Random): string {
  return r.pick([
    () => '"<%0>"',
    () => '"%1"',
    () => '"%2%1"',
    () => `"${r.pick(['', '%%', 'x', '%', '%a', '%9', '\\0', '[%0%0]'])}"`,
    () => r.pick(['{a = "A", b = 1, c = false}', '{["1"] = "one"}', '{}']),
    () =>
      r.pick([
        'string.upper',
        'function(x) return #x end',
        'function() end',
        'function(...) return select("#", ...) end',
        'function() return {} end',
      ]),
    () => r.pick(['1', '2.5', 'true', 'nil']),
  ])();
}

function call(r: Random): string {
  const text = `(${subject(r)})`;
  const wanted = pattern(r);
  const init = r.chance(0.3) ? `, ${r.int(-8, 12)}` : '';
  return r.pick([
    () => `string.find(${text}, ${wanted}${init})`,
    () => `${text}:match(${wanted}${init})`,
    () => `${text}:gsub(${wanted}, ${replacement(r)}${r.chance(0.3) ? `, ${r.int(-1, 3)}` : ''})`,
    () =>
      `(function() local t = {} for a, b in ${text}:gmatch(${wanted}) do t[#t + 1] = tostring(a) .. ":" .. tostring(b) end return table.concat(t, "|") end)()`,
  ])();
}
