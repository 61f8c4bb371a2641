// The only place that prints: results on standard output, everything else on standard error.
import type { Writable } from 'node:stream';
import type { Environment } from './config.ts';
import { inertText } from './inert.ts';

/** Colours that do nothing where there are none. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  blue(text: string): string;
  cyan(text: string): string;
}

export interface Output {
  /** Whether standard output is a terminal that understands cursor movements. */
  readonly terminal: boolean;
  /** Columns of the terminal; 80 where it does not say. */
  readonly columns: number;
  /** For text on standard output. */
  readonly style: Style;
  /** For text on standard error. */
  readonly noteStyle: Style;
  /** Aborted when whoever read standard output went away. */
  readonly closed: AbortSignal;
  /** Prints a line, or several, of the result. Whatever a terminal would obey is made inert. */
  line(text?: string): void;
  /** Prints to standard error: progress, warnings, hints, errors. */
  note(text: string): void;
  /** Prints a value as JSON, indented, or on one line when it is one of many. */
  json(value: unknown, options?: { line: boolean }): void;
  /** Writes bytes as they are; refused by the caller at a terminal. */
  raw(bytes: Uint8Array): void;
  /** Moves the cursor or clears; nothing where there is no terminal. */
  control(sequence: string): void;
}

/** A stream to print to; `columns` and `isTTY` as Node sets them. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;

/** Makes the output of the program. */
export function createOutput(options: {
  stdout: OutputStream;
  stderr: OutputStream;
  env: Environment;
}): Output {
  const { stdout, stderr, env } = options;
  const closed = new AbortController();
  const color = wantsColor(stdout, env);
  const noteColor = wantsColor(stderr, env);
  stdout.on('error', () => closed.abort());
  // Nobody reads our complaints: there is nowhere left to say so.
  stderr.on('error', () => undefined);
  const write = (chunk: string | Uint8Array): void => {
    if (!closed.signal.aborted) stdout.write(chunk);
  };
  const terminal = stdout.isTTY === true && env.TERM !== 'dumb';
  return {
    terminal,
    get columns() {
      return stdout.columns === undefined || stdout.columns < 20 ? 80 : stdout.columns;
    },
    style: createStyle(color),
    noteStyle: createStyle(noteColor),
    closed: closed.signal,
    line: (text = '') => write(`${inertText(text, { color })}\n`),
    note: (text) => {
      stderr.write(`${inertText(text, { color: noteColor })}\n`);
    },
    json: (value, { line } = { line: false }) =>
      write(`${JSON.stringify(value, undefined, line ? undefined : 2)}\n`),
    raw: write,
    control: (sequence) => {
      if (terminal) write(sequence);
    },
  };
}

/** FORCE_COLOR wins over NO_COLOR, as in Node; without either, colour is for terminals. */
export function wantsColor(stream: { readonly isTTY?: boolean }, env: Environment): boolean {
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Colours, or functions that give the text back. */
function createStyle(color: boolean): Style {
  const paint = (code: number) => (text: string) =>
    color && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    bold: paint(codes.bold),
    dim: paint(codes.dim),
    red: paint(codes.red),
    green: paint(codes.green),
    yellow: paint(codes.yellow),
    blue: paint(codes.blue),
    cyan: paint(codes.cyan),
  };
}

/** Rows under a heading, columns aligned; the last column is not padded. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const render = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ');
  return [heading, ...rows].map((row) => render(row).trimEnd()).join('\n');
}
