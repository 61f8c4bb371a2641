// The log of one attempt: numbers the lines without gaps, holds the limit, passes them on in order.
import { formatSize, RivetError } from '@rivet/base';
import { type LogLineLevel, type LogLines, type LogStream, readLogLines } from '@rivet/protocol';
import type { JobObserver } from '../job.ts';
import { reportFailed } from '../outcome.ts';
import { createRedactor, type Redactor } from '../redaction/redactor.ts';
import type { JobResume, LineSource } from '../resume.ts';
import { type CutLines, cutWhole } from './line-splitter.ts';

/** Where lines stand in a log, and who writes them. */
export interface LinePlace {
  readonly stage: string;
  /** Sections, outermost first. */
  readonly groups: readonly string[];
  /** Who writes it, and writes the same again when the job goes on in another process. */
  readonly author: string;
  /** How far the author has come before the first of what it writes now; 0 when absent. */
  readonly base?: number;
}

/** What a line carries besides its text. */
export interface LineOrigin extends LinePlace {
  readonly level: LogLineLevel;
  readonly stream: LogStream;
}

/** Where a line about a stage as a whole stands; an empty name stands for the job. */
export function stageLine(stage: string, level: LogLineLevel): LineOrigin {
  return { stage, level, stream: 'system', groups: [], author: `stage ${stage}` };
}

export interface LogWriterOptions {
  /** Bytes of all lines, with the names of their sections. */
  readonly bytesMax: number;
  /** Their text may lie in a buffer that is used again when what it returned has resolved. */
  readonly lines: (lines: LogLines, source: LineSource) => void | Promise<void>;
  /** Called once, when the limit is reached or a line could not be passed on. */
  readonly onFailure: (error: RivetError) => void;
  readonly now?: () => Date;
  /** Hides the secrets of the job; nothing is hidden when absent. */
  readonly redactor?: Redactor;
  /** What an earlier process has printed, which is not printed again. */
  readonly resume?: JobResume | undefined;
}

export interface LogWriter {
  /** Number of the last line written; 0 before the first. */
  readonly last: number;
  /**
   * Writes text as one line or, where it has line ends, several. Resolves when they were taken over
   * by whoever receives them, which is the back-pressure; never rejects.
   */
  write(origin: LineOrigin, text: string): Promise<void>;
  /** Writes lines of a stream that came through a stream of `redactor` already. */
  writeRedacted(origin: LineOrigin, lines: CutLines): Promise<void>;
  readonly redactor: Redactor;
  /** Resolves when everything written so far was taken over. */
  flush(): Promise<void>;
}

/** NUL cannot be stored as text everywhere; it is shown the way C writes it. */
const NUL = /\0/g;
const LINE_FEED = 0x0a;
/** What is passed on at once: enough to be quick, so little that nobody waits for it. */
const PART_BYTES_MAX = 256 * 1024;
const PART_LINES_MAX = 16_384;
/** Characters of the path of sections that a line carries. */
const GROUP_LENGTH_MAX = 2000;

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const now = options.now ?? (() => new Date());
  const redactor = options.redactor ?? createRedactor();
  const groupName = createGroupName(redactor);
  const printed: JobResume['printed'] = options.resume?.printed ?? new Map();
  /** How far each author has come. */
  const ends = new Map<string, number>();
  let last = options.resume?.lastLine ?? 0;
  let bytes = options.resume?.logBytes ?? 0;
  let stopped = false;
  let tail: Promise<void> = Promise.resolve();

  const stop = (error: RivetError): void => {
    if (stopped) return;
    stopped = true;
    options.onFailure(error);
  };
  const pass = (lines: LogLines, source: LineSource): void => {
    tail = tail
      .then(() => options.lines(lines, source))
      .catch((error: unknown) => {
        stop(reportFailed(error));
      });
  };
  const add = (origin: LineOrigin, group: string, lines: CutLines): void => {
    const { stage, level, stream, author } = origin;
    const timeMs = now().getTime();
    let end = (ends.get(author) ?? 0) - lines.count;
    for (const part of inParts(lines)) {
      end += part.count;
      const source = { origin: author, end };
      pass({ first: last + 1, timeMs, stage, level, stream, group, ...part }, source);
      last += part.count;
    }
  };
  /** The lines that were not printed before. */
  const unprinted = ({ author, base = 0 }: LineOrigin, lines: CutLines): CutLines => {
    const from = Math.max(ends.get(author) ?? 0, base);
    ends.set(author, from + lines.count);
    return withoutFirst(lines, (printed.get(author) ?? 0) - from);
  };

  const writeLines = (origin: LineOrigin, all: CutLines): void => {
    if (stopped) return;
    const lines = unprinted(origin, all);
    if (lines.count === 0) return;
    const group = groupName(origin.groups);
    const groupBytes = Buffer.byteLength(group);
    const clean = withoutNul(lines);
    const room = options.bytesMax - bytes;
    bytes += clean.count * groupBytes + clean.text.length;
    if (bytes <= options.bytesMax) {
      add(origin, group, clean);
      return;
    }
    const fitting = firstLines(clean, room, groupBytes);
    ends.set(origin.author, (ends.get(origin.author) ?? 0) - clean.count + fitting.count);
    add(origin, group, fitting);
    const error = RivetError.of('RIVET_JOB_LOG_LIMIT', { limit: formatSize(options.bytesMax) });
    const author = 'limit';
    const last = { ...origin, level: 'error', stream: 'system', author, base: 0 } as const;
    const said = unprinted(last, cutWhole(error.message));
    if (said.count > 0) add(last, '', said);
    stop(error);
  };

  return {
    redactor,
    get last() {
      return last;
    },
    write(origin, text) {
      writeLines(origin, cutWhole(redactor.text(text)));
      return tail;
    },
    writeRedacted(origin, lines) {
      writeLines(origin, lines);
      return tail;
    },
    flush: () => tail,
  };
}

