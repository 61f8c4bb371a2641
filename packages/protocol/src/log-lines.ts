// Lines of a log that came at once from one place, as bytes: nobody makes an object of each line
// before somebody shows it.
import type { LogLine, LogLineLevel, LogStream } from './job-events.ts';

/** Lines of one origin and one time, numbered without gaps. */
export interface LogLines {
  /** Number of the first line. */
  readonly first: number;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly stage: string;
  readonly level: LogLineLevel;
  readonly stream: LogStream;
  /** Empty outside of sections. */
  readonly group: string;
  /** UTF-8, each line with a line feed behind it. */
  readonly text: Uint8Array;
}

/** The same, a line an object. */
export function readLogLines(lines: LogLines): LogLine[] {
  const { first, timeMs, stage, level, stream, group, text } = lines;
  const origin = { t: new Date(timeMs).toISOString(), stage, level, stream };
  const section = group === '' ? {} : { group };
  return splitText(text).map((line, index) => ({
    n: first + index,
    ...origin,
    ...section,
    text: line,
  }));
}

/** The lines of a text in which each has a line feed behind it. */
export function splitText(text: Uint8Array): string[] {
  const lines = Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8').split('\n');
  lines.pop();
  return lines;
}
