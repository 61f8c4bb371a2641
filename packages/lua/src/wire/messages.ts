// What the engine and a Lua process tell each other. Values travel in the tagged form of values.ts
// here.

/** A byte string that is not UTF-8, in base64. */
interface WireBytes {
  readonly b: string;
}
/** A number that JSON has no text for. */
interface WireNumber {
  readonly n: 'nan' | 'inf' | '-inf' | '-0';
}
/** A function of the Lua process: id, file, line. */
interface WireFunction {
  readonly f: readonly [number, string, number];
}
/** A table with string keys, in the order in which they were first set. */
interface WireRecord {
  readonly r: readonly (readonly [string, WireValue])[];
}

/** A Lua value as JSON; a list is an array. */
export type WireValue =
  | null
  | boolean
  | number
  | string
  | readonly WireValue[]
  | WireBytes
  | WireNumber
  | WireFunction
  | WireRecord;

/** File, line, column; column 0 when it is not known. */
export type WirePlace = readonly [string, number, number];

export interface WireModule {
  readonly name: string;
  readonly functions: readonly string[];
  readonly fields: WireValue;
  readonly facts: WireValue;
  readonly source: string | null;
}

/** Name of a host call, fields of its expected answer, and fields that will be integers. */
export type WireExpected = readonly [
  string,
  Readonly<Record<string, string | number | boolean>>,
  readonly string[],
];

export interface WireProgram {
  readonly main: string;
  /** Path and base64 of the bytes. */
  readonly files: readonly (readonly [string, string])[];
  readonly modules: readonly WireModule[];
  readonly globals: readonly (readonly [string, string])[];
  readonly seed: string;
  readonly env: readonly (readonly [string, string])[];
  readonly expected: readonly WireExpected[];
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** Engine to Lua process. */
export type ToChild =
  | { readonly type: 'open'; readonly id: number; readonly program: WireProgram }
  | { readonly type: 'evaluate'; readonly id: number }
  | {
      readonly type: 'call';
      readonly id: number;
      readonly fn: number;
      readonly args: readonly WireValue[];
      readonly branch: string;
      readonly hostCalls: boolean;
      /** Only whether the first result counts as true is asked for. */
      readonly truth: boolean;
    }
  | { readonly type: 'result'; readonly call: number; readonly values: readonly WireValue[] }
  | {
      readonly type: 'failure';
      readonly call: number;
      readonly message: string;
      /** The number under which the engine keeps the error. */
      readonly error: number;
    };

/** Why a program or a call ended with an error. */
export interface WireError {
  readonly kind: 'error' | 'syntax' | 'value' | 'refused' | 'host';
  /** Without the `file:line:` of `place`. */
  readonly message: string;
  readonly place: WirePlace | null;
  readonly traceback: readonly string[];
  /** Of `host`: the number in the failure that ended the script. */
  readonly error?: number;
  /** Of `refused`: the host call. */
  readonly name?: string;
  /** Of `value`. */
  readonly path?: string;
  readonly found?: string;
  readonly expected?: string;
}

/** Lua process to engine. */
export type FromChild =
  | { readonly type: 'ready' }
  | {
      readonly type: 'done';
      readonly id: number;
      readonly values: readonly WireValue[];
      readonly positions: readonly (readonly [string, WirePlace])[];
    }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError }
  | {
      readonly type: 'host';
      readonly call: number;
      readonly branch: string;
      readonly sequence: number;
      readonly name: string;
      readonly args: readonly WireValue[];
      readonly place: WirePlace | null;
    }
  | {
      /** The host call that follows one that is under way, if that is answered as expected. */
      readonly type: 'foreseen';
      readonly branch: string;
      readonly sequence: number;
      readonly name: string;
      readonly args: readonly WireValue[];
      readonly place: WirePlace | null;
    }
  | {
      readonly type: 'limit';
      readonly limit: 'cpu' | 'memory';
      readonly place: WirePlace | null;
      readonly traceback: readonly string[];
    }
  | {
      /** Where a program is that computes for a while; known in case it has to be killed. */
      readonly type: 'at';
      readonly place: WirePlace | null;
      readonly traceback: readonly string[];
    }
  | { readonly type: 'broken'; readonly reason: string };
