// A text that must not be seen: whatever prints it prints `***`.
import { inspect } from 'node:util';

/** What stands in place of a secret wherever it would be shown. */
export const REDACTED = '***';

/**
 * The value of a secret. Printing, joining, inspecting, logging and serialising it give `***`;
 * only `reveal` gives the text, so every place that needs it can be found by that name.
 */
export class SecretText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the place where it is used: an environment, a header, a file. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
