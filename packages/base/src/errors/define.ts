// The shape of an entry in the error catalogue, and the type that reads the placeholders of a
// message.

/**
 * Who can mend it: `user` wrote the pipeline or typed the command, `operator` looks after the
 * installation, `rivet` is a defect of Rivet itself.
 */
export type Fault = 'user' | 'operator' | 'rivet';

/** One row of the catalogue. `{name}` in `message` is filled from the error's details. */
export interface ErrorEntry {
  readonly message: string;
  /** What the reader can do about it; one or two sentences. */
  readonly solve: string;
  /** HTTP status of the problem document that carries it. */
  readonly status: number;
  /** Exit code of the CLI: see docs/reference/cli.md. */
  readonly exit: number;
  readonly fault: Fault;
}

/**
 * Keeps the literal message of each row, so that its placeholders are checked where it is raised.
 */
export function defineErrors<const T extends Record<string, ErrorEntry>>(entries: T): T {
  return entries;
}

/** The names of the `{placeholders}` of a message. */
export type Placeholders<Message extends string> =
  Message extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholders<Rest> : never;
