// COPY in both directions as streams of bytes: pg brings none of it.
import { once } from 'node:events';
import { type Duplex, Readable } from 'node:stream';
import type { Client, Submittable } from 'pg';

/** What pg's connection has and its types leave out. */
interface CopyConnection {
  readonly stream: Duplex;
  query(sql: string): void;
  sendCopyFromChunk(chunk: Uint8Array): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** pg gives one message a row; they are passed on in pieces of this size. */
const PIECE_BYTES = 64 * 1024;

/**
 * What `COPY … TO STDOUT` says. The client can do nothing else until the stream has ended; a reader
 * that is slow makes the database wait.
 */
export function copyOut(client: Client, sql: string): Readable {
  const out = new CopyOut(sql);
  client.query(out as unknown as Submittable);
  return out;
}

class CopyOut extends Readable {
  readonly #sql: string;
  #connection: CopyConnection | undefined;
  #piece: Buffer[] = [];
  #pieceBytes = 0;

  constructor(sql: string) {
    super({ highWaterMark: 16 * PIECE_BYTES });
    this.#sql = sql;
  }

  submit(connection: CopyConnection): void {
    this.#connection = connection;
    connection.query(this.#sql);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    // The parser uses the memory of the message again.
    this.#piece.push(Buffer.from(chunk));
    this.#pieceBytes += chunk.length;
    if (this.#pieceBytes >= PIECE_BYTES) this.#pass();
  }

  handleCommandComplete(): void {
    this.#pass();
  }

  handleReadyForQuery(): void {
    this.push(null);
  }

  handleError(error: Error): void {
    this.destroy(error);
  }

  override _read(): void {
    this.#connection?.stream.resume();
  }

  #pass(): void {
    if (this.#pieceBytes === 0) return;
    const more = this.push(Buffer.concat(this.#piece));
    this.#piece = [];
    this.#pieceBytes = 0;
    if (!more) this.#connection?.stream.pause();
  }
}

/**
 * Feeds `COPY … FROM STDIN`; gives the number of rows. An error of `rows` undoes the statement and
 * is thrown.
 */
export async function copyIn(
  client: Client,
  sql: string,
  rows: AsyncIterable<Uint8Array>,
): Promise<number> {
  const copy = new CopyIn(sql, rows);
  client.query(copy as unknown as Submittable);
  return copy.done;
}

class CopyIn {
  readonly done: Promise<number>;
  readonly #sql: string;
  readonly #rows: AsyncIterable<Uint8Array>;
  readonly #failed = new AbortController();
  #settle: { resolve(count: number): void; reject(error: unknown): void };
  #count = 0;

  constructor(sql: string, rows: AsyncIterable<Uint8Array>) {
    this.#sql = sql;
    this.#rows = rows;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  submit(connection: CopyConnection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    void this.#feed(connection);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#count = Number(/^COPY (\d+)$/.exec(text)?.[1]);
  }

  handleReadyForQuery(): void {
    this.#settle.resolve(this.#count);
  }

  handleError(error: unknown): void {
    this.#failed.abort();
    this.#settle.reject(error);
  }

  async #feed(connection: CopyConnection): Promise<void> {
    const { stream } = connection;
    const { signal } = this.#failed;
    try {
      for await (const piece of this.#rows) {
        if (signal.aborted) return;
        connection.sendCopyFromChunk(piece);
        if (stream.writableNeedDrain) await once(stream, 'drain', { signal });
      }
      connection.endCopyFrom();
    } catch (error) {
      // The first rejection counts: the database only repeats what it is told here.
      this.#settle.reject(error);
      if (!signal.aborted) connection.sendCopyFail('the rows could not be read');
    }
  }
}
