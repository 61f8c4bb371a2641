// Server-sent events to one client, no faster than it reads. Thousands are open: each is one small
// object, and what they have in common lies in `stream-keeper.ts`.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** More waits for no client; what comes then is read anew from the database, when it has read. */
const WAITING_BYTES_MAX = 256 * 1024;
/** A client that takes nothing for so long is let go; it resumes by its last event id. */
const STALLED_MS = 30_000;
/** What clients wait before they connect again, in milliseconds. */
const RETRY_MS = 500;
/** Comment lines keep the connection open through proxies, and tell the client that we live. */
const HEARTBEAT = Buffer.from(': \n\n');

/** The bytes of one event, which any number of streams can be sent. */
export function eventFrame(event: string, data: unknown, id?: string): Buffer {
  return Buffer.from(eventText(event, data, id));
}

/** The same as text, to be joined with others. */
export function eventText(event: string, data: unknown, id?: string): string {
  const head = id === undefined ? '' : `id: ${id}\n`;
  // JSON has no line feed outside of strings, and none unescaped inside.
  return `${head}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export class EventStream {
  readonly #response: ServerResponse;
  #closed = false;
  #onChange: (() => void) | undefined;
  /** Bytes that the client had taken when they were counted last, and since when it is so many. */
  #taken = 0;
  #takenAtMs = 0;

  /** Takes over the reply. */
  constructor(reply: FastifyReply) {
    reply.hijack();
    const response = reply.raw;
    this.#response = response;
    // One for all three: each stream has its own.
    const heard = (error?: Error): void => {
      if (error === undefined && !this.#response.destroyed) this.#tell();
      else this.#close();
    };
    response.on('close', heard).on('error', heard).on('drain', heard);
    response.writeHead(200, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
    // Node keeps the head for as long as the stream is open: as some sixty pieces of text when it
    // is sent together with others, as one when it is sent by itself.
    response.flushHeaders();
    // Those that end together do not come back together.
    response.write(`retry: ${RETRY_MS + Math.floor(Math.random() * RETRY_MS)}\n\n`);
  }

  /** Whether the client is gone or was let go: nothing reaches it any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether so much waits that the client must read first. */
  get full(): boolean {
    return this.#response.writableLength > WAITING_BYTES_MAX;
  }

  /** Sends a frame, or several. It is kept until the client takes it: ask `full` before. */
  write(frame: Buffer): void {
    if (this.#closed) return;
    this.#response.write(frame);
  }

  /** Resolves when the client can take more, or is gone. */
  async drained(): Promise<void> {
    while (this.full && !this.#closed) {
      await new Promise<void>((resolve) => this.listen(resolve));
    }
  }

  /**
   * Told once, when the client has taken all that waited or is gone. At most one listens; undefined
   * stops it.
   */
  listen(onChange: (() => void) | undefined): void {
    this.#onChange = onChange;
  }

  /** Lets a client go that has taken nothing for long, of what waits; to be asked every second. */
  letGoWhenStalled(nowMs: number): void {
    const { socket, writableLength } = this.#response;
    const taken = (socket?.bytesWritten ?? 0) - writableLength;
    if (writableLength > 0 && taken === this.#taken) {
      if (nowMs - this.#takenAtMs > STALLED_MS) this.destroy();
      return;
    }
    this.#taken = taken;
    this.#takenAtMs = nowMs;
  }

  heartbeat(): void {
    if (this.#response.writableLength === 0) this.write(HEARTBEAT);
  }

  /** What waits is still sent. */
  end(): void {
    this.#response.end();
    this.#close();
  }

  /** What waits to be read goes too: it may have been written for somebody who might see it. */
  destroy(): void {
    this.#response.destroy();
    this.#close();
  }

  #close(): void {
    this.#closed = true;
    this.#tell();
  }

  #tell(): void {
    const onChange = this.#onChange;
    this.#onChange = undefined;
    onChange?.();
  }
}
