// The functions of `string` other than patterns, formats and packing; `utf8`.
import { anyLiteral, randomString } from '../lua-text.ts';
import type { Random } from '../random.ts';

export function strings(r: Random): string {
  return r
    .list(3, 6, () => `p(function() return ${r.pick([call, operator, utf8Call])(r)} end)`)
    .join('\n');
}

function position(r: Random): string {
  return r.pick([
    String(r.int(-14, 14)),
    String(r.int(-3, 5)),
    '2.0',
    '"3"',
    '0',
    '1 << 40',
    '-(1 << 40)',
  ]);
}

function call(r: Random): string {
  const text = r.chance(0.05) ? anyLiteral(r) : `(${randomString(r)})`;
  const method = text.startsWith('(') && r.chance(0.5);
  const make = (name: string, ...args: string[]): string =>
    method
      ? `${text}:${name}(${args.join(', ')})`
      : `string.${name}(${[text, ...args].join(', ')})`;
  const positions = r.list(0, 2, () => (r.chance(0.05) ? anyLiteral(r) : position(r)));
  return r.pick([
    () => make('sub', ...positions),
    () => make('byte', ...positions),
    () => make('rep', String(r.int(-1, 6)), ...(r.chance(0.5) ? [randomString(r, 3)] : [])),
    () => make('reverse'),
    () => make('upper'),
    () => make('lower'),
    () => make('len'),
    () =>
      `string.char(${r.list(0, 5, () => (r.chance(0.05) ? anyLiteral(r) : r.int(0, 255))).join(', ')})`,
    () =>
      make('find', randomString(r, 2), ...(r.chance(0.5) ? [position(r), 'true'] : ['1', 'true'])),
  ])();
}

function operator(r: Random): string {
  const a = `(${randomString(r)})`;
  const b = r.chance(0.2) ? a : `(${randomString(r)})`;
  return r.pick([
    () => `${a} .. ${b} .. ${r.pick(['1', '1.0', '-0.0', '1e100', '""'])}`,
    () => `${a} ${r.pick(['<', '<=', '>', '>=', '==', '~='])} ${b}`,
    () => `#${a}, #(${a} .. ${b})`,
    () => `${a} .. ${anyLiteral(r)}`,
    () => `({[${a}] = 1})[${b}], ({[${a}] = 2})[${a}]`,
  ])();
}

const CODES = [
  '65',
  '0',
  '127',
  '128',
  '0x7ff',
  '0x800',
  '0xffff',
  '0x10000',
  '0x10ffff',
  '0x110000',
  '-1',
  '0xd800',
];
const UTF8 = [
  '"aé€𝄞z"',
  '"\\xff"',
  '"a\\x80b"',
  '"\\xc3"',
  '"\\xed\\xa0\\x80"',
  '"\\xf4\\x90\\x80\\x80"',
  '"日本語"',
  '""',
  '"\\u{7FF}x\\u{10FFFF}"',
];

function utf8Call(r: Random): string {
  const text = r.pick(UTF8);
  const positions = r.list(0, 2, () => String(r.int(-6, 8)));
  const args = [text, ...positions].join(', ');
  return r.pick([
    () => `utf8.char(${r.list(0, 4, () => r.pick(CODES)).join(', ')})`,
    () => `utf8.codepoint(${args})`,
    () => `utf8.len(${args})`,
    () => `utf8.offset(${text}, ${r.int(-4, 5)}${r.chance(0.4) ? `, ${r.int(-5, 8)}` : ''})`,
    () =>
      `(function() local t = {} for at, code in utf8.codes(${text}) do t[#t + 1] = at .. "=" .. code end return table.concat(t, " ") end)()`,
    () => `string.find(${text}, utf8.charpattern)`,
  ])();
}
