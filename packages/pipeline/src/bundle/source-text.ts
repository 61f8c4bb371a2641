// Turns the bytes of a Lua file into text, or says why they are none.
import { isUtf8 } from 'node:buffer';

export type SourceText =
  | { readonly ok: true; readonly text: string }
  /** `problem` completes the sentence "pipeline.lua …". */
  | { readonly ok: false; readonly problem: string };

/**
 * The text of a Lua file. A byte order mark is dropped and CRLF becomes LF: neither means anything
 * to Lua, and a checkout on Windows then has the digest of one on Linux.
 */
export function decodeSource(bytes: Uint8Array): SourceText {
  const problem = binaryProblem(bytes);
  if (problem !== undefined) return { ok: false, problem };
  const text = new TextDecoder('utf-8').decode(bytes).replaceAll('\r\n', '\n');
  return text.trim() === '' ? { ok: false, problem: 'is empty' } : { ok: true, text };
}

function binaryProblem(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return 'is UTF-16 text';
  }
  if (first === 0x1b && second === 0x4c) return 'is compiled Lua';
  const nul = bytes.indexOf(0);
  if (nul !== -1) {
    // Text in ASCII letters, saved as UTF-16 without a mark, has a zero beside every letter.
    const zeros = bytes.subarray(0, 64).filter((byte) => byte === 0).length;
    return zeros >= Math.min(bytes.length, 64) * 0.4
      ? 'looks like UTF-16 text'
      : `is binary (zero byte in line ${lineOf(bytes, nul)})`;
  }
  return isUtf8(bytes) ? undefined : `is not UTF-8 (line ${firstBadLine(bytes)})`;
}

function firstBadLine(bytes: Uint8Array): number {
  let line = 1;
  for (let start = 0; start <= bytes.length; line += 1) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    if (!isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
  return line;
}

function lineOf(bytes: Uint8Array, offset: number): number {
  return bytes.subarray(0, offset).filter((byte) => byte === 0x0a).length + 1;
}
