// The lines of a program's files, as a person sees them: the VM counts columns in bytes.
import type { SourcePosition } from './values.ts';
import type { WirePlace } from './wire/messages.ts';

const LINE_CHARACTERS_MAX = 300;

/** The files of one program, split into lines when they are first asked for. */
export class SourceLines {
  readonly #files: ReadonlyMap<string, string | Uint8Array>;
  readonly #lines = new Map<string, readonly string[]>();

  constructor(files: ReadonlyMap<string, string | Uint8Array>) {
    this.#files = files;
  }

  /** A line, cut when it is very long; undefined when there is none. */
  line(file: string, line: number): string | undefined {
    return this.#linesOf(file)?.[line - 1]?.slice(0, LINE_CHARACTERS_MAX);
  }

  /** A place of the VM with its column in characters. */
  position([file, line, byteColumn]: WirePlace): SourcePosition {
    if (byteColumn === 0) return { file, line };
    const text = this.#linesOf(file)?.[line - 1];
    if (text === undefined) return { file, line, column: byteColumn };
    const before = Buffer.from(text).subarray(0, byteColumn - 1);
    return { file, line, column: before.toString('utf8').length + 1 };
  }

  #linesOf(file: string): readonly string[] | undefined {
    const known = this.#lines.get(file);
    if (known !== undefined) return known;
    const source = this.#files.get(file);
    if (source === undefined) return undefined;
    const text = typeof source === 'string' ? source : Buffer.from(source).toString('utf8');
    const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n\r|\n|\r/);
    this.#lines.set(file, lines);
    return lines;
  }
}
