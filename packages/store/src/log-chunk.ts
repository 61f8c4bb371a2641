// How log lines lie in the database: one JSON value a line, compressed.
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import type { LogLine } from '@rivet/protocol';

const compress = promisify(deflate);
const decompress = promisify(inflate);

/** The bytes of a chunk. `n` is not stored: it follows from the first line's number. */
export async function encodeLogChunk(lines: readonly LogLine[]): Promise<Buffer> {
  const text = lines.map(({ n: _, ...line }) => JSON.stringify(line)).join('\n');
  return compress(text, { level: 3 });
}

/** The lines of a chunk. */
export async function decodeLogChunk(firstLine: number, bytes: Uint8Array): Promise<LogLine[]> {
  const text = (await decompress(bytes)).toString('utf8');
  return text
    .split('\n')
    .map((line, index) => ({ n: firstLine + index, ...JSON.parse(line) }) as LogLine);
}
