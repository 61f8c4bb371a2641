// One script of the hostile corpus: what it tries, and how it must end.

/** How a script must end. */
export type Expected =
  /** With one of these codes. */
  | { readonly codes: readonly string[] }
  /** With an ordinary error whose message matches. */
  | { readonly code: string; readonly message: RegExp }
  /** By returning these values: it could do no harm. */
  | { readonly values: readonly unknown[] };

export interface HostileScript {
  readonly name: string;
  /** A file of Lua. */
  readonly source: string;
  readonly expected: Expected;
  /** Where it is run; both when absent. */
  readonly phase?: 'creation' | 'execution';
}

/** It computes for ever. */
export function endless(name: string, source: string): HostileScript {
  return { name, source, expected: { codes: ['RIVET_LUA_CPU_LIMIT'] } };
}

/** It takes memory without an end. */
export function greedy(name: string, source: string): HostileScript {
  return { name, source, expected: { codes: ['RIVET_LUA_MEMORY_LIMIT'] } };
}

/** It takes time and memory: either limit may be first. */
export function either(name: string, source: string): HostileScript {
  const codes = ['RIVET_LUA_CPU_LIMIT', 'RIVET_LUA_MEMORY_LIMIT'];
  return { name, source, expected: { codes } };
}

/** It is ended by an ordinary error. */
export function fails(name: string, source: string, message: RegExp): HostileScript {
  return { name, source, expected: { code: 'RIVET_LUA_ERROR', message } };
}

/** It does not compile. */
export function malformed(name: string, source: string, message: RegExp): HostileScript {
  return { name, source, expected: { code: 'RIVET_LUA_SYNTAX', message } };
}

/** What it returns cannot leave the VM. */
export function unreturnable(name: string, source: string, message: RegExp): HostileScript {
  return { name, source, expected: { code: 'RIVET_LUA_VALUE', message } };
}

/** It ends by itself and returns these values. */
export function harmless(name: string, source: string, ...values: unknown[]): HostileScript {
  return { name, source, expected: { values } };
}

/** A script that needs host calls: it runs in the execution alone. */
export function executed(script: HostileScript): HostileScript {
  return { ...script, phase: 'execution' };
}
