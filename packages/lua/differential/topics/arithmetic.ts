// Expressions of numbers. Their values are followed while they are made, so that no integer leaves
// ±(2^53-1): beyond it Rivet differs on purpose.
import type { Random } from '../random.ts';

type Value =
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'error' };
type Expression = Value & { readonly text: string };

const MAX = 2n ** 53n - 1n;
const INTEGERS = [0, 1, 2, 3, 5, 7, 10, 63, 64, 255, 1000, 65535]
  .map(BigInt)
  .concat([2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 52n, MAX - 1n, MAX]);
const FLOATS = [0, 0.1, 0.5, 1, 1.5, 2, 3, 7.25, 255, 1e15, 4503599627370495.5, 1e16, 1e100, 1e308]
  .concat([Number.MIN_VALUE, 2 ** 31, 2 ** 32, 123456.789, 2 ** -30, 1 / 3])
  .concat([Number.POSITIVE_INFINITY, Number.NaN]);
const ARITHMETIC = ['+', '-', '*', '/', '//', '%', '^'];
const BITWISE = ['&', '|', '~', '<<', '>>'];
const ERROR: Value = { kind: 'error' };

/** Prints some expressions, exactly. */
export function arithmetic(r: Random): string {
  const lines = ['local function v(...) return ... end', 'local a, b, c = 3, 0.5, "12"'];
  for (let i = r.int(2, 5); i > 0; i -= 1) {
    lines.push(`p(function() return ${topExpression(r)} end)`);
  }
  return lines.join('\n');
}

function topExpression(r: Random): string {
  const one = expression(r, r.int(1, 4));
  const kind = r.int(0, 5);
  if (kind === 0) {
    const other = expression(r, r.int(0, 2));
    return `${one.text} ${r.pick(['<', '<=', '>', '>=', '==', '~='])} ${other.text}`;
  }
  if (kind === 1) return `math.type(${one.text})`;
  if (kind === 2) return `exact(${one.text})`;
  if (kind === 3) return `(${one.text} .. "")`;
  return `${one.text}, exact(${one.text})`;
}

function expression(r: Random, depth: number): Expression {
  for (let attempt = 0; attempt < 8 && depth > 0; attempt += 1) {
    const made = r.chance(0.15) ? unary(r, depth) : binary(r, depth);
    if (made !== undefined) return made;
  }
  return leaf(r);
}

function leaf(r: Random): Expression {
  const kind = r.int(0, 9);
  if (kind === 0) return { kind: 'int', value: 3n, text: 'a' };
  if (kind === 1) return { kind: 'float', value: 0.5, text: 'b' };
  if (kind === 2) return { kind: 'int', value: 12n, text: 'c' };
  if (kind === 3) return { kind: 'int', value: 16n, text: r.pick(['"0x10"', '" 16 "', '"16"']) };
  return kind < 7 ? integer(r) : float(r);
}

function integer(r: Random): Expression {
  const size = r.chance(0.5) ? r.pick(INTEGERS) : BigInt(r.int(0, 2 ** r.int(1, 31)));
  const value = r.chance(0.3) ? -size : size;
  const digits = r.chance(0.2) ? `0x${size.toString(16)}` : size.toString();
  return { kind: 'int', value, text: written(r, value < 0n ? `-${digits}` : digits) };
}

function float(r: Random): Expression {
  const size = r.pick(FLOATS);
  const value = r.chance(0.3) ? -size : size;
  return { kind: 'float', value, text: written(r, floatText(value)) };
}

/** A number as Lua text with the same exact value. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return '0/0';
  if (!Number.isFinite(value)) return value > 0 ? '1/0' : '-1/0';
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** As a constant, which the compiler may fold, or as the result of a call, which it cannot. */
function written(r: Random, text: string): string {
  return r.chance(0.5) ? `(${text})` : `v(${text})`;
}

