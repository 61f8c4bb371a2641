// What a definition leaves for Lua to check: collected while it is read, asked in the VM
// afterwards.
import type { LuaFunction } from '@rivet/lua';
import type { InputValue } from '@rivet/protocol';

/** A text of the definition (a default, an option) and the pattern that its input demands. */
export interface PatternCheck {
  readonly path: string;
  readonly pattern: string;
  readonly text: string;
}

/** The default of an input that has a `validate` function of its own. */
interface DefaultCheck {
  readonly path: string;
  readonly input: string;
  readonly value: InputValue;
  readonly validate: LuaFunction;
}

export interface LuaChecks {
  readonly patterns: readonly PatternCheck[];
  readonly defaults: readonly DefaultCheck[];
}
