// The error that every part of Rivet raises: a code of the catalogue and the facts behind it.
import { type ErrorCatalogue, type ErrorCode, errorCatalogue } from './catalogue.ts';
import type { ErrorEntry, Fault, Placeholders } from './define.ts';

/** A value that can be shown in a message or sent as JSON. */
export type Detail =
  | string
  | number
  | boolean
  | null
  | readonly Detail[]
  | { readonly [key: string]: Detail | undefined };

/** The details that the message of `Code` needs, and whatever other facts help. */
export type DetailsOf<Code extends ErrorCode> = Readonly<
  Record<Placeholders<ErrorCatalogue[Code]['message']>, Detail>
> &
  Readonly<Record<string, Detail | undefined>>;

/** An error a person can act on. `message` is the catalogue's, filled from `details`. */
export class RivetError extends Error {
  override readonly name = 'RivetError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, Detail | undefined>>;

  private constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, Detail | undefined>>,
    cause: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /**
   * Makes the error of a code.
   * @param details the facts; every placeholder of the message must be among them
   * @param cause the error it came from, kept for logs and never shown to a client
   */
  static of<Code extends ErrorCode>(
    code: Code,
    details: DetailsOf<Code>,
    cause?: unknown,
  ): RivetError {
    return new RivetError(code, fillMessage(errorCatalogue[code].message, details), details, cause);
  }

  /** The same error as another process described it, with its message as it was written there. */
  static received(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, Detail | undefined>> = {},
  ): RivetError {
    return new RivetError(code, message, details, undefined);
  }

  get entry(): ErrorEntry {
    return errorCatalogue[this.code];
  }

  get fault(): Fault {
    return this.entry.fault;
  }

  /** What the reader can do about it. A detail named `hint` is more precise than the catalogue. */
  get solve(): string {
    const { hint } = this.details;
    return typeof hint === 'string' ? hint : this.entry.solve;
  }
}

/** Whether `error` is a Rivet error, of one of `codes` when some are given. */
export function isRivetError(error: unknown, ...codes: ErrorCode[]): error is RivetError {
  return error instanceof RivetError && (codes.length === 0 || codes.includes(error.code));
}

/** Whatever was thrown, as an error a person can act on; what is not a Rivet error is a defect. */
export function toRivetError(error: unknown): RivetError {
  return error instanceof RivetError
    ? error
    : RivetError.of('RIVET_INTERNAL', { reason: describeThrown(error) }, error);
}

/** One line that says what was thrown, whatever it was. */
export function describeThrown(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}

function fillMessage(template: string, details: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = details[name];
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  });
}
