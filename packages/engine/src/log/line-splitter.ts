// Cuts a stream of output bytes into lines of text, in bounded memory. The lines stay bytes, as
// most of a log is stored before anybody looks at one of them.
import { isUtf8 } from 'node:buffer';

/** Characters of a line at most; a longer one is cut into several. */
export const LINE_LENGTH_MAX = 65_536;
/** Ends a line that was cut; the next line goes on with it. */
export const CONTINUES = ' …[continues]';

/** Complete lines, as UTF-8. */
export interface CutLines {
  readonly count: number;
  /**
   * Each line with a line feed behind it. May lie in the bytes that were pushed, or where the next
   * ones go: whoever keeps it longer makes a copy.
   */
  readonly text: Uint8Array;
}

/** Takes bytes as they come and gives the lines that are complete. */
export interface LineSplitter {
  push(bytes: Uint8Array): CutLines;
  /** The last line, when the stream ended without a line end. */
  end(): CutLines;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const NOTHING = Buffer.alloc(0);
const NO_LINES: CutLines = { count: 0, text: NOTHING };

/**
 * Lines end with LF, CR LF or CR (so that each state of a progress display is a line of its own).
 * Bytes that are not UTF-8 become U+FFFD, also when a character lies across two chunks.
 */
export function createLineSplitter(): LineSplitter {
  /** What came after the last line end: a character in it may be incomplete. */
  let rest: Buffer = NOTHING;
  let afterCarriageReturn = false;
  /** Used again for each chunk: a log of megabytes would leave as many behind. */
  let scratch: Buffer = NOTHING;

  const joinedWithRest = (bytes: Buffer): Buffer => {
    if (rest.length === 0) return bytes;
    const length = rest.length + bytes.length;
    if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length);
    scratch.set(rest);
    scratch.set(bytes, rest.length);
    return scratch.subarray(0, length);
  };
  const takeLong = (): CutLines => {
    if (rest.length <= LINE_LENGTH_MAX) return NO_LINES;
    const end = rest.length - incompleteBytes(rest);
    const pieces = cutText(decode(rest.subarray(0, end)));
    const last = pieces.pop() ?? '';
    if (pieces.length > 0) rest = Buffer.concat([Buffer.from(last), rest.subarray(end)]);
    return linesOf(pieces);
  };

  return {
    push(bytes) {
      let chunk = asBuffer(bytes);
      if (chunk.length === 0) return NO_LINES;
      // The LF of a CR LF whose CR ended the line already.
      if (afterCarriageReturn && chunk[0] === LINE_FEED) chunk = chunk.subarray(1);
      afterCarriageReturn = chunk.at(-1) === CARRIAGE_RETURN;
      const hasReturns = chunk.includes(CARRIAGE_RETURN);
      const lastReturn = hasReturns ? chunk.lastIndexOf(CARRIAGE_RETURN) : -1;
      const end = Math.max(chunk.lastIndexOf(LINE_FEED), lastReturn) + 1;
      let lines = NO_LINES;
      if (end > 0) {
        lines = cutLines(joinedWithRest(chunk.subarray(0, end)), hasReturns);
        rest = Buffer.from(chunk.subarray(end));
      } else {
        rest = Buffer.concat([rest, chunk]);
      }
      const long = takeLong();
      if (long.count === 0) return lines;
      return { count: lines.count + long.count, text: Buffer.concat([lines.text, long.text]) };
    },
    end() {
      const last = rest;
      rest = NOTHING;
      afterCarriageReturn = false;
      return last.length === 0 ? NO_LINES : linesOf(cutText(decode(last)));
    },
  };
}

/** The lines of a whole text; an empty one is one empty line. */
export function cutWhole(text: string): CutLines {
  if (text.length < 1000 && !/[\r\n]/.test(text)) return linesOf([text]);
  const splitter = createLineSplitter();
  const lines = splitter.push(Buffer.from(text));
  const last = splitter.end();
  if (lines.count + last.count === 0) return linesOf(['']);
  if (last.count === 0) return lines;
  return { count: lines.count + last.count, text: Buffer.concat([lines.text, last.text]) };
}

/** @param bytes end with a line end */
function cutLines(bytes: Buffer, hasReturns: boolean): CutLines {
  const count = hasReturns || !isUtf8(bytes) ? undefined : countShortLines(bytes);
  if (count !== undefined) return { count, text: bytes };
  const texts = decode(bytes).split(/\r\n|\n|\r/);
  texts.pop();
  return linesOf(texts.flatMap(cutText));
}

/** Undefined when one of the lines may be too long. */
function countShortLines(bytes: Buffer): number | undefined {
  let count = 0;
  let from = 0;
  for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, from)) {
    if (at - from > LINE_LENGTH_MAX) return undefined;
    from = at + 1;
    count += 1;
  }
  return count;
}

/** At least one piece; all but the last are marked as cut. */
function cutText(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (text.length - from > LINE_LENGTH_MAX) {
    let end = from + LINE_LENGTH_MAX;
    if (splitsPair(text, end)) end -= 1;
    pieces.push(text.slice(from, end) + CONTINUES);
    from = end;
  }
  pieces.push(text.slice(from));
  return pieces;
}

function linesOf(texts: readonly string[]): CutLines {
  if (texts.length === 0) return NO_LINES;
  return { count: texts.length, text: Buffer.from(`${texts.join('\n')}\n`) };
}

function decode(bytes: Buffer): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** How many of the last bytes may be the beginning of a character. */
function incompleteBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

/** Whether cutting before `index` would separate the halves of a surrogate pair. */
function splitsPair(value: string, index: number): boolean {
  const code = value.charCodeAt(index - 1);
  return code >= 0xd800 && code <= 0xdbff;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
