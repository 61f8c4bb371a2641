// How lines of a log travel and lie in the database: many together, their text in one piece and
// compressed, what they have in common said once. A byte says the format, a header of JSON the
// origins and runs of lines, then comes their text.
import { isUtf8 } from 'node:buffer';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { freeBytes, parseJsonObject } from '@rivet/base';
import {
  type LogLine,
  type LogLineLevel,
  type LogStream,
  logLevels,
  logStreams,
} from './job-events.ts';
import { LogCompressor } from './log-compressor.ts';
import { type LogLines, splitText } from './log-lines.ts';

/** The first byte of a block. */
const blockFormats = { zstd: 1, plain: 2 } as const;
/**
 * Smaller blocks are not compressed: packing and opening one is some 30 µs each time, whatever it
 * has, and a busy installation has thousands of them a second.
 */
const COMPRESSED_BYTES_MIN = 1024;
const COMPRESSION = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
/** Hardly a block has more in its header, and one more byte than it has is always needed. */
const HEADER_BYTES_EXPECTED = 2048;
/** Blocks have hardly more when they are open. */
const UNPACKED_BYTES_PER_BYTE = 8;
/** What goes into a block is put together here: it is large, and there are many in a row. */
let shared: Buffer = Buffer.alloc(0);

const compressor = new LogCompressor(COMPRESSION);

/** What a block may hold, once it is not compressed any more. */
export const logBlockLimits = {
  /** Of its header and text together. */
  bytes: 1024 * 1024,
  lines: 100_000,
  /** Characters of a stage's name and the path of sections of a line together. */
  originLength: 4096,
} as const;

/** The latest time that `toISOString` writes with four digits of the year. */
const TIME_MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const LINE_FEED = 0x0a;

export type LogOrigin = readonly [
  stage: string,
  level: LogLineLevel,
  stream: LogStream,
  group: string,
];

/** The lines of a run have an origin and a time in common. */
export interface LogRun {
  readonly origin: LogOrigin;
  readonly timeMs: number;
  readonly count: number;
}

/** A block that was opened. */
export interface OpenedLogBlock {
  readonly runs: readonly LogRun[];
  readonly lineCount: number;
  /** Each line with a line feed behind it. */
  readonly text: Uint8Array;
  /** What it takes when it is open, with its header. */
  readonly bytes: number;
}

/** The same without its text. */
export type LogBlockFacts = Omit<OpenedLogBlock, 'text'> & { readonly textBytes: number };

/** Thrown for bytes that are no block; says why, for whoever sent it. */
export class LogBlockError extends Error {}

type BlockContent = Pick<OpenedLogBlock, 'runs' | 'text'>;

/** Makes the bytes of a block; an origin that several runs have is written once. */
export function encodeLogBlock(content: BlockContent): Buffer {
  const { header, text, bytes } = partsOf(content);
  if (bytes < COMPRESSED_BYTES_MIN) return plainBlock(header, text);
  if (shared.length < bytes) shared = Buffer.allocUnsafeSlow(bytes);
  shared.set(header);
  shared.set(text, header.length);
  return zstdBlock(
    zstdCompressSync(shared.subarray(0, bytes), {
      params: COMPRESSION,
      chunkSize: pieceFor(bytes),
    }),
  );
}

/**
 * The same in a thread of its own: for blocks that are large enough to be worth the way there. What
 * it is given is copied before it returns.
 */
export function packLogBlock(content: BlockContent): Promise<Buffer> {
  const { header, text } = partsOf(content);
  return compressor.compress([header, text]).then(zstdBlock);
}

