// The log of one attempt: numbers the lines without gaps, holds the limit, passes them on in order.
import { formatSize, RivetError } from '@rivet/base';
import type { LogLine, LogLineLevel, LogStream } from '@rivet/protocol';
import { reportFailed } from '../outcome.ts';
import { createRedactor, type Redactor } from '../redaction/redactor.ts';
import { createLineSplitter } from './line-splitter.ts';

/** What a line carries besides its text. */
export interface LineOrigin {
  readonly stage: string;
  readonly level: LogLineLevel;
  readonly stream: LogStream;
  /** Sections, outermost first. */
  readonly groups: readonly string[];
}

export interface LogWriterOptions {
  /** Bytes of all lines, with the names of their sections. */
  readonly bytesMax: number;
  readonly line: (line: LogLine) => void | Promise<void>;
  /** Called once, when the limit is reached or a line could not be passed on. */
  readonly onFailure: (error: RivetError) => void;
  readonly now?: () => Date;
  /** Hides the secrets of the job; nothing is hidden when absent. */
  readonly redactor?: Redactor;
}

export interface LogWriter {
  /** Number of the last line written; 0 before the first. */
  readonly last: number;
  /**
   * Writes text as one line or, where it has line ends, several. Resolves when they were taken over
   * by whoever receives them, which is the back-pressure; never rejects.
   */
  write(origin: LineOrigin, text: string): Promise<void>;
  /** Writes a line of a stream that came through a stream of `redactor` already. */
  writeRedacted(origin: LineOrigin, line: string): Promise<void>;
  readonly redactor: Redactor;
  /** Resolves when everything written so far was taken over. */
  flush(): Promise<void>;
}

/** NUL cannot be stored as text everywhere; it is shown the way C writes it. */
const NUL = /\0/g;

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const now = options.now ?? (() => new Date());
  const redactor = options.redactor ?? createRedactor();
  const groupName = createGroupName(redactor);
  let last = 0;
  let bytes = 0;
  let stopped = false;
  let tail: Promise<void> = Promise.resolve();

  const stop = (error: RivetError): void => {
    if (stopped) return;
    stopped = true;
    options.onFailure(error);
  };
  const pass = (line: LogLine): void => {
    tail = tail
      .then(() => options.line(line))
      .catch((error: unknown) => {
        stop(reportFailed(error));
      });
  };
  const add = (origin: LineOrigin, group: string, text: string): void => {
    if (stopped) return;
    last += 1;
    pass({
      n: last,
      t: now().toISOString(),
      stage: origin.stage,
      level: origin.level,
      stream: origin.stream,
      ...(group === '' ? {} : { group }),
      text,
    });
  };

  const writeLine = (origin: LineOrigin, line: string): void => {
    const group = groupName(origin.groups);
    const clean = line.replace(NUL, '\\0');
    bytes += Buffer.byteLength(group) + Buffer.byteLength(clean) + 1;
    if (bytes > options.bytesMax && !stopped) {
      const error = RivetError.of('RIVET_JOB_LOG_LIMIT', {
        limit: formatSize(options.bytesMax),
      });
      add({ ...origin, level: 'error', stream: 'system' }, '', error.message);
      stop(error);
    }
    add(origin, group, clean);
  };

  return {
    redactor,
    get last() {
      return last;
    },
    write(origin, text) {
      for (const line of textLines(redactor.text(text))) writeLine(origin, line);
      return tail;
    },
    writeRedacted(origin, line) {
      writeLine(origin, line);
      return tail;
    },
    flush: () => tail,
  };
}

/** The names of sections joined and redacted; the same ones come line after line. */
function createGroupName(redactor: Redactor): (groups: readonly string[]) => string {
  let last: { groups: readonly string[]; generation: number; name: string } | undefined;
  return (groups) => {
    if (groups.length === 0) return '';
    const { generation } = redactor;
    if (last?.groups !== groups || last.generation !== generation) {
      last = { groups, generation, name: redactor.text(groups.join(' / ')) };
    }
    return last.name;
  };
}

/** The lines of a text as a splitter sees them; an empty text is one empty line. */
function textLines(text: string): string[] {
  if (text.length < 1000 && !/[\r\n]/.test(text)) return [text];
  const splitter = createLineSplitter();
  const lines = [...splitter.push(Buffer.from(text)), ...splitter.end()];
  return lines.length === 0 ? [''] : lines;
}
