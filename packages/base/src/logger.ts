// The programs' own log: structured lines for operators, on standard error so that output stays
// clean.
import { pino } from 'pino';

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

/** A logger that writes JSON lines to standard error. */
export function createLogger(options: { name: string; level: LogLevel }): Logger {
  return pino(
    { name: options.name, level: options.level },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
