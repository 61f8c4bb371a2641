// Puts a redactor before everything that a job tells the program that runs it.
import { type Logger, RivetError } from '@rivet/base';
import type { JobOutcome } from '@rivet/protocol';
import type { JobHost, JobObserver } from '../job.ts';
import type { Redactor } from './redactor.ts';

/** The host of a job that hears no secrets; log lines are redacted by the log itself. */
export function redactedHost(host: JobHost, redactor: Redactor): JobHost {
  const { observer } = host;
  const redacted: JobObserver = {
    line: (line, source) => observer.line(line, source),
    ...(observer.lines === undefined
      ? {}
      : { lines: (lines, source) => observer.lines?.(lines, source) }),
    stage: (change) =>
      observer.stage(
        change.reason === undefined ? change : { ...change, reason: redactor.text(change.reason) },
      ),
    output: (name, value) => observer.output(redactor.text(name), redactor.value(value)),
    summary: (markdown) => observer.summary(redactor.text(markdown)),
  };
  return { ...host, observer: redacted, logger: redactedLogger(host.logger, redactor) };
}

export function redactedOutcome(outcome: JobOutcome, redactor: Redactor): JobOutcome {
  const { message } = outcome;
  return message === undefined ? outcome : { ...outcome, message: redactor.text(message) };
}

/** A logger of the program, for fields and errors that a script may have had a say in. */
function redactedLogger(logger: Logger, redactor: Redactor): Logger {
  const clean = (fields: object): object =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, redactor.value(plainError(value))]),
    );
  return {
    debug: (fields, message) => logger.debug(clean(fields), redactor.text(message)),
    info: (fields, message) => logger.info(clean(fields), redactor.text(message)),
    warn: (fields, message) => logger.warn(clean(fields), redactor.text(message)),
    error: (fields, message) => logger.error(clean(fields), redactor.text(message)),
    child: (fields) => redactedLogger(logger.child({ ...clean(fields) }), redactor),
  };
}

/** An error as data, its causes too, as far as they go. */
function plainError(value: unknown, depth = 0): unknown {
  if (!(value instanceof Error) || depth > 5) return value;
  const { name, message, stack, cause } = value;
  const code = 'code' in value ? { code: String(value.code) } : {};
  const details = value instanceof RivetError ? { details: value.details } : {};
  const causes = cause === undefined ? {} : { cause: plainError(cause, depth + 1) };
  return { type: name, message, stack, ...code, ...details, ...causes };
}
