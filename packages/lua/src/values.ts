// Lua values as TypeScript sees them, whatever process they came from.

/** Where something stands in a file of the program. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column?: number;
}

/** A function that lives in the VM; it can be called through `LuaVm.call` while the VM is open. */
export class LuaFunction {
  readonly id: number;
  /** Where it was written. */
  readonly position: SourcePosition;

  constructor(id: number, position: SourcePosition) {
    this.id = id;
    this.position = position;
  }
}

/**
 * A table whose keys are strings, in the order in which they were first set. It has no prototype,
 * so `__proto__` and `constructor` are keys like any other.
 */
export interface LuaRecord {
  [key: string]: LuaValue;
}

/**
 * A Lua value outside of the VM.
 * - nil is `null`; holes of a list are `null` elements.
 * - A string that is UTF-8 is a `string`, any other a `Uint8Array`.
 * - Whole numbers within ±(2^53-1) come back as integers, all others as floats; NaN and infinities
 *   cross unchanged.
 * - A table with the keys 1..n is an array, one with string keys a `LuaRecord`; the empty table is
 * an
 *   empty array (use `asRecord` where a record is wanted). Tables with both kinds of key, cycles
 *   and
 *   other keys are refused with the path of the offender.
 */
export type LuaValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | LuaFunction
  | LuaValue[]
  | LuaRecord;

/** The value as a record, when it is one; the empty table counts. */
export function asRecord(value: LuaValue | undefined): LuaRecord | undefined {
  if (Array.isArray(value)) return value.length === 0 ? Object.create(null) : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  // What the engine puts in the place of a value, such as a secret, is no table.
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype ? (value as LuaRecord) : undefined;
}