function unary(r: Random, depth: number): Expression | undefined {
  const operand = expression(r, depth - 1);
  const op = r.pick(['-', '~']);
  const value = op === '-' ? negated(operand) : bitwise('~', { kind: 'int', value: -1n }, operand);
  return value === undefined ? undefined : { ...value, text: `(${op} ${operand.text})` };
}

function negated(operand: Value): Value {
  if (operand.kind === 'int') return { kind: 'int', value: -operand.value };
  return operand.kind === 'float' ? { kind: 'float', value: -operand.value } : operand;
}

function binary(r: Random, depth: number): Expression | undefined {
  const left = expression(r, depth - 1);
  const right = expression(r, r.int(0, depth - 1));
  const isBitwise = r.chance(0.25);
  const op = r.pick(isBitwise ? BITWISE : ARITHMETIC);
  const value = isBitwise ? bitwise(op, left, right) : calculated(op, left, right);
  return value === undefined ? undefined : { ...value, text: `(${left.text} ${op} ${right.text})` };
}

/** Undefined when the result leaves the range in which both agree. */
function calculated(op: string, left: Value, right: Value): Value | undefined {
  if (left.kind === 'error' || right.kind === 'error') return ERROR;
  if (left.kind === 'int' && right.kind === 'int' && op !== '/' && op !== '^') {
    return calculatedInt(op, left.value, right.value);
  }
  const a = Number(left.value);
  const b = Number(right.value);
  if (op === '+') return { kind: 'float', value: a + b };
  if (op === '-') return { kind: 'float', value: a - b };
  if (op === '*') return { kind: 'float', value: a * b };
  if (op === '/') return { kind: 'float', value: a / b };
  if (op === '//') return { kind: 'float', value: Math.floor(a / b) };
  if (op === '%')
    return { kind: 'float', value: a % b === 0 || a < 0 === b < 0 ? a % b : (a % b) + b };
  // Powers that every mathematical library gives exactly.
  const exact =
    [0, 0.5, 1, 2, 3, -1].includes(b) && Math.abs(a) <= 1000 && a * 4 === Math.round(a * 4);
  return exact && !(b === 0.5 && !Number.isInteger(Math.sqrt(a)))
    ? { kind: 'float', value: a ** b }
    : undefined;
}

function calculatedInt(op: string, a: bigint, b: bigint): Value | undefined {
  if (b === 0n && (op === '//' || op === '%')) return ERROR;
  const value =
    op === '+'
      ? a + b
      : op === '-'
        ? a - b
        : op === '*'
          ? a * b
          : op === '//'
            ? floorDiv(a, b)
            : a - floorDiv(a, b) * b;
  return ranged(value);
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return quotient * b !== a && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function ranged(value: bigint): Value | undefined {
  return value > MAX || value < -MAX ? undefined : { kind: 'int', value };
}

function bitwise(op: string, left: Value, right: Value): Value | undefined {
  if (left.kind === 'error' || right.kind === 'error') return ERROR;
  const a = wholeOf(left);
  const b = wholeOf(right);
  if (a === undefined || b === undefined) return undefined;
  if (a === 'none' || b === 'none') return ERROR;
  if (op === '&') return ranged(a & b);
  if (op === '|') return ranged(a | b);
  if (op === '~') return ranged(a ^ b);
  return ranged(shifted(a, op === '<<' ? b : -b));
}

function shifted(a: bigint, by: bigint): bigint {
  if (by >= 64n || by <= -64n) return 0n;
  const bits = BigInt.asUintN(64, a);
  return BigInt.asIntN(64, by >= 0n ? bits << by : bits >> -by);
}

/** The integer of an operand: `none` when it has none, undefined when Rivet differs on purpose. */
function wholeOf(value: Exclude<Value, { kind: 'error' }>): bigint | 'none' | undefined {
  if (value.kind === 'int') return value.value;
  if (!Number.isInteger(value.value) || Math.abs(value.value) >= 2 ** 63) return 'none';
  return Number.isSafeInteger(value.value) ? BigInt(value.value) : undefined;
}
