// Cuts a stream of output bytes into lines of text, in bounded memory.

/** Characters of a line at most; a longer one is cut into several. */
export const LINE_LENGTH_MAX = 65_536;
/** Ends a line that was cut; the next line goes on with it. */
export const CONTINUES = ' …[continues]';

/** Takes bytes as they come and gives the lines that are complete. */
export interface LineSplitter {
  push(bytes: Uint8Array): string[];
  /** The last line, when the stream ended without a line end. */
  end(): string[];
}

/**
 * Lines end with LF, CR LF or CR (so that each state of a progress display is a line of its own).
 * Bytes that are not UTF-8 become U+FFFD, also when a character lies across two chunks.
 */
export function createLineSplitter(): LineSplitter {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  let afterCarriageReturn = false;

  const take = (chunk: string, lines: string[]): void => {
    let from = 0;
    // The LF of a CR LF whose CR ended the line already.
    if (afterCarriageReturn && chunk.startsWith('\n')) from = 1;
    if (chunk !== '') afterCarriageReturn = chunk.endsWith('\r');
    const ends = /\r\n|\n|\r/g;
    ends.lastIndex = from;
    for (let match = ends.exec(chunk); match !== null; match = ends.exec(chunk)) {
      rest += chunk.slice(from, match.index);
      from = ends.lastIndex;
      cut(lines);
      lines.push(rest);
      rest = '';
    }
    rest += chunk.slice(from);
    cut(lines);
  };

  const cut = (lines: string[]): void => {
    while (rest.length > LINE_LENGTH_MAX) {
      const end = splitsPair(rest, LINE_LENGTH_MAX) ? LINE_LENGTH_MAX - 1 : LINE_LENGTH_MAX;
      lines.push(rest.slice(0, end) + CONTINUES);
      rest = rest.slice(end);
    }
  };

  return {
    push(bytes) {
      const lines: string[] = [];
      take(decoder.decode(bytes, { stream: true }), lines);
      return lines;
    },
    end() {
      const lines: string[] = [];
      take(decoder.decode(), lines);
      if (rest !== '') lines.push(rest);
      rest = '';
      afterCarriageReturn = false;
      return lines;
    },
  };
}

/** Whether cutting before `index` would separate the halves of a surrogate pair. */
function splitsPair(value: string, index: number): boolean {
  const code = value.charCodeAt(index - 1);
  return code >= 0xd800 && code <= 0xdbff;
}