function partsOf({ runs, text }: BlockContent): {
  readonly header: Buffer;
  readonly text: Uint8Array;
  readonly bytes: number;
} {
  const places = new Map<string, number>();
  const origins: LogOrigin[] = [];
  const timeMs = runs[0]?.timeMs ?? 0;
  const numbers: number[] = [];
  for (const run of runs) {
    const key = JSON.stringify(run.origin);
    let place = places.get(key);
    if (place === undefined) {
      place = origins.push(run.origin) - 1;
      places.set(key, place);
    }
    numbers.push(place, run.timeMs - timeMs, run.count);
  }
  const header = Buffer.from(`${JSON.stringify({ t: timeMs, origins, runs: numbers })}\n`);
  return { header, text, bytes: header.length + text.length };
}

/** Bytes of the piece that zstd fills: of several, all would be put together afterwards. */
function pieceFor(bytes: number): number {
  return Math.max(bytes, constants.Z_MIN_CHUNK);
}

function plainBlock(header: Uint8Array, text: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(blockFormats.plain), header, text]);
}

function zstdBlock(packed: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(blockFormats.zstd), packed]);
}

/**
 * Opens a block that anybody may have made: whatever its bytes are, this takes bounded memory and
 * time, and what it returns can be stored and shown.
 * @param textBytes what its text is said to have: no more room is made than for that
 * @throws LogBlockError
 */
export function openLogBlock(block: Uint8Array, textBytes?: number): OpenedLogBlock {
  const bytes = unpack(block, textBytes);
  if (!isUtf8(bytes)) throw new LogBlockError('is not UTF-8');
  if (bytes.includes(0)) throw new LogBlockError('has a NUL in it');
  const headerEnd = bytes.indexOf(LINE_FEED);
  if (headerEnd === -1) throw new LogBlockError('has no header');
  const text = bytes.subarray(headerEnd + 1);
  const runs = readHeader(bytes.toString('utf8', 0, headerEnd));
  const lineCount = runs.reduce((sum, { count }) => sum + count, 0);
  const found = countLines(text);
  if (lineCount !== found) {
    throw new LogBlockError(`announces ${lineCount} lines and has ${found}`);
  }
  return { runs, lineCount, text, bytes: bytes.length };
}

/**
 * The same where nobody wants the text: the memory that opening took is free when it returns.
 * @throws LogBlockError
 */
export function inspectLogBlock(block: Uint8Array, textBytes?: number): LogBlockFacts {
  const { text, ...facts } = openLogBlock(block, textBytes);
  const inspected = { ...facts, textBytes: text.length };
  close(block, text);
  return inspected;
}

/**
 * The lines of a block with numbers above `after`, `linesMax` of them at most.
 * @param first the number of the first one
 * @throws LogBlockError
 */
export function decodeLogBlock(
  first: number,
  block: Uint8Array,
  after = 0,
  linesMax: number = logBlockLimits.lines,
): LogLine[] {
  const { runs, text } = openLogBlock(block);
  const skipped = Math.max(0, after + 1 - first);
  const texts = splitText(linesOf(text, skipped, linesMax));
  close(block, text);
  const lines: LogLine[] = [];
  let end = 0;
  for (const { origin, timeMs, count } of runs) {
    end += count;
    if (end <= skipped) continue;
    if (lines.length === texts.length) break;
    const [stage, level, stream, group] = origin;
    const t = new Date(timeMs).toISOString();
    while (skipped + lines.length < end && lines.length < texts.length) {
      const line = { n: first + skipped + lines.length, t, stage, level, stream };
      const text = texts[lines.length] ?? '';
      lines.push(group === '' ? { ...line, text } : { ...line, group, text });
    }
  }
  return lines;
}

/** The part of a text that has its lines from place `from` on, `linesMax` of them at most. */
function linesOf(text: Uint8Array, from: number, linesMax: number): Uint8Array {
  const begin = afterLines(text, 0, from);
  return text.subarray(begin, afterLines(text, begin, linesMax));
}

/** Where so many lines end that begin at `at`; the end of the text when it has fewer. */
function afterLines(text: Uint8Array, at: number, count: number): number {
  let end = at;
  for (let left = count; left > 0 && end < text.length; left -= 1) {
    end = text.indexOf(LINE_FEED, end) + 1;
  }
  return end;
}

