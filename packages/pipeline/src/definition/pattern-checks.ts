// Texts of a definition that must match a Lua pattern: collected here, matched in the VM afterwards.

/** A text of the definition (a default, an option) and the pattern that its input demands. */
export interface PatternCheck {
  readonly path: string;
  readonly pattern: string;
  readonly text: string;
}

/** The default of an input that has a `validate` function of its own. */
export interface DefaultCheck {
  readonly path: string;
  readonly input: string;
}
