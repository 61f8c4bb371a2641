// How log lines lie in the database: as the block that a runner packed or, where lines came one by
// one, one JSON value a line, compressed. The first byte tells which.
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';
import { decodeLogBlock, type LogLine } from '@rivet/protocol';

const compress = promisify(deflate);
const decompress = promisify(inflate);
/** What zlib begins with; blocks begin with the number of their format. */
const ZLIB = 0x78;

/** The bytes of a chunk. `n` is not stored: it follows from the first line's number. */
export async function encodeLogChunk(lines: readonly LogLine[]): Promise<Buffer> {
  const text = lines.map(({ n: _, ...line }) => JSON.stringify(line)).join('\n');
  return compress(text, { level: 3 });
}

/** The lines of a chunk with numbers above `after`, `linesMax` of them at most. */
export async function decodeLogChunk(
  firstLine: number,
  bytes: Uint8Array,
  after = 0,
  linesMax = Number.POSITIVE_INFINITY,
): Promise<LogLine[]> {
  if (bytes[0] !== ZLIB) return decodeLogBlock(firstLine, bytes, after, linesMax);
  const text = (await decompress(bytes)).toString('utf8');
  const skipped = Math.max(0, after + 1 - firstLine);
  return text
    .split('\n')
    .slice(skipped, skipped + linesMax)
    .map((line, index) => ({ n: firstLine + skipped + index, ...JSON.parse(line) }) as LogLine);
}