function unpack(block: Uint8Array, textBytes = UNPACKED_BYTES_PER_BYTE * block.length): Buffer {
  const [format] = block;
  const content = Buffer.from(block.buffer, block.byteOffset, block.length).subarray(1);
  if (format === blockFormats.plain) {
    if (content.length <= logBlockLimits.bytes) return content;
    throw new LogBlockError(`has ${content.length} bytes`);
  }
  if (format !== blockFormats.zstd) {
    throw new LogBlockError(`has the format ${format ?? 'of nothing'}, which is not known`);
  }
  const chunkSize = pieceFor(Math.min(logBlockLimits.bytes, textBytes + HEADER_BYTES_EXPECTED));
  try {
    return zstdDecompressSync(content, { maxOutputLength: logBlockLimits.bytes, chunkSize });
  } catch {
    throw new LogBlockError(
      `is not compressed with zstd, or has more than ${logBlockLimits.bytes} bytes`,
    );
  }
}

/** What a block was opened into goes, unless it is a part of the block itself. */
function close(block: Uint8Array, text: Uint8Array): void {
  if (text.buffer !== block.buffer) freeBytes(text);
}

function readHeader(json: string): LogRun[] {
  const { t, origins, runs } = parseObject(json);
  if (!Array.isArray(origins) || !Array.isArray(runs) || !Number.isSafeInteger(t)) {
    throw new LogBlockError('has a header without a time, origins and runs');
  }
  const known = origins.map(readOrigin);
  const result: LogRun[] = [];
  let lines = 0;
  for (let at = 0; at < runs.length; at += 3) {
    const [place, delta, count] = runs.slice(at, at + 3) as unknown[];
    const origin = known[Number.isInteger(place) ? Number(place) : -1];
    const timeMs = Number(t) + (typeof delta === 'number' ? delta : Number.NaN);
    if (origin === undefined || !isTime(timeMs) || !isCount(count)) {
      throw new LogBlockError('has a run that is no origin, time and count');
    }
    lines += count;
    if (lines > logBlockLimits.lines) {
      throw new LogBlockError(`has more than ${logBlockLimits.lines} lines`);
    }
    result.push({ origin, timeMs, count });
  }
  return result;
}

function parseObject(json: string): Readonly<Record<string, unknown>> {
  const value = parseJsonObject(json);
  if (value === undefined) throw new LogBlockError('has a header that is no JSON object');
  return value;
}

function readOrigin(value: unknown): LogOrigin {
  const [stage, level, stream, group] = Array.isArray(value) ? (value as unknown[]) : [];
  const known =
    isText(stage) &&
    isText(group) &&
    logLevels.includes(level as LogLineLevel) &&
    logStreams.includes(stream as LogStream);
  if (!known) throw new LogBlockError('has an origin that is no stage, level, stream and group');
  const length = stage.length + group.length;
  if (length > logBlockLimits.originLength) {
    throw new LogBlockError(
      `has a stage and sections of ${length} characters; at most ${logBlockLimits.originLength}`,
    );
  }
  return [stage, level as LogLineLevel, stream as LogStream, group];
}

/** JSON can write what UTF-8 cannot have: half a character, or a NUL. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}

function isTime(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= TIME_MS_MAX;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1;
}

/** -1 when the last line has no line feed behind it. */
function countLines(text: Buffer): number {
  if (text.length > 0 && text.at(-1) !== LINE_FEED) return -1;
  let count = 0;
  for (let at = text.indexOf(LINE_FEED); at !== -1; at = text.indexOf(LINE_FEED, at + 1))
    count += 1;
  return count;
}

/** As the writer of a block knows them. */
export function runOf({ stage, level, stream, group, timeMs, count }: LogLines): LogRun {
  return { origin: [stage, level, stream, group], timeMs, count };
}