/** Tells an observer, line by line where it wants no more at once. */
export function linesTo(observer: JobObserver): LogWriterOptions['lines'] {
  if (observer.lines !== undefined) return (lines, source) => observer.lines?.(lines, source);
  return async (lines, { origin, end }) => {
    let at = end - lines.count;
    for (const line of readLogLines(lines)) {
      at += 1;
      const taken = observer.line(line, { origin, end: at });
      if (taken !== undefined) await taken;
    }
  };
}

/** The names of sections joined and redacted; the same ones come line after line. */
function createGroupName(redactor: Redactor): (groups: readonly string[]) => string {
  let last: { groups: readonly string[]; generation: number; name: string } | undefined;
  return (groups) => {
    if (groups.length === 0) return '';
    const { generation } = redactor;
    if (last?.groups !== groups || last.generation !== generation) {
      last = { groups, generation, name: shortened(redactor.text(groups.join(' / '))) };
    }
    return last.name;
  };
}

/** Whoever cut a name may have cut a character in two: a half is nothing that can be stored. */
function shortened(name: string): string {
  if (name.length <= GROUP_LENGTH_MAX) return name.toWellFormed();
  return `${name.slice(0, GROUP_LENGTH_MAX).toWellFormed()}…`;
}

function withoutNul(lines: CutLines): CutLines {
  if (!lines.text.includes(0)) return lines;
  const shown = bufferOf(lines.text).toString('utf8').replace(NUL, '\\0');
  return { count: lines.count, text: Buffer.from(shown) };
}

/** All but the first lines. */
function withoutFirst(lines: CutLines, count: number): CutLines {
  if (count <= 0) return lines;
  const bytes = bufferOf(lines.text);
  let from = 0;
  const left = Math.max(0, lines.count - count);
  for (let skipped = lines.count - left; skipped > 0; skipped -= 1) {
    from = bytes.indexOf(LINE_FEED, from) + 1;
  }
  return { count: left, text: bytes.subarray(left === 0 ? bytes.length : from) };
}

/** As many lines as `room` bytes have room for, where each takes `extraBytes` besides its text. */
function firstLines({ text }: CutLines, room: number, extraBytes: number): CutLines {
  const bytes = bufferOf(text);
  let count = 0;
  let end = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, end)) {
    if (at + 1 + (count + 1) * extraBytes > room) break;
    count += 1;
    end = at + 1;
  }
  return { count, text: bytes.subarray(0, end) };
}

function* inParts({ count, text }: CutLines): Generator<CutLines> {
  if (count === 0) return;
  if (text.length <= PART_BYTES_MAX && count <= PART_LINES_MAX) {
    yield { count, text };
    return;
  }
  const bytes = bufferOf(text);
  let from = 0;
  let end = 0;
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, end)) {
    if (lines > 0 && (at + 1 - from > PART_BYTES_MAX || lines === PART_LINES_MAX)) {
      yield { count: lines, text: bytes.subarray(from, end) };
      from = end;
      lines = 0;
    }
    end = at + 1;
    lines += 1;
  }
  yield { count: lines, text: bytes.subarray(from, end) };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
