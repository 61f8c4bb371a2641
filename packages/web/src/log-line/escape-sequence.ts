// Reads one terminal escape sequence, in bounded time, and says whether it only colours text.

export type EscapeSequence =
  /** Select graphic rendition: colours and styles, with its parameters as they were written. */
  | { readonly kind: 'style'; readonly parameters: string; readonly length: number }
  /** A whole sequence of any other kind: window titles, clipboard, links, cursor, queries. */
  | { readonly kind: 'other'; readonly length: number }
  /** Not a whole sequence: nothing after the escape character may be swallowed by it. */
  | { readonly kind: 'none' };

/** Parameters of a control sequence in characters; programs write some dozens. */
const PARAMETERS_MAX = 256;
/** Content of an operating system command and its like; links and titles fit well. */
const STRING_MAX = 4096;

const ESCAPE = '\u001b';
// ECMA-48: parameters, intermediates and one final byte.
const CONTROL = new RegExp(
  `(?:\u001b\\[|\u009b)([0-?]{0,${PARAMETERS_MAX}})([ -/]{0,8})([@-~])`,
  'y',
);
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const SHORT = /\u001b[ -/]{0,8}[0-~]/y;
// Device control, operating system command, start of string, privacy message, application command.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const STRING_BEGIN = /\u001b[P\]X^_]|[\u0090\u009d\u0098\u009e\u009f]/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const STRING_END = /\u0007|\u001b\\|\u009c/g;

/** Characters that may begin an escape sequence. */
export const ESCAPE_BEGINNINGS = '\u001b\u0090\u0098\u009b\u009d\u009e\u009f';

/** Reads the sequences of one text. Every call costs a bounded number of steps on average. */
export class EscapeReader {
  readonly #text: string;
  /** The next end of a string at or after the place that was asked last; -1 before any question. */
  #stringEnd = { index: -1, length: 0 };

  constructor(text: string) {
    this.#text = text;
  }

  /** The sequence that begins at `index`, where a character of `ESCAPE_BEGINNINGS` stands. */
  read(index: number): EscapeSequence {
    const control = matchAt(CONTROL, this.#text, index);
    if (control !== null) {
      const [{ length }, parameters = '', intermediates, final] = control;
      const style = final === 'm' && intermediates === '' && /^[\d;:]*$/.test(parameters);
      return style ? { kind: 'style', parameters, length } : { kind: 'other', length };
    }
    const begin = matchAt(STRING_BEGIN, this.#text, index);
    if (begin !== null) {
      const end = this.#endOfString(index + begin[0].length);
      const length = end - index;
      return length <= STRING_MAX ? { kind: 'other', length } : { kind: 'none' };
    }
    if (this.#text.startsWith(`${ESCAPE}[`, index)) return { kind: 'none' };
    const short = matchAt(SHORT, this.#text, index);
    return short === null ? { kind: 'none' } : { kind: 'other', length: short[0].length };
  }

  /** Index after the terminator of a string; infinite without one. Looks at no part twice. */
  #endOfString(from: number): number {
    if (this.#stringEnd.index < from) {
      const match = matchAt(STRING_END, this.#text, from);
      this.#stringEnd = {
        index: match?.index ?? Number.POSITIVE_INFINITY,
        length: match?.[0].length ?? 0,
      };
    }
    return this.#stringEnd.index + this.#stringEnd.length;
  }
}

function matchAt(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}
