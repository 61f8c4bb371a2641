// Numbers from text and to text, the functions of `math`, and numeric loops.
import type { Random } from '../random.ts';
import { floatText } from './arithmetic.ts';

const INTEGERS = [0, 1, -1, 2, 10, 15, 16, 255, -255, 2147483647, 2147483648, 4294967296];
const FLOATS = [0.5, -0.5, 1, -0, 2.5, 1e15, 1e16, 1e100, -1e-10, 123456789.125];
const SPECIAL = ['1/0', '-1/0', 'math.huge', 'math.pi'];
const PLACES = [' ', '\t', '\n', ''];

/** A few calls, each printed. */
export function numbers(r: Random): string {
  return r
    .list(2, 5, () => `p(function() return ${r.pick([fromText, toText, mathCall])(r)} end)`)
    .concat(r.chance(0.4) ? [loop(r)] : [])
    .join('\n');
}

export function anyNumber(r: Random): string {
  const kind = r.int(0, 9);
  if (kind < 4) return `(${r.pick(INTEGERS)})`;
  if (kind < 6) return `(${r.int(-2000, 2000)})`;
  if (kind < 9) return `(${floatText(r.pick(FLOATS))})`;
  return `(${r.pick(SPECIAL)})`;
}

function numeral(r: Random): string {
  const digits = (set: string, max: number): string =>
    r.list(0, max, () => r.pick([...set])).join('');
  const sign = r.pick(['', '', '-', '+', '- ']);
  const hex = r.chance(0.3);
  const set = hex ? '0123456789abcdefABC' : '0123456789';
  const whole = digits(set, hex ? 9 : 12);
  const fraction = r.chance(0.3) ? `.${digits(set, 4)}` : '';
  const mark = hex ? r.pick(['p', 'P']) : r.pick(['e', 'E']);
  const exponent = r.chance(0.25)
    ? `${mark}${r.pick(['', '-', '+'])}${digits('0123456789', 2)}`
    : '';
  const junk = r.chance(0.1) ? r.pick(['x', '_', ' 1', '\\0', 'f', '..', 'e']) : '';
  const body = `${sign}${hex ? r.pick(['0x', '0X']) : ''}${whole}${fraction}${exponent}${junk}`;
  return `${r.pick(PLACES)}${body}${r.pick(PLACES)}`
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t');
}

function fromText(r: Random): string {
  if (r.chance(0.3)) {
    const base = r.chance(0.9) ? r.int(2, 36) : r.pick([0, 1, 37, '"10"', '2.5', '10.0']);
    const set = [...'0123456789abczxyABCZ'].slice(
      0,
      r.chance(0.7) ? Math.max(Number(base) || 2, 2) : 20,
    );
    const text = r.list(0, 7, () => r.pick(set)).join('');
    return `tonumber("${r.pick(['', '-', ' ', '+', ' -'])}${text}${r.pick(['', ' ', '\\n', '.'])}", ${base})`;
  }
  const text = numeral(r);
  if (r.chance(0.2)) return `pcall(function() return "${text}" + 0 end)`;
  if (r.chance(0.15)) return `load("return ${text.replaceAll(/\\[n0t]/g, ' ')}")`;
  return r.chance(0.3)
    ? `math.type(tonumber("${text}")), tonumber("${text}")`
    : `tonumber("${text}")`;
}

function toText(r: Random): string {
  const value = anyNumber(r);
  return r.pick([
    `tostring(${value})`,
    `${value} .. "|"`,
    `${value} .. ${anyNumber(r)}`,
    `#(${value.includes('/') ? '1' : value} .. "")`,
  ]);
}

const ONE = ['abs', 'ceil', 'floor', 'tointeger', 'type', 'modf', 'sqrt', 'deg'];

function mathCall(r: Random): string {
  const kind = r.int(0, 6);
  if (kind === 0) return `math.max(${r.list(0, 4, () => anyNumber(r)).join(', ')})`;
  if (kind === 1) return `math.min(${r.list(1, 4, () => anyNumber(r)).join(', ')})`;
  if (kind === 2) return `math.fmod(${anyNumber(r)}, ${anyNumber(r)})`;
  if (kind === 3) return `math.ult(${r.int(-5, 5)}, ${r.int(-5, 5)})`;
  const fn = r.pick(ONE);
  // Beyond 2^53 the integer that Lua gives is a float here.
  const value = ['ceil', 'floor', 'tointeger', 'modf'].includes(fn)
    ? r.pick([...INTEGERS.map(String), '2.5', '-2.5', '-0.0', '1e15', '1e100', '"8"', '"x"', '1/0'])
    : anyNumber(r);
  return `math.${fn}(${value})`;
}

function loop(r: Random): string {
  const number = (): string =>
    r.pick(['1', '0', '3', '-2', '10', '1.5', '0.1', '"2"', '2^31', '9007199254740980']);
  const step = r.pick(['', '', ', 1', ', -1', ', 2', ', 0.5', ', -3', ', 0', ', 2^31']);
  return `p(function() local n = 0 local last
  for i = ${number()}, ${number()}${step} do n = n + 1 last = i if n >= 30 then break end end
  return n, last end)`;
}
