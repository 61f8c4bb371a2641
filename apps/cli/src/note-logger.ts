// What the parts of Rivet log while a person watches, as notes rather than as lines of JSON.
import { firstLine, type Logger } from '@rivet/base';
import type { Output } from './output.ts';

/** A logger that tells warnings and errors as notes, with the first line of their cause. */
export function createNoteLogger(output: Output): Logger {
  const tell = (fields: object, message: string): void => {
    const { err, fix } = fields as { err?: unknown; fix?: unknown };
    const cause = err === undefined ? '' : `: ${firstLine(err)}`;
    output.note(`${message}${cause}${typeof fix === 'string' ? ` ${fix}` : ''}`);
  };
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: tell,
    error: tell,
    child: () => logger,
  };
  return logger;
}
