// Where the output of a command goes: lines of the log, a captured string, or both.
import { formatSize, RivetError } from '@rivet/base';
import type { OutputSink, OutputStream } from '@rivet/containers';
import type { LuaValue } from '@rivet/lua';
import { type CutLines, createLineSplitter } from '../log/line-splitter.ts';
import type { LinePlace, LogWriter } from '../log/log-writer.ts';
import type { CommandRequest } from './command-request.ts';
import { RecentLines } from './recent-lines.ts';

/** Bytes of each stream that a script can capture. */
const CAPTURE_BYTES_MAX = 10 * 1024 * 1024;

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
  const recent = new RecentLines();
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
