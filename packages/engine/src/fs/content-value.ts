// The content of a file as a script gets it.
import { isUtf8 } from 'node:buffer';
import { RivetError } from '@rivet/base';
import { type PathBytes, showPath } from './script-path.ts';

/** Each line is a value of its own on its way to the script. */
const LINES_MAX = 200_000;

/** Bytes in the form that takes less room on the way. */
export function contentValue(content: Buffer): string | Uint8Array {
  if (!isUtf8(content)) return content;
  const text = content.toString('utf8');
  // JSON writes each control character with six.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\0-\x08\x0b\x0c\x0e-\x1f]/.test(text) ? content : text;
}

/**
 * The lines of a file, each without its `\n` or `\r\n`; the last one needs none.
 * @throws RIVET_FS_TOO_LARGE
 */
export function contentLines(
  name: string,
  path: PathBytes,
  content: Buffer,
): (string | Uint8Array)[] {
  const lines: (string | Uint8Array)[] = [];
  for (let from = 0; from < content.length; ) {
    const feed = content.indexOf(0x0a, from);
    const end = feed === -1 ? content.length : feed;
    const cut = feed > from && content[feed - 1] === 0x0d ? end - 1 : end;
    if (lines.push(contentValue(content.subarray(from, cut))) > LINES_MAX) {
      const limit = `${LINES_MAX} lines`;
      const details = { function: name, path: showPath(path), found: 'more lines', limit };
      throw RivetError.of('RIVET_FS_TOO_LARGE', details);
    }
    from = end + 1;
  }
  return lines;
}
