// Lines of a log as frames of a stream: made once for everybody who follows the job.
import type { LogLine } from '@rivet/protocol';
import { eventText } from '../http/event-stream.ts';

/** Where a follower is: after line `after` of `attempt`. */
export interface LogPosition {
  readonly attempt: number;
  readonly after: number;
}

/** Lines that follow each other, after `after` up to `last`, as one piece of bytes. */
export interface LogPiece {
  readonly attempt: number;
  readonly after: number;
  readonly last: number;
  readonly lines: readonly LogLine[];
  readonly frames: Buffer;
}

/** Characters of one piece: between two of them a client may be found not to read. */
const PIECE_LENGTH = 64 * 1024;

/** The lines behind a position, in order, in pieces. */
export function* piecesOf(
  { attempt, after }: LogPosition,
  lines: readonly LogLine[],
): Generator<LogPiece> {
  let text = '';
  let begin = 0;
  let before = after;
  for (const [index, line] of lines.entries()) {
    text += eventText('line', line, `${attempt}:${line.n}`);
    if (text.length < PIECE_LENGTH && index < lines.length - 1) continue;
    const own = lines.slice(begin, index + 1);
    yield { attempt, after: before, last: line.n, lines: own, frames: Buffer.from(text) };
    text = '';
    begin = index + 1;
    before = line.n;
  }
}

/** The frames of a piece that lie behind `after`. */
export function framesBehind({ attempt, lines }: LogPiece, after: number): Buffer {
  const behind = lines.filter(({ n }) => n > after);
  return Buffer.from(
    behind.map((line) => eventText('line', line, `${attempt}:${line.n}`)).join(''),
  );
}
