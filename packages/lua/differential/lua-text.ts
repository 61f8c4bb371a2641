// Random texts and how they are written in Lua.
import type { Random } from './random.ts';

/** A Lua literal for a byte string, one of the ways to write it. */
export function literal(r: Random, bytes: readonly number[]): string {
  const style = r.int(0, 3);
  const text = bytes.map((byte) => written(byte, style)).join('');
  return style === 1 ? `'${text}'` : `"${text}"`;
}

function written(byte: number, style: number): string {
  const char = String.fromCharCode(byte);
  if (style === 3) return `\\x${byte.toString(16).padStart(2, '0')}`;
  if (byte === 10) return '\\n';
  if (byte < 32 || byte > 126) return `\\${String(byte).padStart(3, '0')}`;
  return char === '"' || char === "'" || char === '\\' ? `\\${char}` : char;
}

const PLAIN = [...'abcxyz ABC019_-.,%[]()'].map((char) => char.charCodeAt(0));
const ODD = [0, 9, 10, 13, 26, 34, 39, 92, 127, 128, 195, 169, 255];

/** Bytes, most of them printable. */
export function randomBytes(r: Random, max: number): number[] {
  const alphabet = r.chance(0.5) ? PLAIN.slice(0, 4) : PLAIN;
  return r.list(0, max, () => (r.chance(0.08) ? r.pick(ODD) : r.pick(alphabet)));
}

/** A string literal of up to `max` bytes. */
export function randomString(r: Random, max = 12): string {
  return literal(r, randomBytes(r, max));
}

/** A literal of some type, rarely one that fits. */
export function anyLiteral(r: Random): string {
  return r.pick([
    () => 'nil',
    () => r.pick(['true', 'false']),
    () => String(r.int(-3, 20)),
    () => r.pick(['1.5', '3.0', '-0.0', '1e15', '2^52', '1e300', '"7"', '"0x1p4"', '" 10 "']),
    () => randomString(r, 6),
    () => r.pick(['{}', '{1, 2, 3}', 'print', 'function() end']),
  ])();
}
