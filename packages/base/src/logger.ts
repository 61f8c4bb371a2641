// The programs' own log: structured lines for operators, on standard error so that output stays
// clean.
import { hostname } from 'node:os';
import { writeAll } from './write-all.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What the parts of a program log with. Fields first, then a sentence. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** The same logger with fields that every line carries. */
  child(fields: Record<string, unknown>): Logger;
}

/** As programs that read such logs know them. */
const LEVELS = { debug: 20, info: 30, warn: 40, error: 50, silent: Number.POSITIVE_INFINITY };
const STDERR = 2;
/** How deep errors are looked for behind errors. */
const CAUSES_MAX = 10;

/** A logger that writes JSON lines to standard error. */
export function createLogger(options: { name: string; level: LogLevel }): Logger {
  const { name, level } = options;
  return loggerOf(LEVELS[level], { pid: process.pid, hostname: hostname(), name });
}

/** A logger that writes nothing. */
export const silentLogger: Logger = loggerOf(LEVELS.silent, {});

function loggerOf(least: number, own: Readonly<Record<string, unknown>>): Logger {
  const lineOf = (level: number) => (fields: object, message: string) => {
    if (level < least) return;
    const time = Date.now();
    const line = textOf({ level, time, ...own, ...fields, msg: message });
    writeAll(STDERR, Buffer.from(`${line}\n`));
  };
  return {
    debug: lineOf(LEVELS.debug),
    info: lineOf(LEVELS.info),
    warn: lineOf(LEVELS.warn),
    error: lineOf(LEVELS.error),
    child: (fields) => loggerOf(least, { ...own, ...fields }),
  };
}

/** A line as JSON; of fields that JSON cannot hold their names. */
function textOf(line: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(line, plain);
  } catch {
    const { level, time, pid, hostname: host, name, msg, ...fields } = line;
    const unwritable = Object.keys(fields);
    return JSON.stringify({ level, time, pid, hostname: host, name, unwritable, msg });
  }
}

/** Errors have nothing that JSON shows, and large integers throw. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describeError(value, CAUSES_MAX);
  return typeof value === 'bigint' ? String(value) : value;
}

/** What happened, where, what else the error says of itself, and what it came from. */
function describeError(error: Error, depth: number): object {
  const { cause, ...facts } = error;
  const { message, stack } = error;
  return {
    type: error.constructor.name,
    ...facts,
    message,
    stack,
    ...(error instanceof AggregateError && { errors: error.errors }),
    ...(cause instanceof Error && depth > 0 && { cause: describeError(cause, depth - 1) }),
  };
}
