// Compresses one block of a log after another in a thread. What zstd needs for it, nearly a
// megabyte, is made once for blocks that follow each other: made for each, it is what makes V8
// collect the heap again and again.
import { constants, createZstdCompress, type ZstdCompress } from 'node:zlib';

/** What is kept for the next block is given back after so long without one, in milliseconds. */
const IDLE_MS = 1000;
/** What comes out is put into pieces of this size, which several blocks share. */
const PIECE_BYTES = 256 * 1024;
/** More are made only when many blocks wait at once. */
const SPARE_MAX = 4;

export class LogCompressor {
  readonly #params: Record<number, number>;
  #stream: ZstdCompress | undefined;
  #closing: NodeJS.Timeout | undefined;
  /** Each block waits for the one before it. */
  #tail: Promise<unknown> = Promise.resolve();
  /** Of blocks that are done: what comes next is put together there. */
  readonly #spare: Buffer[] = [];

  /** @param params of zstd, by its constants */
  constructor(params: Record<number, number>) {
    this.#params = params;
  }

  /** One frame of zstd with all parts in it; they are copied before it returns. */
  compress(parts: readonly Uint8Array[]): Promise<Buffer> {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    const buffer = this.#joined(parts, bytes);
    const result = this.#tail.then(() => this.#compress(buffer.subarray(0, bytes)));
    const done = (): void => {
      if (this.#spare.length < SPARE_MAX) this.#spare.push(buffer);
    };
    this.#tail = result.then(done, done);
    return result;
  }

  #joined(parts: readonly Uint8Array[], bytes: number): Buffer {
    const spare = this.#spare.pop();
    const buffer = spare !== undefined && spare.length >= bytes ? spare : Buffer.allocUnsafe(bytes);
    let at = 0;
    for (const part of parts) {
      buffer.set(part, at);
      at += part.length;
    }
    return buffer;
  }

  async #compress(bytes: Buffer): Promise<Buffer> {
    clearTimeout(this.#closing);
    this.#stream ??= this.#open();
    try {
      return await frameOf(bytes, this.#stream);
    } catch (error) {
      this.#close();
      throw error;
    } finally {
      this.#closing = setTimeout(() => this.#close(), IDLE_MS).unref();
    }
  }

  #open(): ZstdCompress {
    const stream = createZstdCompress({
      params: this.#params,
      chunkSize: PIECE_BYTES,
      // Each write is a frame of its own.
      flush: constants.ZSTD_e_end,
    });
    // Whoever wrote is told.
    return stream.on('error', () => undefined);
  }

  #close(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#spare.length = 0;
  }
}

function frameOf(bytes: Buffer, stream: ZstdCompress): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const take = (): void => {
    for (let piece = stream.read(); piece !== null; piece = stream.read()) pieces.push(piece);
  };
  return new Promise((resolve, reject) => {
    // It goes on only when somebody reads what there is.
    stream.on('readable', take);
    stream.write(bytes, (error) => {
      stream.off('readable', take);
      if (error != null) return reject(error);
      take();
      resolve(Buffer.concat(pieces));
    });
  });
}
