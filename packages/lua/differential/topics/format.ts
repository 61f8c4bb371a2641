// string.format with flags, widths and precisions; string.pack, unpack and packsize.
import { randomString } from '../lua-text.ts';
import type { Random } from '../random.ts';
import { anyNumber } from './numbers.ts';

export function format(r: Random): string {
  return r
    .list(3, 6, () => `p(function() return ${r.chance(0.75) ? formatCall(r) : packCall(r)} end)`)
    .join('\n');
}

/** Flags that C defines for each conversion. */
const FLAGS: Readonly<Record<string, string>> = {
  d: '-+ 0',
  i: '-+ 0',
  u: '-0',
  c: '-',
  x: '-#0',
  X: '-#0',
  o: '-#0',
  e: '-+ #0',
  E: '-+ #0',
  f: '-+ #0',
  g: '-+ #0',
  G: '-+ #0',
  a: '-+ 0',
  A: '-+ 0',
  s: '-',
  q: '',
};

function formatCall(r: Random): string {
  const specs = r.list(1, 3, () => r.pick([...Object.keys(FLAGS), 'd', 's', 'f', 'g']));
  const text = specs.map((letter) => spec(r, letter) + r.pick(['', '', ' ', '%%', '|'])).join('');
  const broken = r.chance(0.06)
    ? r.pick(['%', '%y', '%123d', '%.123f', '%#########d', '%-', '%.'])
    : '';
  const args = specs.map((letter) =>
    r.chance(0.06) ? r.pick(['nil', 'true', '"x"', '1.5', '-7']) : argument(r, letter),
  );
  if (r.chance(0.04)) args.pop();
  return `string.format(${[`"${text}${broken}"`, ...args].join(', ')})`;
}

function spec(r: Random, letter: string): string {
  if (letter === 'q') return '%q';
  const flags = [...(FLAGS[letter] ?? '')].filter(() => r.chance(0.2)).join('');
  const width = r.chance(0.4) ? String(r.int(1, 20)) : '';
  const precise = letter !== 'c' && r.chance(0.4);
  return `%${flags}${width}${precise ? `.${r.chance(0.1) ? '' : r.int(0, 15)}` : ''}${letter}`;
}

function argument(r: Random, letter: string): string {
  if (letter === 's')
    return r.chance(0.7) ? randomString(r) : r.pick(['nil', 'true', '12', '1.5', '""']);
  if (letter === 'q') return r.pick([randomString(r), anyNumber(r), 'nil', 'true', '{}']);
  if (letter === 'c') return String(r.int(1, 255));
  if ('diuxXo'.includes(letter)) {
    return r.pick([
      String(r.int(-300, 300)),
      '2147483648',
      '9007199254740991',
      '-9007199254740991',
      '3.0',
      '"12"',
      '2.5',
      '0',
    ]);
  }
  return r.pick([
    anyNumber(r),
    '0.1',
    '1/3',
    '123456.789',
    '5e-324',
    '1e300',
    '"0x1p-3"',
    '2^53',
    '9.5',
    '0.00001',
  ]);
}

const WHOLE = [
  'b',
  'B',
  'h',
  'H',
  'i1',
  'i2',
  'i3',
  'i4',
  'i5',
  'i6',
  'I1',
  'I2',
  'I3',
  'I4',
  'I6',
  'l',
  'j',
  'i',
  'I',
  'i7',
  'i8',
];
/** What any bytes can be read as: larger integers are beyond 53 bits, `z` needs its end. */
const READABLE = [
  'b',
  'B',
  'h',
  'H',
  'i1',
  'i2',
  'i3',
  'i4',
  'i5',
  'i6',
  'I3',
  'I4',
  'I6',
  'i',
  'I',
  'f',
  's1',
  'c2',
  'x',
  'Xh',
];

function packCall(r: Random): string {
  const items = r.list(1, 4, () => packItem(r));
  const text = `"${r.pick(['', '<', '>', '=', '!4', '!8<', '!', '>!2'])}${items.map(([code]) => code).join(r.pick(['', ' ']))}"`;
  const args = items.map(([, value]) => value).filter((value) => value !== '');
  const packed = `string.pack(${[text, ...args].join(', ')})`;
  const readable = `"${r.pick(['', '<', '>', '!4', '>!2'])}${r.list(1, 4, () => r.pick(READABLE)).join('')}"`;
  return r.pick([
    packed,
    `#${packed}, string.unpack(${text}, ${packed})`,
    `string.unpack(${readable}, ${randomString(r, 20)}${r.chance(0.3) ? `, ${r.int(-3, 6)}` : ''})`,
    `string.packsize(${text})`,
  ]);
}

function packItem(r: Random): [string, string] {
  return r.pick<() => [string, string]>([
    () => [r.pick(WHOLE), String(r.pick([0, 1, 5, 127, r.int(-140, 300)]))],
    () => ['T', String(r.int(0, 300))],
    () => [r.pick(['f', 'd', 'n']), r.pick(['0.5', '-2.25', '1e10', '3', '1/0'])],
    () => [r.pick(['s1', 's2', 's', 's4', 'z', 'c4', 'c10']), randomString(r, 6)],
    () => [r.pick(['x', 'xXi4', 'Xh', 'X', 'i17', 'y', 'c', '!3', '!17']), ''],
  ])();
}
