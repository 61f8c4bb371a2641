// Where the output of a command goes: lines of the log, a captured string, or both.
import { formatSize, RivetError } from '@rivet/base';
import type { OutputSink, OutputStream } from '@rivet/containers';
import type { LuaValue } from '@rivet/lua';
import { splitText } from '@rivet/protocol';
import { type CutLines, createLineSplitter } from '../log/line-splitter.ts';
import type { LinePlace, LogWriter } from '../log/log-writer.ts';
import type { CommandRequest } from './command-request.ts';

/** Bytes of each stream that a script can capture. */
const CAPTURE_BYTES_MAX = 10 * 1024 * 1024;
/** Lines kept of both streams, for failure messages and `handle:logs()`. */
const RECENT_LINES_MAX = 1000;
/** Characters of them together; the last line is kept however long it is. */
const RECENT_LENGTH_MAX = 256 * 1024;

export interface CommandOutput {
  readonly sink: OutputSink;
  /** From now on what comes is left out, and the log says so. */
  giveUp(): void;
  /** Writes unfinished lines; called after the exit. */
  end(): Promise<void>;
  /** The captured text (bytes when it is not UTF-8); undefined when the stream was not captured. */
  captured(stream: OutputStream): LuaValue | undefined;
  /** The last lines of a stream, or of both in the order in which they came. */
  recent(count: number, stream?: OutputStream): string[];
  /** Set when more than CAPTURE_BYTES_MAX was to be captured. */
  readonly overflow: RivetError | undefined;
}

/** Where lines of a command stand in the log. */
interface OutputPlace extends LinePlace {
  readonly log: LogWriter;
}

/**
 * @param onOverflow called once, when a captured stream is too long: the command should be stopped
 */
export function createCommandOutput(
  request: Pick<CommandRequest, 'capture' | 'levels' | 'shown'>,
  place: OutputPlace,
  onOverflow: () => void,
): CommandOutput {
  const { log, ...where } = place;
  const captures = { stdout: createCapture(), stderr: createCapture() };
  const { redactor } = log;
  const redaction = { stdout: redactor.stream(), stderr: redactor.stream() };
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
  const recent = createRecentLines();
  let overflow: RivetError | undefined;
  let givenUp: 'no' | 'asked' | 'said' = 'no';

  const writeLines = async (stream: OutputStream, lines: CutLines): Promise<void> => {
    if (lines.count === 0) return;
    recent.add(stream, lines);
    if (request.capture[stream] === true) return;
    const author = `${where.author}:${stream}`;
    await log.writeRedacted({ ...where, level: request.levels[stream], stream, author }, lines);
  };

  return {
    giveUp() {
      if (givenUp === 'no') givenUp = 'asked';
    },
    async sink(stream, bytes) {
      if (givenUp === 'asked') {
        givenUp = 'said';
        await log.write(
          { ...where, level: 'warning', stream: 'system' },
          `the rest of the output of ${request.shown} is left out: it was stopped with more of it waiting than the log could take in time`,
        );
      }
      if (givenUp === 'said' || overflow !== undefined) return;
      if (request.capture[stream] !== false) {
        if (!captures[stream].add(bytes)) {
          overflow = RivetError.of('RIVET_PROCESS_CAPTURE_LIMIT', {
            command: request.shown,
            limit: formatSize(CAPTURE_BYTES_MAX),
            stream,
          });
          onOverflow();
        }
      }
      await writeLines(stream, splitters[stream].push(redaction[stream].push(bytes)));
    },
    async end() {
      for (const stream of ['stdout', 'stderr'] as const) {
        await writeLines(stream, splitters[stream].push(redaction[stream].end()));
        await writeLines(stream, splitters[stream].end());
      }
    },
    captured: (stream) =>
      request.capture[stream] === false ? undefined : captures[stream].value(),
    recent: (count, stream) => recent.last(count, stream),
    get overflow() {
      return overflow;
    },
  };
}

/**
 * The last lines of a command. They are kept as they came, in few pieces: of most commands nobody
 * asks for them.
 */
function createRecentLines() {
  const pieces: { stream: OutputStream; lines: CutLines; buffer: Buffer }[] = [];
  /** Of a piece that was left out: the next one goes there. */
  let spare: Buffer = Buffer.alloc(0);
  let count = 0;
  let bytes = 0;
  const shrink = (): void => {
    for (let [first] = pieces; first !== undefined && pieces.length > 1; [first] = pieces) {
      const { lines } = first;
      const enough =
        count - lines.count >= RECENT_LINES_MAX || bytes - lines.text.length >= RECENT_LENGTH_MAX;
      if (!enough) return;
      count -= lines.count;
      bytes -= lines.text.length;
      pieces.shift();
      if (first.buffer.length > spare.length) spare = first.buffer;
    }
  };
  return {
    add(stream: OutputStream, lines: CutLines): void {
      const { length } = lines.text;
      const buffer = spare.length >= length ? spare : Buffer.allocUnsafe(length);
      if (buffer === spare) spare = Buffer.alloc(0);
      buffer.set(lines.text);
      const text = buffer.subarray(0, length);
      pieces.push({ stream, lines: { count: lines.count, text }, buffer });
      count += lines.count;
      bytes += lines.text.length;
      shrink();
    },
    last(wanted: number, of: OutputStream | undefined): string[] {
      const all = pieces.flatMap(({ stream, lines }) =>
        splitText(lines.text).map((line) => ({ stream, line })),
      );
      let length = 0;
      const kept = all.slice(-RECENT_LINES_MAX).reverse();
      const end = kept.findIndex(({ line }, index) => {
        length += line.length;
        return index > 0 && length > RECENT_LENGTH_MAX;
      });
      return kept
        .slice(0, end === -1 ? kept.length : end)
        .reverse()
        .filter(({ stream }) => of === undefined || stream === of)
        .slice(-wanted)
        .map(({ line }) => line);
    },
  };
}

function createCapture() {
  const chunks: Uint8Array[] = [];
  let length = 0;
  return {
    /** False when it would become too long. */
    add(bytes: Uint8Array): boolean {
      length += bytes.length;
      if (length > CAPTURE_BYTES_MAX) return false;
      chunks.push(Uint8Array.from(bytes));
      return true;
    },
    value(): LuaValue {
      const all = Buffer.concat(chunks);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(all);
      } catch {
        return new Uint8Array(all);
      }
    },
  };
}
