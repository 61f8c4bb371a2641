// Reads the body of an answer: decompressed, and never more of it than was asked for.
import { pipeline as pipe, Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { formatSize, RivetError } from '@rivet/base';
import type { Exchange } from './exchange.ts';
import { exchangeFailure } from './http-failure.ts';
import type { Progress } from './progress.ts';
import type { Slots } from './slots.ts';

/** The encodings that an answer may have, as `accept-encoding` says them. */
export const ACCEPTED_ENCODINGS = 'gzip, br, deflate';

const ENCODINGS_MAX = 2;
/** Bytes of an answer that are read without waiting for a place among the large ones. */
const SMALL_BYTES = 256 * 1024;

/** The places for large answers, and what stops waiting for one. */
export interface LargeAnswers {
  readonly slots: Slots;
  readonly signal: AbortSignal;
}

/**
 * The whole body.
 * @param bytesMax of the body after it was decompressed
 * @param large absent where `bytesMax` is small
 * @throws RIVET_HTTP_TOO_LARGE, RIVET_HTTP_INVALID for a body that cannot be decompressed,
 *   RIVET_HTTP_BROKEN
 */
export async function readBody(
  exchange: Exchange,
  request: string,
  bytesMax: number,
  progress: Progress,
  large?: LargeAnswers,
): Promise<Buffer> {
  const encodings = encodingsOf(exchange, request);
  const announced = Number(exchange.headers.get('content-length') ?? 0);
  if (encodings.length === 0 && announced > bytesMax) throw tooLarge(request, bytesMax, announced);
  const chunks: Buffer[] = [];
  let length = 0;
  let source: AsyncIterable<Buffer> = exchange.body;
  for (const encoding of encodings) source = decode(source, encoding);
  let free: (() => void) | undefined;
  try {
    for await (const chunk of source) {
      length += chunk.length;
      if (length > bytesMax) throw tooLarge(request, bytesMax, undefined);
      progress.phase = `reading the body of the answer, ${formatSize(length)} so far`;
      chunks.push(chunk);
      // Meanwhile the connection waits, and the server with it.
      if (length > SMALL_BYTES) free ??= await large?.slots.take(large.signal);
    }
    return Buffer.concat(chunks, length);
  } catch (error) {
    throw decodeFailure(request, error) ?? exchangeFailure(request, progress, error);
  } finally {
    free?.();
  }
}

/** What an answer larger than allowed is answered with; `found` is what it said its length is. */
export function tooLarge(request: string, limit: number, found: number | undefined): RivetError {
  return RivetError.of('RIVET_HTTP_TOO_LARGE', {
    request,
    limit: formatSize(limit),
    found: found === undefined ? '' : `: it says it has ${formatSize(found)}`,
  });
}

/** In the order in which they have to be undone. */
function encodingsOf({ headers }: Exchange, request: string): string[] {
  const names = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim().replace(/^x-/, ''))
    .filter((name) => name !== '' && name !== 'identity');
  const unknown = names.find((name) => !['gzip', 'br', 'deflate'].includes(name));
  if (unknown === undefined && names.length <= ENCODINGS_MAX) return names.reverse();
  const found = JSON.stringify(names.join(', ').slice(0, 100));
  const reason = `its content-encoding is ${found}; ${ACCEPTED_ENCODINGS} were offered`;
  throw RivetError.of('RIVET_HTTP_INVALID', { request, reason });
}

/** Takes an encoding off; its stream is made when the first bytes are there. */
async function* decode(
  source: AsyncIterable<Buffer>,
  encoding: string,
): AsyncGenerator<Buffer, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const rest: AsyncIterable<Buffer> = { [Symbol.asyncIterator]: () => iterator };
  const whole = Readable.from(startingWith(first.value, rest), { objectMode: false });
  // Errors of either stream come out of the second one, which is read here.
  yield* pipe(whole, decompressor(encoding, first.value), () => {}) as AsyncIterable<Buffer>;
}

async function* startingWith(first: Buffer, rest: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  yield first;
  yield* rest;
}

function decompressor(encoding: string, first: Buffer): Transform {
  if (encoding === 'gzip') return createGunzip();
  if (encoding === 'br') return createBrotliDecompress();
  // `deflate` is zlib's format, but some servers send it without zlib's header.
  return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
}

function decodeFailure(request: string, error: unknown): RivetError | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !/^(Z_|ERR_BROTLI|ERR_.*BROTLI|ERR__ERROR)/.test(code)) {
    return undefined;
  }
  const why = code === 'Z_BUF_ERROR' ? 'ends too early' : 'is damaged';
  const reason = `its compressed body ${why} (${code})`;
  return RivetError.of('RIVET_HTTP_INVALID', { request, reason }, error);
}
